"""Copies of a client's data, made while nothing changes it and before a new version may.

A snapshot is a folder of numbered files and ``record.json``, which is written last: what each file
was called, whose it was, and its hash. Where the file system can share blocks (``FICLONE``) a copy
costs nothing. Sockets, pipes and devices are no data; hard links become files of their own, and
what the record does not name (access lists, extended attributes) is not put back.
"""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote_from_bytes, unquote_to_bytes

from client_updater import durable
from client_updater.errors import (
    AgentError,
    DiskFull,
    Incompatible,
    RevertFailed,
    StateUnusable,
    disk_trouble,
)
from client_updater.state import read_private
from manifests.documents import Document, Part
from manifests.errors import ManifestError

MAX_ENTRIES = 100_000
RESERVE_BYTES = 64 * 1024 * 1024
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CANNOT_CLONE = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS)
_PIECE_BYTES = 1024 * 1024


class Entry(Part):
    """One file, folder or symbolic link. Paths are percent-encoded: a name need not be UTF-8."""

    path: str
    kind: Literal["file", "folder", "link"]
    mode: int
    uid: int
    gid: int
    changed_ns: int
    size_bytes: int = 0
    sha256: str = ""
    number: int = 0
    target: str = ""

    @property
    def parts(self) -> list[str]:
        """Its path below the data folder, name by name; the folder itself has none."""
        return [decoded(part) for part in self.path.split("/") if part]


class KeptFolder(Part):
    """One data folder. It has no entries when it was not there."""

    path: str
    entries: tuple[Entry, ...] = ()


class Snapshot(Document):
    """The record of one snapshot."""

    folders: tuple[KeptFolder, ...]


@dataclass(frozen=True)
class Snapshots:
    """The snapshots of one product, one per attempt."""

    folder: Path

    def path(self, attempt_id: str) -> Path:
        """Where the snapshot of an attempt lies."""
        return self.folder / attempt_id

    def check_room(self, folders: Sequence[Path]) -> None:
        """Refuse to begin what could fill the disk.

        Raises:
            DiskFull: copies of the folders and 64 MiB more do not fit.
        """
        existing = self.folder
        while not existing.exists():
            existing = existing.parent
        needed = RESERVE_BYTES + sum(map(_size, folders))
        free = shutil.disk_usage(existing).free
        if free < needed:
            raise DiskFull(
                f"a copy of the data needs {needed // 2**20} MiB of free space, "
                f"{free // 2**20} MiB are free",
                hint=f"free some space on the disk of {existing}",
            )

    def take(self, attempt_id: str, folders: Sequence[Path]) -> None:
        """Copy the folders, unless this attempt has done so: its new version may have run since.

        Raises:
            Incompatible: too many files. DiskFull, DiskError: no copy is kept.
        """
        if not folders or self.read(attempt_id) is not None:
            return
        path = self.path(attempt_id)
        durable.remove(path)
        durable.make_folders(self.folder, path)
        try:
            kept = _Copying(path)
            record = Snapshot(folders=tuple(kept.folder(each) for each in folders))
            durable.sync_tree(path)
            durable.write(path / "record.json", record.to_bytes())
        except AgentError:
            self.forget(attempt_id)
            raise

    def read(self, attempt_id: str) -> Snapshot | None:
        """The record of a finished snapshot.

        Raises:
            RevertFailed: it is damaged.
        """
        try:
            return Snapshot.from_bytes(read_private(self.path(attempt_id) / "record.json"))
        except FileNotFoundError:
            return None
        except (StateUnusable, ManifestError) as error:
            raise RevertFailed(f"the copy of the data cannot be read: {error}") from error

    def forget(self, attempt_id: str) -> None:
        """Give its space back, as far as the disk lets us."""
        with suppress(AgentError):
            durable.remove(self.path(attempt_id))
        with suppress(AgentError, OSError):
            if not any(self.folder.iterdir()):
                durable.remove(self.folder)


def _size(folder: Path) -> int:
    found = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                found += (Path(parent) / name).lstat().st_size
    return found


class _Copying:
    """Copies folders into numbered files; nothing is followed, whatever happens meanwhile."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._number = 0
        self._clones = True

    def folder(self, path: Path) -> KeptFolder:
        try:
            top = os.open(path, FOLDER)
        except FileNotFoundError:
            return KeptFolder(path=str(path))
        except OSError as error:
            raise disk_trouble(error, f"read the data folder {path}") from error
        try:
            return KeptFolder(path=str(path), entries=tuple(self._entries(top, "")))
        except OSError as error:
            raise disk_trouble(error, f"copy the data in {path}") from error
        finally:
            os.close(top)

    def _entries(self, folder: int, path: str) -> Iterator[Entry]:
        yield _entry(path, "folder", os.fstat(folder))
        for name in sorted(os.listdir(folder)):
            self._number += 1
            if self._number > MAX_ENTRIES:
                raise Incompatible(f"the data folders hold more than {MAX_ENTRIES:,} files")
            yield from self._one(folder, name, f"{path}/{encoded(name)}".lstrip("/"))

    def _one(self, folder: int, name: str, path: str) -> Iterator[Entry]:
        found = os.lstat(name, dir_fd=folder)
        if stat.S_ISLNK(found.st_mode):
            target = encoded(os.readlink(name, dir_fd=folder))
            yield _entry(path, "link", found).model_copy(update={"target": target})
        elif stat.S_ISDIR(found.st_mode):
            below = os.open(name, FOLDER, dir_fd=folder)
            try:
                yield from self._entries(below, path)
            finally:
                os.close(below)
        elif stat.S_ISREG(found.st_mode):
            yield self._file(folder, name, path)

    def _file(self, folder: int, name: str, path: str) -> Entry:
        number = self._number
        fd = os.open(name, FILE, dir_fd=folder)
        try:
            found = os.fstat(fd)
            with durable.create(self._target / str(number)) as copy:
                size, digest = self._copy(fd, copy, self._target / str(number))
        finally:
            os.close(fd)
        kept = {"size_bytes": size, "sha256": digest, "number": number}
        return _entry(path, "file", found).model_copy(update=kept)

    def _copy(self, source: int, copy: durable.Sink, path: Path) -> tuple[int, str]:
        if self._clones:
            try:
                durable.disk.clone(copy.fileno(), source)
            except OSError as error:
                if error.errno not in _CANNOT_CLONE:
                    raise
                self._clones = False
            else:
                with path.open("rb") as cloned:
                    return _hashed(cloned.fileno())
        return _hashed(source, copy)


def _hashed(source: int, copy: durable.Sink | None = None) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    while piece := os.read(source, _PIECE_BYTES):
        digest.update(piece)
        size += len(piece)
        if copy is not None:
            copy.write(piece)
    return size, digest.hexdigest()


def _entry(path: str, kind: Literal["file", "folder", "link"], found: os.stat_result) -> Entry:
    return Entry(
        path=path,
        kind=kind,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        changed_ns=found.st_mtime_ns,
    )


def encoded(name: str) -> str:
    """A name of the file system as text that every document can hold."""
    return quote_from_bytes(os.fsencode(name), safe="/")


def decoded(text: str) -> str:
    """The name again."""
    return os.fsdecode(unquote_to_bytes(text))
