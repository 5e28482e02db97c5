"""Where a repository is kept: six verbs that a directory and S3 can both keep the promise of.

``create`` never replaces, ``replace`` never overwrites a rival's work, both are durable when they
return, and a reader sees a whole file or none. Everything that publishes relies on just that.
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from signing.errors import AlreadyStored, Conflict, NotStored, StoreError, StoreFailed

Content = bytes | Path
"""What to store: bytes, or a file to stream from (artifacts are never read whole)."""

CHUNK_BYTES = 1024 * 1024

_SEGMENT = re.compile(r"[A-Za-z0-9_~][A-Za-z0-9._~-]*")
"""No segment begins with a dot, so ``..``, hidden and temporary files are not keys."""


class Store(Protocol):
    """Files under keys such as ``metadata/timestamp.json``."""

    def read(self, key: str) -> bytes:
        """The content.

        Raises:
            NotStored: there is none.
            StoreFailed: it cannot be read.
        """
        ...

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        """The content and an opaque tag of it, for ``replace``.

        Raises:
            NotStored: there is none.
            StoreFailed: it cannot be read.
        """
        ...

    def chunks(self, key: str) -> Iterator[bytes]:
        """The content in pieces, for what is too big to hold.

        Raises:
            NotStored: there is none.
            StoreFailed: it cannot be read.
        """
        ...

    def create(self, key: str, content: Content) -> None:
        """Store a new file, whole and durably.

        Raises:
            AlreadyStored: there is one already.
            StoreFailed: it cannot be written; nothing of it is visible.
        """
        ...

    def replace(self, key: str, content: bytes, tag: str | None) -> None:
        """Compare and swap: store if the present content's tag is ``tag`` (None: if there is none).

        Raises:
            Conflict: the content has another tag.
            StoreFailed: it cannot be written; the old content is there.
        """
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys that begin with ``prefix``, in order."""
        ...

    def remove(self, key: str) -> None:
        """Remove a file, if there is one.

        Raises:
            StoreFailed: it cannot be removed.
        """
        ...


def checked_key(key: str) -> str:
    """Return ``key`` if it can never lead out of a store.

    Raises:
        StoreError: an absolute, empty, hidden or upward part, or an odd character.
    """
    if not all(_SEGMENT.fullmatch(part) for part in key.split("/")):
        raise StoreError(f"{key!r} cannot be the name of a file in a repository")
    return key


class DirectoryStore:
    """A directory on a local disk. Temporary and lock files begin with a dot and are no keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> bytes:
        """See ``Store.read``."""
        return b"".join(self.chunks(key))

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        """See ``Store.read_tagged``."""
        content = self.read(key)
        return content, _tag(content)

    def chunks(self, key: str) -> Iterator[bytes]:
        """See ``Store.chunks``."""
        with _answers(key), self._path(key).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def create(self, key: str, content: Content) -> None:
        """See ``Store.create``. A hard link is what makes it exclusive and atomic."""
        path = self._path(key)
        with _answers(key):
            self._make_folder(path.parent)
            with self._temporary(path.parent, content) as temporary:
                os.link(temporary, path)
            _sync_folder(path.parent)

    def replace(self, key: str, content: bytes, tag: str | None) -> None:
        """See ``Store.replace``. Writers of one store take turns by a lock file."""
        path = self._path(key)
        with _answers(key):
            self._make_folder(path.parent)
            with self._lock():
                found = _tag(path.read_bytes()) if path.exists() else None
                if found != tag:
                    raise Conflict(f"{key}: somebody else has written it in the meantime")
                with self._temporary(path.parent, content) as temporary:
                    temporary.replace(path)
                _sync_folder(path.parent)

    def keys(self, prefix: str) -> Iterator[str]:
        """See ``Store.keys``."""
        start = self.folder / prefix.rpartition("/")[0]
        if not start.is_dir():
            return
        found = (
            (Path(folder) / name).relative_to(self.folder).as_posix()
            for folder, _, names in os.walk(start)
            for name in names
            if not name.startswith(".")
        )
        yield from sorted(key for key in found if key.startswith(prefix))

    def remove(self, key: str) -> None:
        """See ``Store.remove``."""
        with _answers(key):
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / checked_key(key)

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)

    @contextmanager
    def _temporary(self, folder: Path, content: Content) -> Iterator[Path]:
        """A new file with ``content``, on the disk; gone afterwards, unless it was renamed."""
        temporary = folder / f".{secrets.token_hex(8)}.tmp"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            with open(descriptor, "wb") as file:
                for piece in pieces(content):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.folder / ".lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def pieces(content: Content) -> Iterator[bytes]:
    """The content in pieces of bounded size."""
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


def _tag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _answers(key: str) -> Iterator[None]:
    """The operating system's errors in the store's own words."""
    try:
        yield
    except FileExistsError as error:
        raise AlreadyStored(f"{key} is stored already, and is never replaced") from error
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NotStored(f"there is no {key} in the repository") from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "free some space and run the same command again" if full else ""
        reason = error.strerror or str(error)
        raise StoreFailed(f"{key}: the repository's disk says: {reason}", hint=hint) from error
