"""Agents that live in a forked process, count their steps, and can be killed or refused at any one.

A fork of a warm parent costs a few milliseconds and no imports. The parent may have threads (its
web servers): forking is safe as long as no request is under way, since an idle thread holds no
lock; so a parent forks only after the agent of before has ended.

A *step* is a call of ``durable.disk``, a start of a program, or a signal to one.
"""

import ctypes
import os
import pickle
import select
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client_updater import durable, processes
from client_updater.durable import Disk

_SET_CHILD_SUBREAPER = 36
DISK_CALLS = tuple(name for name in vars(Disk) if not name.startswith("_"))


@dataclass(frozen=True)
class Ending:
    """How a forked agent ended: ``done``, ``killed``, ``raised`` or ``hung``, and with what."""

    how: str
    answer: Any = None


def in_child(action: Callable[[], Any], seconds: float = 60.0) -> Ending:
    """Run ``action`` in a forked process; what it returns is pickled back."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads; see the module's words
        pid = os.fork()
    if pid == 0:
        _live(action, write)
    os.close(write)
    try:
        said, in_time = _listen(read, time.monotonic() + seconds)
    finally:
        os.close(read)
        if not (said and in_time):
            os.kill(pid, signal.SIGKILL)  # a hung one; a dead one does not mind
        os.waitpid(pid, 0)
    if not in_time:
        return Ending("hung")
    return Ending(*pickle.loads(said)) if said else Ending("killed")  # noqa: S301 - our own child


def _listen(read: int, deadline: float) -> tuple[bytes, bool]:
    said = b""
    while (left := deadline - time.monotonic()) > 0:
        if select.select([read], [], [], left)[0]:
            data = os.read(read, 65536)
            if not data:
                return said, True
            said += data
    return said, False


def _live(action: Callable[[], Any], write: int) -> None:
    try:
        words = ("done", action())
    except BaseException:
        words = ("raised", traceback.format_exc())
    with suppress(BaseException):
        data = pickle.dumps(words)
        while data:
            data = data[os.write(write, data) :]
    os._exit(0)


class Steps(Disk):
    """A disk that calls ``before`` with a word on each step, then does it."""

    def __init__(self, before: Callable[[str], None]) -> None:
        self._before = before
        for name in DISK_CALLS:
            setattr(self, name, self._told(name, getattr(Disk, name)))

    def _told(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def told(*args: Any, **options: Any) -> Any:
            self._before(name)
            return call(*args, **options)

        return told

    def install(self, *, programs: bool) -> None:
        """Take the disk's place in this process; ``programs``: those of the programs too."""
        durable.disk = self
        if programs:
            vars(subprocess)["Popen"] = self._told("start", subprocess.Popen)
            vars(processes)["adopt"] = self._told("adopt", processes.adopt)
            vars(processes)["signal_session"] = self._told("signal", processes.signal_session)


def killer(at: int) -> Callable[[str], None]:
    """Kills this very process before its step number ``at``, from 1."""
    left = [at]

    def before(name: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGKILL)

    return before


def place() -> str:
    """Which function of the agent does the present step, without the machinery around it."""
    frame, words = sys._getframe(1), []
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("client_updater."):
            words.append(f"{name.removeprefix('client_updater.')}.{frame.f_code.co_name}")
        frame = frame.f_back
    return " < ".join(words)


def adopt_orphans() -> None:
    """Become the parent of what forked agents leave running, so that it can be reaped."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no orphans can be adopted")


def children() -> Iterator[int]:
    """The living processes whose parent is this one."""
    for pid in _among():
        with suppress(OSError), open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            fields = file.read().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and fields[0] not in "ZX":
                yield pid


def _among() -> list[int]:
    """Processes among which the children are: as the kernel lists those of each thread, which is
    exact while nobody reaps; all that there are where it does not, or a thread ends meanwhile."""
    try:
        lists = [task / "children" for task in Path("/proc/self/task").iterdir()]
        return [int(word) for each in lists for word in each.read_text().split()]
    except OSError:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def end_children() -> None:
    """Kill whatever agents of before have left running, and reap everything."""
    with suppress(ChildProcessError):
        while True:
            for pid in children():  # anew each time: what a killed one has left becomes ours
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0)
