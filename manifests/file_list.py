"""The files inside an artifact, and the one uncompressed tar that a file list stands for.

A signed file list fixes every byte of its tar except the files' contents: members in the list's
order, each a header that follows from the entry alone, contents padded to 512, two empty blocks.
So the writer and the reader need no archive library: the reader expects exactly these headers
and refuses anything else. ``tar -tf`` reads the result (POSIX pax format, 2001).
"""

import re
import tarfile
import unicodedata
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from manifests.documents import Part

BLOCK_BYTES = 512
END_OF_TAR = bytes(2 * BLOCK_BYTES)
MAX_FILES = 100_000
MAX_PATH_BYTES = 255

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

_DEVICE_NAME = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE
)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')


def portable_path(path: str) -> str:
    """Return ``path`` if it names one file below a folder on every system we know.

    Raises:
        ValueError: with the reason. Absolute paths, ``..``, empty parts, device names, trailing
            dots or spaces, characters that a file system or a terminal treats specially, more
            than 255 bytes, or not NFC (THREATS section 4, 13).
    """
    if len(path.encode("utf-8")) > MAX_PATH_BYTES:
        raise ValueError(f"{path[:40]!r}... is longer than {MAX_PATH_BYTES} bytes")
    if unicodedata.normalize("NFC", path) != path:
        raise ValueError(f"{path!r} is not in Unicode's form NFC")
    if not path.isprintable() or _FORBIDDEN.search(path):
        raise ValueError(f"{path!r} has a character that is not safe in a file name")
    for part in path.split("/"):
        if part in ("", ".", ".."):
            raise ValueError(f"{path!r} has an empty, '.' or '..' part, or is absolute")
        if part.endswith((".", " ")) or _DEVICE_NAME.fullmatch(part):
            raise ValueError(f"{path!r} has a part that some systems cannot store: {part!r}")
    return path


FilePath = Annotated[str, AfterValidator(portable_path)]


class FileEntry(Part):
    """One regular file. Folders follow from the paths; nothing else exists in an artifact."""

    path: FilePath
    size_bytes: Annotated[int, Field(ge=0, le=2**40)]
    sha256: Sha256
    mode: Literal["0644", "0755"] = "0644"


FileList = Annotated[tuple[FileEntry, ...], Field(max_length=MAX_FILES)]


def check_file_list(files: FileList) -> FileList:
    """Return ``files`` if they can all exist in one folder, sorted, on every system.

    Raises:
        ValueError: not sorted, two paths equal when case is folded, or a file that is also a
            folder of another (THREATS section 4, 14 and 27).
    """
    paths = [entry.path for entry in files]
    if paths != sorted(set(paths)):
        raise ValueError("the files are not sorted by path, or one is listed twice")
    seen: dict[str, str] = {}
    for path in paths:
        twin = seen.setdefault(_folded(path), path)
        if twin != path:
            raise ValueError(f"{path!r} and {twin!r} are the same file on some systems")
    for path in paths:
        for folder in _parents(path):
            if _folded(folder) in seen:
                raise ValueError(f"{folder!r} is a file and also the folder of {path!r}")
    return files


def _folded(path: str) -> str:
    """What a file system that ignores case, and composes letters, keeps of ``path``."""
    return unicodedata.normalize("NFC", path.casefold())


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")[:-1]
    return ("/".join(parts[: n + 1]) for n in range(len(parts)))


def tar_header(entry: FileEntry) -> bytes:
    """The header of one member: it follows from the entry and nothing else."""
    member = tarfile.TarInfo(entry.path)
    member.size = entry.size_bytes
    member.mode = int(entry.mode, 8)
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def tar_padding(entry: FileEntry) -> bytes:
    """The zero bytes after one member's content."""
    return bytes(-entry.size_bytes % BLOCK_BYTES)


def tar_size_bytes(files: FileList) -> int:
    """The length of the tar that ``files`` stand for."""
    return len(END_OF_TAR) + sum(
        len(tar_header(entry)) + entry.size_bytes + len(tar_padding(entry)) for entry in files
    )
