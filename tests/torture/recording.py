"""A whole update, recorded: every call of the disk, and what it promised by then."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from client_updater.programs import Process
from manifests.envelope import peek
from manifests.install_report import REPORT_TYPE
from tests.simulators.mortal import in_child
from tests.simulators.power import Call, Recorder
from tests.simulators.site import SimulatedSite
from tests.torture.bench import PRODUCT, Bench, Heard

_ACTS = ("metadata/verified/", "slots/", "journal/")
"""Where the agent first writes something that follows from what the repository shows."""


@dataclass(frozen=True)
class Promise:
    """A report that was sealed and written durably: behind call ``number`` it is never lost."""

    number: int
    sequence: int
    content: bytes


@dataclass(frozen=True)
class Recording:
    """The calls of one update, and when the control plane received its reports."""

    calls: tuple[Call, ...]
    received_at: tuple[int, ...]
    earlier_reports: int
    knows: Heard
    """What the control plane knows in the end."""

    @cached_property
    def acted(self) -> int:
        """The number of calls before the agent acts on the new metadata."""
        acting = (n for n, call in enumerate(self.calls) if call.path.startswith(_ACTS))
        return next(acting)

    @cached_property
    def promises(self) -> tuple[Promise, ...]:
        """All reports, each from the call on that made it durable."""
        return tuple(_promises(self.calls))

    @cached_property
    def starts(self) -> tuple[tuple[int, str], ...]:
        """The versions whose programs were started, each with the call that let it go."""
        return tuple(_starts(self.calls))

    @cached_property
    def unwell(self) -> int:
        """The number of calls after which 2.0 is known to be unwell, for good."""
        return _durable_from(self.calls, "journal", b'"step":"revert"')

    @property
    def fsyncs(self) -> list[int]:
        """The positions of all syncs."""
        return [n for n, call in enumerate(self.calls) if call.name == "fsync"]

    def heard(self, number: int) -> int:
        """How many reports the control plane can have before call ``number``, counted from 0."""
        if number == len(self.calls):
            return self.earlier_reports + len(self.received_at)
        return self.earlier_reports + sum(at < self.calls[number].at for at in self.received_at)

    def without(self, position: int) -> "Recording":
        """The recording of an agent that forgets this one sync."""
        calls = list(self.calls)
        calls[position] = calls[position].forgotten
        mutant = replace(self, calls=tuple(calls))
        mutant.__dict__.update(  # it owes the same
            acted=self.acted, promises=self.promises, starts=self.starts, unwell=self.unwell
        )
        return mutant


def _promises(calls: tuple[Call, ...]) -> Iterator[Promise]:
    unsynced: dict[int, bytes] = {}
    sealed: dict[str, bytes] = {}
    for number, call in enumerate(calls, 1):
        if call.name == "write" and call.path.startswith("outbox/."):
            sealed[call.path] = sealed.get(call.path, b"") + call.data
        elif call.name == "rename" and call.other.endswith(".dsse"):
            sequence = int(Path(call.other).stem)
            unsynced[sequence] = peek(sealed[call.path], REPORT_TYPE)
        elif call.name == "fsync" and call.path == "outbox":
            for sequence, content in unsynced.items():
                yield Promise(number, sequence, content)
            unsynced = {}


def _starts(calls: tuple[Call, ...]) -> Iterator[tuple[int, str]]:
    note = b""
    for number, call in enumerate(calls, 1):
        if call.name == "write" and call.path == f"run/.{PRODUCT}.json.new":
            note = call.data
        elif call.name == "rename" and call.other == f"run/{PRODUCT}.json":
            yield number, Process.from_bytes(note).version


def _durable_from(calls: tuple[Call, ...], folder: str, words: bytes) -> int:
    """The number of calls after which what was written with these words is durable."""
    written = False
    for number, call in enumerate(calls, 1):
        inside = call.path == folder or call.path.startswith(f"{folder}/")
        written = written or (inside and call.name == "write" and words in call.data)
        if written and call.name == "fsync" and call.path == folder:
            return number
    return len(calls) + 1


class Died(BaseException):
    """A recorder ends its agent here."""


def record(ready: Bench, *doomed: type[Recorder]) -> Recording:
    """Record one whole update; the bench is left as it is after it.

    Args:
        ready: where it happens.
        doomed: recorders of agents that live before the one that completes it; each ends its own.
    """
    ready.restore()
    received_at: list[int] = []
    plane, handle = ready.plane, ready.plane.handle

    def noting(path: str, body: bytes) -> tuple[int, bytes]:
        before, reply = len(plane.received), handle(path, body)
        received_at.extend([time.monotonic_ns()] * (len(plane.received) - before))
        return reply

    vars(plane)["handle"] = noting
    calls = [call for kind in (*doomed, Recorder) for call in _life(ready.site, kind)]
    del vars(plane)["handle"]
    return Recording(tuple(calls), tuple(received_at), len(ready.began.received), ready.heard())


def _life(site: SimulatedSite, kind: type[Recorder]) -> list[Call]:
    def poll() -> list[Call]:
        recorder = kind(site.folder, ["metadata"])
        recorder.install()
        with suppress(Died):
            site.poll()
        return recorder.calls

    ending = in_child(poll)
    assert ending.how == "done", ending.answer
    found: list[Call] = ending.answer
    return found
