"""Unpacking: the signed file list says what the tar is, and the stream must be exactly that.

No archive library reads anything here. For each entry of the list the one possible header is
expected, then so many bytes with such a hash, then padding; at the end two empty blocks and
nothing more. Files are made below open folder descriptors, never through a link, never over
anything; so what an archive could do to a site is what its signed list says.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import zstandard

from client_updater import durable
from client_updater.errors import AgentError, ArtifactMismatch, disk_trouble
from manifests.file_list import END_OF_TAR, FileEntry, tar_header, tar_padding
from manifests.release import Artifact

CHUNK_BYTES = 256 * 1024
MAX_WINDOW_BYTES = 32 * 1024 * 1024
"""What a frame may ask to keep in memory: levels up to 19 need 8 MiB."""


class Readable(Protocol):
    """Anything with ``read``; short reads are allowed."""

    def read(self, size: int, /) -> bytes: ...


class Tar:
    """The uncompressed stream, hashed as it is read: it gives what is asked for, or fails."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Between 1 and ``size`` bytes.

        Raises:
            ArtifactMismatch: it ends, or cannot be decompressed.
        """
        data = self._raw(size)
        if not data:
            raise ArtifactMismatch("the archive ends before its signed list does")
        self._hash.update(data)
        return data

    def expect(self, wanted: bytes, what: str) -> None:
        """Read exactly ``wanted``.

        Raises:
            ArtifactMismatch: anything else comes.
        """
        found = b""
        while len(found) < len(wanted):
            found += self.read(len(wanted) - len(found))
        if found != wanted:
            raise ArtifactMismatch(f"the archive is not what was signed: {what}")

    def expect_end(self, sha256: str) -> None:
        """Check that nothing follows and that all of it has this hash.

        Raises:
            ArtifactMismatch: it goes on, or the hash is another one.
        """
        if self._raw(1):
            raise ArtifactMismatch("the archive goes on after its end")
        if self._hash.hexdigest() != sha256:
            raise ArtifactMismatch(f"the archive's sha256 is not the signed {sha256}")

    def _raw(self, size: int) -> bytes:
        try:
            return self._stream.read(min(size, CHUNK_BYTES))
        except zstandard.ZstdError as error:
            raise ArtifactMismatch(f"the archive cannot be decompressed: {error}") from error
        except OSError as error:
            raise disk_trouble(error, "read the archive") from error


def unpack(archive: Path, artifact: Artifact, folder: Path) -> None:
    """Unpack the zstd-compressed ``archive`` into the new ``folder``; nothing is synced.

    Raises:
        ArtifactMismatch, DiskFull, DiskError: as ``unpack_tar``.
    """
    with _decompressed(archive) as stream:
        unpack_tar(stream, artifact, folder)


def unpack_tar(stream: Readable, artifact: Artifact, folder: Path) -> None:
    """Unpack an uncompressed tar, wherever it comes from, into the new ``folder``.

    Raises:
        ArtifactMismatch: it is not exactly the tar of the artifact's file list; ``folder`` is
            gone then.
        DiskFull, DiskError: the system refuses; ``folder`` is gone then, where that was possible.
    """
    durable.remove(folder)
    durable.make_folders(folder, synced=False)
    try:
        _unpack(Tar(stream), artifact, folder)
    except AgentError:
        durable.remove(folder)
        raise


@contextmanager
def _decompressed(archive: Path) -> Iterator[Readable]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
    with (
        open(_opened(archive), "rb", buffering=0) as source,
        # Across frames, so that a second one is seen as what it is: more than was signed.
        decompressor.stream_reader(source, read_across_frames=True) as stream,
    ):
        yield stream


def _opened(archive: Path) -> int:
    try:
        return os.open(archive, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOENT):  # it was there, and a file, a moment ago
            raise ArtifactMismatch(f"the archive was taken away: {error.strerror}") from error
        raise disk_trouble(error, "read the archive") from error


def _unpack(tar: Tar, artifact: Artifact, folder: Path) -> None:
    root = durable.open_folder(folder)
    try:
        for entry in artifact.files:
            tar.expect(tar_header(entry), f"the header of {entry.path}")
            with _folder_of(entry, root) as (name, parent):
                _unpack_file(tar, entry, name, parent)
            tar.expect(tar_padding(entry), f"the padding of {entry.path}")
        tar.expect(END_OF_TAR, "its end")
        tar.expect_end(artifact.tar_sha256)
    finally:
        os.close(root)


@contextmanager
def _folder_of(entry: FileEntry, root: int) -> Iterator[tuple[str, int]]:
    """The entry's own name, and its folder, opened part by part from ``root``."""
    *folders, name = entry.path.split("/")
    parent = os.dup(root)
    try:
        for folder in folders:
            child = durable.make_folder_at(folder, parent)
            os.close(parent)
            parent = child
        yield name, parent
    finally:
        os.close(parent)


def _unpack_file(tar: Tar, entry: FileEntry, name: str, parent: int) -> None:
    digest, left = hashlib.sha256(), entry.size_bytes
    with durable.create(name, mode=int(entry.mode, 8), dir_fd=parent) as file:
        while left:
            data = tar.read(left)
            digest.update(data)
            file.write(data)
            left -= len(data)
    if digest.hexdigest() != entry.sha256:
        raise ArtifactMismatch(f"{entry.path} is not what was signed")
