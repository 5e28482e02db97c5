"""The state folder: where everything of the agent lies, who may look at it, who works in it.

Layout, below ``/var/lib/hsp-updater`` unless said otherwise::

    enrolment.json site.key site.toml agent.toml   who the site is, and what its people set
    trust/      the pinned root and the trust floor (two copies)
    metadata/   python-tuf's cache, and verified/: small verified files by hash; both may vanish
    downloads/  what is being fetched
    staging/    what is being unpacked
    slots/      <product>/<version>/, its <version>.release, the links current and previous
    products/   what the site has learnt about each product
    journal/    the step that each unfinished attempt has come to
    outbox/     reports that the server has not acknowledged, and the newest of those it has
    steps/      what support has asked for, and answers that the server has not acknowledged
    site.key.next  a new key that the server has not answered for
    witness.json  the newest checkpoint of the server's audit log that it was told
    run/ logs/  the programs that run, and what they print
    snapshots/  what an unfinished attempt may have to put back: data, replaced packages
    launcher/   what the agent and its launcher tell each other
"""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from client_updater import durable
from client_updater.errors import DISK_TROUBLE, AlreadyRunning, StateUnusable

DEFAULT_STATE = Path("/var/lib/hsp-updater")
MAX_STATE_FILE_BYTES = 32 * 1024 * 1024
_AGENT_LOCK = "agent.lock"
FOLDERS = (
    *("trust", "metadata", "metadata/verified", "downloads", "staging", "slots"),
    *("products", "journal", "outbox", "run", "logs", "snapshots", "launcher", "steps"),
)


@dataclass(frozen=True)
class StateFolder:
    """The paths below one state folder, and the two locks on it."""

    path: Path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @property
    def is_there(self) -> bool:
        """Whether anything was ever made at this path."""
        return os.path.lexists(self.path)

    def check(self) -> None:
        """Refuse a folder that somebody else could have written into.

        Raises:
            StateUnusable: missing, not a folder, of another owner, or open to others.
        """
        try:
            found = self.path.lstat()
        except OSError as error:
            raise StateUnusable(
                f"the state folder {self.path} cannot be read: {error.strerror}",
                hint="join first with 'hsp-updater enroll', or name the right folder with --state",
            ) from error
        if not stat.S_ISDIR(found.st_mode):
            raise StateUnusable(f"{self.path} is not a folder")
        _check_owner(self.path, found, {os.geteuid()})
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise StateUnusable(
                f"{self.path} has mode {stat.S_IMODE(found.st_mode):04o}, expected 0700",
                hint=f"find out who changed it, then: chmod 700 {self.path}",
            )

    def make(self) -> None:
        """Make the folder and everything below it that is missing.

        Raises:
            StateUnusable: something unfit is in its place.
            DiskFull, DiskError: it cannot be made.
        """
        if not self.is_there:
            durable.make_folders(self.path)
        self.check()
        missing = [self.path / name for name in FOLDERS if not (self.path / name).is_dir()]
        durable.make_folders(*missing)

    @contextmanager
    def as_the_agent(self) -> Iterator[int]:
        """Be the one agent of this folder; the lock's descriptor, for a child to hold it as well.

        Raises:
            AlreadyRunning: another one is.
        """
        with self._locked(_AGENT_LOCK, wait_seconds=0) as lock:
            yield lock

    def keep_lock(self, lock: int) -> None:
        """Hold the agent's lock by a descriptor that a parent has handed over.

        Raises:
            AlreadyRunning: it is not that lock, or somebody else holds it.
        """
        try:
            ours = os.path.samestat(os.fstat(lock), (self.path / _AGENT_LOCK).stat())
        except OSError:
            ours = False
        if not ours or not _try_lock(lock):
            raise AlreadyRunning("this is a part of 'hsp-updater run'", hint="use that")
        os.set_inheritable(lock, False)

    @contextmanager
    def at_work(self, wait_seconds: float = 600) -> Iterator[None]:
        """Be the one process that changes something in this folder now.

        A poll takes it, and so does a command such as ``approve`` between two polls.

        Raises:
            AlreadyRunning: another one still does after ``wait_seconds``.
            DiskFull, DiskError: there is no file to lock on.
        """
        with self._locked("work.lock", wait_seconds):
            self._sweep()
            yield

    @contextmanager
    def watching(self) -> Iterator[None]:
        """As ``at_work``, for who only looks: at once or not at all, and leaving all as it is.

        Raises:
            AlreadyRunning: somebody changes something now.
            DiskFull, DiskError: there is no file to lock on.
        """
        with self._locked("work.lock", wait_seconds=0):
            yield

    def _sweep(self) -> None:
        """Give back what writes that were cut off have left; whoever is at work is alone."""
        for name in ("", *FOLDERS):
            for left in (self.path / name).glob(".*.new"):
                with suppress(*DISK_TROUBLE):  # on a broken disk, other things matter
                    durable.remove(left)

    @contextmanager
    def _locked(self, name: str, wait_seconds: float) -> Iterator[int]:
        fd = durable.open_lock(self.path / name)
        try:
            deadline = time.monotonic() + wait_seconds
            while not _try_lock(fd):
                if time.monotonic() >= deadline:
                    raise AlreadyRunning(
                        f"another hsp-updater is at work in {self.path}",
                        hint="wait for it, or stop it first",
                    )
                time.sleep(0.05)
            yield fd
        finally:
            os.close(fd)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_private(path: Path, most_bytes: int = MAX_STATE_FILE_BYTES) -> bytes:
    """The content of a file that only this user can have written.

    Raises:
        FileNotFoundError: it is not there.
        StateUnusable: a link, not a file, of another owner, writable by others, or too long.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StateUnusable(f"{path} cannot be read: {error.strerror}") from error
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > most_bytes:
            raise StateUnusable(f"{path} is not a file of at most {most_bytes} bytes")
        _check_owner(path, found, {os.geteuid(), 0})  # what root put there is meant
        if stat.S_IMODE(found.st_mode) & 0o022:
            raise StateUnusable(
                f"{path} can be written by others", hint=f"check it, then: chmod 600 {path}"
            )
        return _whole(fd, min(found.st_size + 1, most_bytes))
    except OSError as error:
        raise StateUnusable(f"{path} cannot be read: {error.strerror}") from error
    finally:
        os.close(fd)


def _whole(fd: int, size: int) -> bytes:
    """Up to ``size`` bytes; a read may bring less at once."""
    data = os.read(fd, size)
    while data and len(data) < size and (more := os.read(fd, size - len(data))):
        data += more
    return data


def _check_owner(path: Path, found: os.stat_result, owners: set[int]) -> None:
    if found.st_uid not in owners:
        raise StateUnusable(
            f"{path} belongs to user {found.st_uid}, and this is user {os.geteuid()}",
            hint="run hsp-updater as the user that enrolled this site",
        )
