"""The files of a backup: written once, compressed, synced, hashed; verified when they are read."""

import errno
import hashlib
import io
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import zstandard

from distribution.errors import Conflict, Invalid, Unavailable

LEVEL = 3
CHUNK_BYTES = 1024 * 1024
_LINES = 1000
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class Digesting:
    """A file under a compressor: what comes out is written and hashed."""

    def __init__(self, path: Path) -> None:
        self._file = open(os.open(path, _NEW, 0o600), "wb")  # noqa: SIM115 - closed by ``end``
        self._found = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Take a piece."""
        self._found.update(piece)
        self.size += len(piece)
        self._file.write(piece)

    def end(self, *, synced: bool = True) -> str:
        """Make it durable, unless somebody else does; its sha256."""
        self._file.flush()
        if synced:
            os.fsync(self._file.fileno())
        self._file.close()
        return self._found.hexdigest()


def write(path: Path, pieces: Iterable[bytes], *, synced: bool = True) -> tuple[str, int]:
    """A new file of mode 0600; its sha256 and its size in bytes."""
    out = Digesting(path)
    for piece in pieces:
        out.write(piece)
    return out.end(synced=synced), out.size


def write_lines(path: Path, lines: Iterable[bytes]) -> tuple[str, int]:
    """A new compressed file of lines; its sha256 and how many lines."""
    out, count = Digesting(path), 0
    squeezed, rest = zstandard.ZstdCompressor(LEVEL).compressobj(), iter(lines)
    while batch := list(islice(rest, _LINES)):
        count += len(batch)
        out.write(squeezed.compress(b"\n".join(batch) + b"\n"))
    out.write(squeezed.flush())
    return out.end(), count


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a compressed file.

    Raises:
        Invalid: it is none.
        Unavailable: it cannot be read.
    """
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
            for line in io.BufferedReader(plain, CHUNK_BYTES):
                yield line.rstrip(b"\n")
    except zstandard.ZstdError as error:
        raise Invalid(f"{path} is damaged: {error}", hint="take another backup") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error


def digest(path: Path) -> str:
    """The sha256 of a file.

    Raises:
        Invalid: it is not there, or cannot be read.
    """
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                found.update(chunk)
    except OSError as error:
        hint = "copy the whole backup, or take another one"
        raise Invalid(f"{path} cannot be read: {error.strerror}", hint=hint) from error
    return found.hexdigest()


def check(path: Path, sha256: str) -> None:
    """Whether a file is what its manifest says.

    Raises:
        Invalid: it is not.
    """
    found = digest(path)
    if found != sha256:
        raise Invalid(
            f"{path} has the sha256 {found[:16]}..., and its manifest says {sha256[:16]}...",
            hint="the backup was damaged or changed: take another one; nothing was restored",
        )


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder that is there as a whole at the end, or not at all.

    Raises:
        Conflict: it is there already, or a backup into it has begun.
        Unavailable: it cannot be written.
    """
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    try:
        if folder.exists():
            raise FileExistsError(errno.EEXIST, "", str(folder))
        unfinished.mkdir(mode=0o700, parents=True)
        yield unfinished
        for each in (*(path for path in unfinished.rglob("*") if path.is_dir()), unfinished):
            _sync(each)
        unfinished.rename(folder)
        _sync(folder.parent)
    except FileExistsError as error:
        raise Conflict(
            f"{error.filename} is there already", hint="choose a folder that is not there yet"
        ) from error
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise Unavailable(
            f"{error.filename or folder} cannot be written: {error.strerror or error}",
            hint="make room, or choose another folder; nothing is left of this one",
        ) from error
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
