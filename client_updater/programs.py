"""Programs that the agent starts, finds again and stops.

A program runs in a session of its own, so it outlives the agent; a small file says which process
it is, with the process's start time and the boot, so that another process of the same number is
never taken for it. The process is held at its start until that file is written: there is never a
program running that the agent does not know of.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from client_updater import durable, processes
from client_updater.agent_log import MOST_LOG_BYTES as MOST_LOG_BYTES
from client_updater.errors import RevertFailed, StartFailed, StateUnusable
from client_updater.state import read_private
from manifests.documents import Document
from manifests.errors import ManifestError

_KEPT_LOG_BYTES = 1024 * 1024
_TAIL_BYTES = 12_000
_KEPT_LOG_SECONDS = 14 * 24 * 3600
_POLL_SECONDS = 0.05

# Waits for the word to go on, then becomes the program; without the word it ends. The command is
# handed over as arguments and is never read as shell text.
_GATE = ("/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "hsp-program")
_MARK = "HSP_PROGRAM"


class Process(Document):
    """Which process a program is."""

    pid: int
    started_ticks: int
    boot_id: str
    version: str

    @property
    def leader(self) -> processes.Found:
        """It leads the session that was made for it."""
        return processes.Found(self.pid, self.pid, self.started_ticks)

    @property
    def is_alive(self) -> bool:
        """Whether it is still this process that has the number, and not a dead one."""
        return processes.look_at(self.pid) == self.leader


@dataclass(frozen=True)
class Programs:
    """The programs of one site, one per product."""

    run: Path
    logs: Path
    boot_id: str

    def running(self, product: str) -> Process | None:
        """The process of a product's program, if it is alive."""
        process = self._noted(product)
        return process if process is not None and process.is_alive else None

    def ended_with(self, product: str) -> int | None:
        """The status of a product's program that has ended; None if it has not, or nobody knows."""
        process = self._noted(product)
        return None if process is None else processes.status_of(process.pid)

    def _noted(self, product: str) -> Process | None:
        """The process that was last started in this boot, dead or alive."""
        with suppress(FileNotFoundError, StateUnusable, ManifestError):
            process = Process.from_bytes(read_private(self._path(product)))
            return process if process.boot_id == self.boot_id else None
        return None

    def start(
        self,
        product: str,
        version: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        """Start a product's program.

        Raises:
            StartFailed: the process cannot be made.
            DiskFull, DiskError: its log or its note cannot be written; it does not run.
        """
        log = durable.open_log(self.log(product, version))
        try:
            child = subprocess.Popen(
                [*_GATE, *command],
                cwd=folder,
                env={**environment, _MARK: str(self._path(product))},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise StartFailed(f"{product} {version} cannot be started: {error}") from error
        finally:
            os.close(log)
        processes.adopt(child)
        self._let_go(product, version, child)

    def _let_go(self, product: str, version: str, child: "subprocess.Popen[bytes]") -> None:
        assert child.stdin is not None  # noqa: S101 - it was asked for above
        try:
            found = processes.look_at(child.pid)
            process = Process(
                pid=child.pid,
                started_ticks=found.started_ticks if found else 0,
                boot_id=self.boot_id,
                version=version,
            )
            durable.write_unsynced(self._path(product), process.to_bytes())
            with suppress(BrokenPipeError):
                child.stdin.write(b"go\n")
        finally:
            with suppress(BrokenPipeError):
                child.stdin.close()

    def stop(self, product: str, grace_seconds: float) -> None:
        """End a product's program and everything it started: asked first, then forced.

        Raises:
            RevertFailed: it is still there after it was killed.
        """
        process = self._noted(product)
        if process is None:
            return
        for kind, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 10.0)):
            processes.signal_session(process.leader, self._mark(product), kind)
            if self._ended_within(process, product, seconds):
                durable.remove(self._path(product))
                return
        raise RevertFailed(f"process {process.pid} of {product} cannot be ended")

    def _ended_within(self, process: Process, product: str, seconds: float) -> bool:
        """Whether all of its session is gone; what outlives its leader is killed at once."""
        deadline = time.monotonic() + seconds
        while processes.session(process.leader, self._mark(product)):
            if not process.is_alive:
                processes.signal_session(process.leader, self._mark(product), signal.SIGKILL)
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def log(self, product: str, version: str) -> Path:
        """Where the program's output goes."""
        return self.logs / f"{product}-{version}.log"

    def tail(self, product: str, version: str) -> str:
        """The end of its output, fit for a report."""
        try:
            with open(self.log(product, version), "rb") as file:
                file.seek(max(os.fstat(file.fileno()).st_size - _TAIL_BYTES, 0))
                text = file.read(_TAIL_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""
        fit = (letter if letter.isprintable() or letter in "\n\t" else "?" for letter in text)
        return "".join(fit).replace("\ufffd", "?")

    def bound_logs(self, kept: Mapping[str, set[str]]) -> None:
        """Keep logs within their size; those of versions that are gone stay for two weeks.

        Raises:
            DiskFull, DiskError: some are as they were.
        """
        wanted = {self.log(name, version) for name, those in kept.items() for version in those}
        for path in self.logs.glob("*.log"):
            durable.trim_log(path, MOST_LOG_BYTES, _KEPT_LOG_BYTES)
            age = time.time() - path.lstat().st_mtime
            if path not in wanted and age > _KEPT_LOG_SECONDS:
                durable.remove(path)

    def _mark(self, product: str) -> str:
        """What the environment of a program, and of all it starts, says of whose it is."""
        return f"{_MARK}={self._path(product)}"

    def _path(self, product: str) -> Path:
        return self.run / f"{product}.json"


def minimal_environment() -> dict[str, str]:
    """What a started program inherits of the agent's own environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin"} | kept
