"""Reading the input of a build: a folder, a wheel, a zip, a tar in any compression, or a .deb.

Inputs come from vendors and from the internet. Nothing is extracted: members are read as streams
into ``Collected``, which checks every name; links become copies; devices, pipes and sockets are
refused. What an input is, is told by its first bytes and never by its name.
"""

import errno
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import zstandard

from distribution.errors import Unavailable
from distribution.repository.collected import (
    Collected,
    CollectedFile,
    UnusableInput,
    pieces_of,
)
from distribution.repository.decompression import PIECE_BYTES, decompressed
from manifests.file_list import MAX_FILES

_MAX_HEADER_BYTES = 1024 * 1024
_MAX_LINK_BYTES = 4096

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_DEB_MAGIC = b"!<arch>\n"
_DEB_HEADER_BYTES = 60
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    zstandard.ZstdError,
    EOFError,
    ValueError,
    NotImplementedError,  # a compression that zipfile does not know
    OverflowError,
    gzip.BadGzipFile,
)


def read_input(source: Path, collected: Collected) -> list[CollectedFile]:
    """Read whatever ``source`` is into ``collected``; its files, sorted as a manifest wants them.

    Raises:
        UnusableInput: missing, broken, of no kind we know, or with something no artifact may have.
        Unavailable: the disk is full.
    """
    try:
        if source.is_dir():
            _read_folder(source, collected)
        else:
            with source.open("rb") as file:
                _read_file(file, collected)
        return collected.files()
    except UnusableInput as error:
        raise UnusableInput(f"{source}: {error.message}", hint=error.hint) from error
    except _BROKEN as error:
        raise UnusableInput(f"{source} is broken: {error or type(error).__name__}") from error
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise Unavailable(f"no room to unpack {source}: {error.strerror}") from error
        raise UnusableInput(f"{source} cannot be read: {error.strerror or error}") from error


def keep_packages(source: Path, collected: Collected) -> list[CollectedFile]:
    """Keep a ``.deb``, or every one in a folder, whole: dpkg unpacks it at the site.

    Raises:
        UnusableInput: missing, or with anything else in it.
        Unavailable: the disk is full.
    """
    debs = sorted(source.iterdir()) if source.is_dir() else [source]
    try:
        for deb in debs:
            descriptor = os.open(deb, os.O_RDONLY | os.O_NOFOLLOW)
            with open(descriptor, "rb") as file:
                if file.read(len(_DEB_MAGIC)) != _DEB_MAGIC:
                    raise UnusableInput(f"{deb} is not a Debian package")
                file.seek(0)
                collected.file(_deb_name(deb), pieces_of(file.read), executable=False)
        return collected.files()
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise Unavailable(f"no room to keep {source}: {error.strerror}") from error
        raise UnusableInput(f"{source} cannot be read: {error.strerror or error}") from error


def _deb_name(deb: Path) -> str:
    """Its name with the ``.deb`` that the agent looks for, and without an epoch's colon."""
    return f"{deb.name.removesuffix('.deb').replace(':', '-')}.deb"


def _read_file(file: IO[bytes], collected: Collected) -> None:
    start = file.read(512)
    file.seek(0)
    if start.startswith(b"PK"):
        _read_zip(file, collected)
    elif start.startswith(_DEB_MAGIC):
        with _data_of_deb(file, collected) as data:
            _read_file(data, collected)
    elif start[257:262] == b"ustar":
        _read_tar(file, collected)
    else:
        with decompressed(file, start, collected) as tar:
            if tar.read(262)[257:] != b"ustar":
                raise UnusableInput("what is compressed in it is not a tar")
            tar.seek(0)
            _read_tar(tar, collected)


# --- a folder


def _read_folder(folder: Path, collected: Collected) -> None:
    waiting = [folder]
    while waiting:
        for found in sorted(os.scandir(waiting.pop()), key=lambda entry: entry.name):
            name = Path(found.path).relative_to(folder).as_posix()
            if found.is_symlink():
                collected.link(name, os.readlink(found.path))
            elif found.is_dir(follow_symlinks=False):
                waiting.append(Path(found.path))
            elif found.is_file(follow_symlinks=False):
                _read_folder_file(Path(found.path), name, collected)
            else:
                raise UnusableInput(f"{name} is a device, a pipe or a socket")


