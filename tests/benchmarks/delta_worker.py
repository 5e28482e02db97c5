"""One measured step of the delta benchmark, in a process of its own so that its memory is its own.

Usage: delta_worker.py ours|bsdiff4 make|apply OLD NEW DELTA, where OLD and NEW are tars with their
lists and files beside them. Prints seconds of CPU, and bytes of memory above what the processes
held before they began. Runs in the peer's environment too, hence the imports inside the functions.
"""

import json
import resource
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

_children: list[int] = []
"""The most that each patch coder of ours has held."""


def ours_make(old: Path, new: Path, delta: Path) -> None:
    """What the server does, batch by batch."""
    from distribution.repository.delta_coding import Unpacked, write_delta

    write_delta(Unpacked(old, _list(old)), Unpacked(new, _list(new)), delta)


def ours_apply(old: Path, new: Path, delta: Path) -> None:
    """What the agent does: from the installed files, with the coder in a child."""
    from client_updater.deltas import Basis, rebuilt

    basis = Basis("1.0", old.with_suffix(".files"), _artifact(old))
    with rebuilt(delta, basis, _artifact(new)) as made, new.open("rb") as wanted:
        while piece := made.read(256 * 1024):
            if wanted.read(len(piece)) != piece:
                sys.exit("the delta made something else")


def ours_before(old: Path, new: Path, delta: Path) -> None:
    """Import it all, read the signed lists, which both sides have anyway; start the child once."""
    import hdiffpatch
    import numpy  # noqa: F401 - which a server loads for its first delta

    from client_updater import deltas, patching
    from distribution.repository.delta_coding import write_delta  # noqa: F401

    class Watched(patching.Patcher):
        """Notes the most that the child has held."""

        def __exit__(self, *error: Any) -> None:
            _children.append(_held(self._child.pid, "VmHWM"))
            super().__exit__(*error)

    _list(old), _list(new)
    vars(deltas)["Patcher"] = Watched
    patch = hdiffpatch.diff(b"a", b"b", validate=False)
    with Watched() as patcher:
        list(patcher.apply([b"a"], 1, [patch], len(patch), 1))


def bsdiff4_make(old: Path, new: Path, delta: Path) -> None:
    """What tufup does: bsdiff4 over the two uncompressed tars."""
    import bsdiff4  # type: ignore[import-not-found] # in the peer's environment only

    delta.write_bytes(bsdiff4.diff(old.read_bytes(), new.read_bytes()))


def bsdiff4_apply(old: Path, new: Path, delta: Path) -> None:
    """The new tar from the old one."""
    import bsdiff4

    made = bsdiff4.patch(old.read_bytes(), delta.read_bytes())
    with new.open("rb") as wanted:
        at = 0
        while piece := wanted.read(256 * 1024):
            if made[at : at + len(piece)] != piece:
                sys.exit("the patch made something else")
            at += len(piece)


def bsdiff4_before(old: Path, new: Path, delta: Path) -> None:
    """Import it."""
    import bsdiff4  # noqa: F401


@lru_cache
def _artifact(tar: Path) -> Any:
    from manifests.release import Artifact

    return Artifact.model_validate_json(tar.with_suffix(".json").read_bytes())


def _list(tar: Path) -> Any:
    return _artifact(tar).files


def _held(pid: int | str, field: str) -> int:
    """``VmRSS`` or ``VmHWM`` of a process. Not ``ru_maxrss``, which a parent's size leaks into."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


def _cpu() -> float:
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(who) for who in whose]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _main(who: str, what: str, *names: str) -> None:
    globals()[f"{who}_before"](*map(Path, names))
    held, idle_child = _held("self", "VmRSS"), max(_children, default=0)
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    cpu, began = _cpu(), time.monotonic()
    globals()[f"{who}_{what}"](*map(Path, names))
    agent, child = _held("self", "VmHWM") - held, max(_children, default=0)
    print(
        json.dumps(
            {
                "cpu_seconds": _cpu() - cpu,
                "memory_bytes": agent + child - idle_child,
                "agent_bytes": agent,
                "child_bytes": child,
                "seconds": time.monotonic() - began,
            }
        )
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])
