"""Folders of files that travel: read with bounds, written whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from signing.errors import AlreadyThere, NotStored, SigningError, Tampered
from signing.store import Content, pieces

MAX_METADATA_BYTES = 8 * 1024 * 1024


Check = Callable[[Path], object]
"""Reads a folder, and raises if it is not to be accepted."""


def write_folder(
    folder: Path, contents: Mapping[str, Content], check: Check = lambda _: None
) -> None:
    """Write a new folder with these files; it appears whole and checked, or not at all.

    Args:
        check: reads it before it has its name.

    Raises:
        AlreadyThere: the folder exists.
        SigningError: it cannot be written.
    """
    if folder.exists():
        raise AlreadyThere(f"{folder} exists already", hint="name a new folder, or remove that one")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            for name, content in contents.items():
                _write(unfinished / name, content)
            check(unfinished)
            unfinished.chmod(0o755)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise SigningError(f"{folder} cannot be written: {error.strerror}") from error


def replace_file(file: Path, content: bytes) -> None:
    """Replace one file, whole or not at all.

    Raises:
        SigningError: it cannot be written; the old one is there.
    """
    unfinished = file.with_name(f".{file.name}.new")
    try:
        _write(unfinished, content)
        unfinished.replace(file)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise SigningError(f"{file} cannot be written: {error.strerror}") from error


def read_bounded(file: Path) -> bytes:
    """A small file.

    Raises:
        NotStored: there is none, or it cannot be read.
        Tampered: it is far too large to be metadata.
    """
    try:
        if file.stat().st_size > MAX_METADATA_BYTES:
            raise Tampered(f"{file} is larger than {MAX_METADATA_BYTES} bytes")
        return file.read_bytes()
    except OSError as error:
        raise NotStored(f"{file} cannot be read: {error.strerror}") from error


def names_in(folder: Path) -> set[str]:
    """The files directly in a folder, without hidden ones; none if there is no folder."""
    if not folder.is_dir():
        return set()
    return {file.name for file in folder.iterdir() if not file.name.startswith(".")}


def _write(file: Path, content: Content) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as opened:
        for piece in pieces(content):
            opened.write(piece)
        opened.flush()
        os.fsync(opened.fileno())