def _read_folder_file(path: Path, name: str, collected: Collected) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with open(descriptor, "rb") as file:
        executable = bool(os.fstat(file.fileno()).st_mode & stat.S_IXUSR)
        collected.file(name, pieces_of(file.read), executable=executable)


# --- zip, and so wheels


def _read_zip(file: IO[bytes], collected: Collected) -> None:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            _read_zip_member(archive, member, collected)


def _read_zip_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, collected: Collected
) -> None:
    mode = member.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if member.flag_bits & 0x1:
        raise UnusableInput(f"{member.filename} is encrypted")
    if member.orig_filename != member.filename:
        raise UnusableInput(f"{member.orig_filename!r} is not a safe name")
    if member.is_dir() or kind == stat.S_IFDIR:
        return
    with archive.open(member) as content:
        if kind == stat.S_IFLNK:
            collected.link(member.filename, content.read(_MAX_LINK_BYTES).decode("utf-8"))
        elif kind in (0, stat.S_IFREG):
            executable = bool(mode & stat.S_IXUSR)
            collected.file(member.filename, pieces_of(content.read), executable=executable)
        else:
            raise UnusableInput(f"{member.filename} is a device, a pipe or a socket")


# --- tar


class _ShortReads:
    """A file that is never read in huge pieces: a tar header says itself how long it is."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes.

        Raises:
            UnusableInput: far more than a header or a piece of content.
        """
        if size > _MAX_HEADER_BYTES + PIECE_BYTES:
            raise UnusableInput(f"a header in the tar claims to be {size:,} bytes long")
        return self._file.read(size)


def _read_tar(file: IO[bytes], collected: Collected) -> None:
    with tarfile.open(fileobj=_ShortReads(file), mode="r:") as archive:  # type: ignore[call-overload] # it only reads, seeks and tells
        for number, member in enumerate(archive):
            if number > MAX_FILES:
                raise UnusableInput(f"the tar has more than {MAX_FILES:,} members")
            _read_tar_member(archive, member, collected)
        file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise UnusableInput("the tar is cut off: its end is missing")


def _read_tar_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, collected: Collected
) -> None:
    if member.isdir():
        return
    if member.issym():
        collected.link(member.name, member.linkname)
    elif member.islnk():
        collected.hard_link(member.name, member.linkname)
    elif member.isreg() and not member.issparse():
        content = archive.extractfile(member)
        assert content is not None  # noqa: S101 - a regular file has content
        executable = bool(member.mode & stat.S_IXUSR)
        collected.file(member.name, pieces_of(content.read, PIECE_BYTES), executable=executable)
    else:
        raise UnusableInput(f"{member.name} is a device, a pipe or a sparse file")


# --- .deb


@contextmanager
def _data_of_deb(file: IO[bytes], collected: Collected) -> Iterator[IO[bytes]]:
    """The ``data.tar.*`` of a Debian package. Source: deb(5), ar(5)."""
    file.seek(len(_DEB_MAGIC))
    while len(header := file.read(_DEB_HEADER_BYTES)) == _DEB_HEADER_BYTES:
        if header[58:] != b"`\n" or not header[48:58].strip().isdigit():
            raise UnusableInput("a member of the .deb has a broken header")
        name, size = header[:16].decode("latin-1").strip().rstrip("/"), int(header[48:58])
        if name.startswith("data.tar"):
            with collected.scratch() as data:
                _copy(file.read, data, size)
                yield data
            return
        file.seek(size + size % 2, os.SEEK_CUR)
    raise UnusableInput("the .deb has no data.tar")


def _copy(read: Callable[[int], bytes], target: IO[bytes], size: int) -> None:
    left = size
    while left and (piece := read(min(left, PIECE_BYTES))):
        left -= target.write(piece)
    if left:
        raise UnusableInput("the .deb is cut off")
    target.seek(0)
