"""Reading proc(5): which processes are there, and which of them belong to a program of ours."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

_children: dict[int, "subprocess.Popen[bytes]"] = {}
"""Programs that this very process started: they have to be waited for when they end."""

_ended: dict[int, int] = {}
"""Of those that have: what with; negative is a signal."""


@dataclass(frozen=True)
class Found:
    """A process that is alive."""

    pid: int
    session: int
    started_ticks: int
    """Since the boot; together with the number it names a process for good."""


def adopt(child: "subprocess.Popen[bytes]") -> None:
    """Wait for this child whenever it ends, so that it does not stay as a zombie."""
    _children[child.pid] = child
    _ended.pop(child.pid, None)


def _reap() -> None:
    for pid, child in list(_children.items()):
        status = child.poll()
        if status is not None:
            del _children[pid]
            _ended[pid] = status


def reap_orphans() -> None:
    """Wait for whatever has ended and came to us, as it does to the first process of a container.

    Only for a process that has no child of its own that somebody waits for.
    """
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            continue


def status_of(pid: int) -> int | None:
    """What a program that this very process started has ended with; None if nobody knows."""
    _reap()
    return _ended.get(pid)


def look_at(pid: int) -> Found | None:
    """The process with this number, unless it has ended."""
    _reap()
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    if len(fields) < 20 or fields[0] in "ZX":
        return None
    return Found(pid, session=int(fields[3]), started_ticks=int(fields[19]))


def session(leader: Found, mark: str) -> list[int]:
    """The living processes of the session that a program leads, or has led.

    The leader's number may be another process's by now, so the others are known by their
    environment: ``mark`` is a setting that they have inherited.
    """
    return [
        found.pid
        for found in _all()
        if found.session == leader.pid
        and (found == leader or mark.encode() in _environment(found.pid))
    ]


def signal_session(leader: Found, mark: str, kind: signal.Signals) -> None:
    """Send a signal to each of them."""
    for pid in session(leader, mark):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, kind)


def marked(mark: str) -> list[int]:
    """The living processes that have inherited this setting, ``NAME=value``, wherever they are."""
    return [found.pid for found in _all() if mark.encode() in _environment(found.pid)]


def _all() -> Iterator[Found]:
    for name in os.listdir("/proc"):
        if name.isdecimal() and (found := look_at(int(name))) is not None:
            yield found


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def boot_id() -> str:
    """The kernel's name for this boot: a program of another boot is not running any more."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
