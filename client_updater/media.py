"""A folder that somebody carries to a site without a line, and back.

What lies below ``repository/`` is read as if it came over the network, and believed no more: every
signature, hash and date is checked. Reports are written into ``receipts/``, sealed as they would be
sent; the site keeps its own copies, since nobody here can say that the server has them.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from client_updater import durable
from client_updater.agent import Agent
from client_updater.errors import Refused, Stopping, Unreachable
from client_updater.fetcher import CHUNK_BYTES, Fetcher, Transfer
from client_updater.outbox import Sealed
from client_updater.server import Server
from client_updater.step_book import Answered
from manifests.check_in import CHECK_IN_TYPE, CheckIn, CheckInAnswer
from manifests.envelope import seal
from manifests.key_rotation import KeyRotation

REPOSITORY, RECEIPTS = "repository", "receipts"
_BASE = "media:///"
_SEGMENT = re.compile(r"[A-Za-z0-9_~][A-Za-z0-9._~-]*")
_RANGE = re.compile(r"bytes=(\d{1,18})-")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def carried(agent: Agent, folder: Path) -> Agent:
    """The agent with the folder in the place of the network.

    Raises:
        Refused: there is no such folder, or not what ``hsp export-media`` writes.
    """
    if not (folder / REPOSITORY).is_dir():
        raise Refused(
            f"{folder} has no folder {REPOSITORY!r}", hint="'hsp export-media' writes such a folder"
        )
    fetcher = MediaFetcher(agent.fetcher.settings, agent.fetcher.stopping, folder=folder.absolute())
    return replace(
        agent,
        fetcher=fetcher,
        urls=(_BASE, f"{_BASE}metadata/", f"{_BASE}targets/"),
        server=Courier(fetcher, _BASE, agent.server.key, agent.reporter.site_id, folder.absolute()),
    )


@dataclass
class MediaFetcher(Fetcher):
    """A fetcher whose whole network is one folder."""

    folder: Path = field(kw_only=True)

    @contextmanager
    def stream(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float | None = None,
    ) -> Iterator[Transfer]:
        """The file that a URL stands for, from where a Range begins.

        Raises:
            Unreachable: it cannot be read, or is no plain file. Stopping: the agent is to end.
        """
        if method != "GET" or not url.startswith(_BASE):
            raise Unreachable(f"{url} is not in {self.folder}")
        try:
            fd = _open_below(self.folder / REPOSITORY, url.removeprefix(_BASE))
        except FileNotFoundError:
            yield Transfer(404, {}, iter(()))
            return
        except OSError as error:
            raise Unreachable(f"{url} in {self.folder} cannot be read: {error.strerror}") from error
        with open(fd, "rb", buffering=0) as file:
            size = os.fstat(fd).st_size
            begin = _begin((headers or {}).get("Range", ""))
            if begin >= size > 0:
                yield Transfer(416, {}, iter(()))
                return
            file.seek(begin)
            answered = {"content-range": f"bytes {begin}-{size - 1}/{size}"} if begin else {}
            yield Transfer(206 if begin else 200, answered, self._chunks_of(file.fileno(), url))

    def _chunks_of(self, fd: int, url: str) -> Iterator[bytes]:
        while True:
            if self.stopping():
                raise Stopping
            try:
                chunk = os.read(fd, CHUNK_BYTES)
            except OSError as error:
                raise Unreachable(f"{url} cannot be read: {error.strerror}") from error
            if not chunk:
                return
            yield chunk


def _begin(wanted: str) -> int:
    found = _RANGE.fullmatch(wanted)
    return int(found[1]) if found else 0


def _open_below(folder: Path, name: str) -> int:
    """Open a plain file, part by part from the folder, so that no link leads anywhere."""
    *folders, last = name.split("/")
    if not all(_SEGMENT.fullmatch(part) for part in (*folders, last)):
        raise FileNotFoundError(name)
    parent = os.open(folder, _FOLDER)
    try:
        for part in folders:
            child = os.open(part, _FOLDER, dir_fd=parent)
            os.close(parent)
            parent = child
        fd = os.open(last, _FILE, dir_fd=parent)
    finally:
        os.close(parent)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(name)
    return fd


@dataclass(frozen=True)
class Courier(Server):
    """Takes the place of the server: writes down what somebody will carry there."""

    site_id: str
    folder: Path

    def report(self, sealed: Sealed) -> bool:
        """Write a report down; it is on its way, which is not to say that it arrives.

        Raises:
            DiskFull, DiskError: it cannot be written there.
        """
        self._write(f"{self.site_id}.{sealed.sequence:012d}.report.dsse", sealed.envelope)
        return False

    def step_result(self, answered: Answered) -> bool:
        """It waits for a line: nobody asks a site without one for steps."""
        return False

    def rotate_key(self, wanted: KeyRotation) -> None:
        """A new key needs the server's answer.

        Raises:
            Unreachable: always.
        """
        raise Unreachable("a site's key is changed over the network, not with a stick")

    def check_in(self, status: CheckIn) -> CheckInAnswer | None:
        """Write the sign of life down, in place of an earlier one.

        Raises:
            DiskFull, DiskError: it cannot be written there.
        """
        message = seal(status.to_bytes(), CHECK_IN_TYPE, self.key.signer)
        self._write(f"{self.site_id}.check-in.dsse", message)
        return None

    def _write(self, name: str, message: bytes) -> None:
        receipts = self.folder / RECEIPTS
        durable.make_folders(receipts)
        if receipts.is_symlink():
            raise Refused(f"{receipts} is a link", hint="remove it; nothing was written there")
        path = receipts / name
        if not path.is_file() or _hash(path.read_bytes()) != _hash(message):
            durable.write(path, message)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
