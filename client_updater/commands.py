"""Commands that somebody else wrote: run to their end or to a deadline, with all they started.

A command leads a session of its own. At its deadline the whole of it is asked to end, and after a
grace is killed. What a command leaves running when it ends in time, such as a service, goes on.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from client_updater import durable, processes
from client_updater.errors import InstallFailed

GRACE_SECONDS = 10.0
_GLANCE_SECONDS = 0.05
_MOST_OUTPUT_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Order:
    """What to run, where, and for how long at most."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    seconds: float
    log: Path

    @property
    def name(self) -> str:
        """For messages."""
        return " ".join(self.command)[:200]

    def to_plain(self) -> dict[str, Any]:
        """As JSON can say it."""
        texts = {"folder": str(self.folder), "log": str(self.log)}
        return {**vars(self), **texts, "environment": dict(self.environment)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """What ``to_plain`` said."""
        paths = {name: Path(plain[name]) for name in ("folder", "log")}
        return cls(**{**plain, **paths})


class NotInTime(InstallFailed):
    """A command was ended at its deadline."""


def run(order: Order) -> int:
    """Run a command and wait for its end; its output goes to the log. Returns its exit status.

    Raises:
        NotInTime: it did not end by its deadline; now it has, with all that it started.
        InstallFailed: it cannot be run at all.
        DiskFull, DiskError: its log cannot be opened; it did not run.
    """
    log = durable.open_log(order.log)
    try:
        child = _start(order, log)
    finally:
        os.close(log)
    return _wait(order, child)


def ask(order: Order) -> tuple[int, str]:
    """Run a command and read what it prints; its exit status and the text.

    Raises:
        NotInTime, InstallFailed: as ``run``.
    """
    read, write = os.pipe()
    try:
        child = _start(order, write, subprocess.DEVNULL)
    except InstallFailed:
        os.close(read)
        raise
    finally:
        os.close(write)
    with open(read, "rb") as pipe:
        deadline = time.monotonic() + order.seconds
        text = _read(pipe.fileno(), deadline)
        status = _wait(order, child, deadline)
    return status, text.decode("utf-8", "replace")


def _read(fd: int, deadline: float) -> bytes:
    os.set_blocking(fd, False)
    text = b""
    while time.monotonic() < deadline:
        try:
            piece = os.read(fd, 65536)
        except BlockingIOError:
            time.sleep(_GLANCE_SECONDS / 5)
            continue
        if not piece:
            break
        text = (text + piece)[:_MOST_OUTPUT_BYTES]
    return text


def _start(order: Order, output: int, errors: int = subprocess.STDOUT) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            list(order.command),
            cwd=order.folder,
            env=dict(order.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise InstallFailed(f"'{order.name}' cannot be run: {error}") from error


def _wait(order: Order, child: "subprocess.Popen[bytes]", deadline: float | None = None) -> int:
    end = time.monotonic() + order.seconds if deadline is None else deadline
    if _ended_by(end, lambda: child.poll() is not None):
        return int(child.returncode)
    _end_all(child)
    raise NotInTime(f"'{order.name}' did not end within {order.seconds:.0f} s, so it was ended")


def _ended_by(deadline: float, is_over: Callable[[], bool]) -> bool:
    while not is_over():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_GLANCE_SECONDS)
    return True


def _end_all(child: "subprocess.Popen[bytes]") -> None:
    """End what is left of the process group: asked first, then forced."""

    def is_over() -> bool:
        child.poll()
        return not _signal(child.pid, 0)

    _signal(child.pid, signal.SIGTERM)
    if not _ended_by(time.monotonic() + GRACE_SECONDS, is_over):
        _signal(child.pid, signal.SIGKILL)
    child.wait()


def _signal(group: int, number: int) -> bool:
    """Whether anybody was there to hear it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


def end_left_over(mark: str) -> None:
    """End the processes of a command whose agent died, known by a setting of their environment."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        for pid in processes.marked(mark):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, kind)
        if _ended_by(time.monotonic() + GRACE_SECONDS, lambda: not processes.marked(mark)):
            return
