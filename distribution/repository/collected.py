"""The files of an untrusted input, under the paths they claim, with every claim checked.

Nothing is ever written under a name that comes from the input: contents go into numbered files of
a private folder, in pieces, up to a limit; names are data until the signed file list is made.
"""

import hashlib
import posixpath
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from manifests.errors import ManifestError
from manifests.file_list import MAX_FILES, FileEntry, check_file_list, portable_path

MAX_BYTES = 4 * 1024**3
_MAX_LINKS_IN_A_ROW = 40


class UnusableInput(ManifestError):
    """The input of a build has something in it that no artifact may have."""


@dataclass(frozen=True)
class CollectedFile:
    """One file: how the manifest lists it, and where its content is kept."""

    entry: FileEntry
    content: Path


class Collected:
    """What a reader of an input has found so far.

    Args:
        folder: private and empty; contents are kept there.
        max_bytes: of all contents together, against archives that unpack to more than a disk.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._bytes_left = max_bytes
        self._max_bytes = max_bytes
        self._files: dict[str, CollectedFile] = {}
        self._links: dict[str, str] = {}

    def scratch(self) -> IO[bytes]:
        """A nameless temporary file on the same disk, for a reader's own use."""
        return tempfile.TemporaryFile(dir=self._folder)

    def file(self, path: str, pieces: Iterable[bytes], *, executable: bool) -> None:
        """Keep one regular file.

        Raises:
            UnusableInput: a path that is unsafe or taken, or too much in all.
        """
        name = self._new_name(path)
        content = self._folder / str(len(self._files))
        digest, size = hashlib.sha256(), 0
        with content.open("xb") as kept:
            for piece in pieces:
                self._count(len(piece))
                digest.update(piece)
                size += len(piece)
                kept.write(piece)
        mode = "0755" if executable else "0644"
        entry = FileEntry(path=name, size_bytes=size, sha256=digest.hexdigest(), mode=mode)
        self._files[name] = CollectedFile(entry, content)

    def link(self, path: str, target: str) -> None:
        """Keep a symbolic link; in the end it becomes a copy of the file it leads to.

        Raises:
            UnusableInput: a path that is unsafe or taken, or a target outside of the input.
        """
        name = self._new_name(path)
        leads_to = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        if not target or target.startswith("/") or leads_to.split("/")[0] == "..":
            raise UnusableInput(f"the link {name} leads out of the input, to {target!r}")
        self._links[name] = leads_to

    def hard_link(self, path: str, target: str) -> None:
        """Keep a further name of a file that is in the input.

        Raises:
            UnusableInput: a path that is unsafe or taken.
        """
        self._links[self._new_name(path)] = _cleaned(target)

    def files(self) -> list[CollectedFile]:
        """Everything, sorted as a manifest wants it.

        Raises:
            UnusableInput: a link that leads to no file, names that differ in case only, or nothing.
        """
        linked = {name: self._followed(name) for name in self._links}
        everything = {**self._files, **linked}
        if not everything:
            raise UnusableInput("there is no file in the input")
        found = [everything[name] for name in sorted(everything)]
        try:
            check_file_list(tuple(each.entry for each in found))
        except ValueError as error:
            raise UnusableInput(str(error)) from error
        return found

    def _followed(self, name: str) -> CollectedFile:
        target = name
        for _ in range(_MAX_LINKS_IN_A_ROW):
            target = self._links.get(target, target)
            if target in self._files:
                file = self._files[target]
                return CollectedFile(file.entry.model_copy(update={"path": name}), file.content)
        raise UnusableInput(f"the link {name} leads to {target!r}, which is no file in the input")

    def _new_name(self, path: str) -> str:
        name = _cleaned(path)
        if name in self._files or name in self._links:
            raise UnusableInput(f"{name} is in the input twice")
        if len(self._files) + len(self._links) >= MAX_FILES:
            raise UnusableInput(f"the input has more than {MAX_FILES:,} files")
        return name

    def _count(self, number: int) -> None:
        self._bytes_left -= number
        if self._bytes_left < 0:
            raise UnusableInput(f"the input unpacks to more than {self._max_bytes:,} bytes")


def _cleaned(path: str) -> str:
    try:
        return portable_path(path.removeprefix("./"))
    except ValueError as error:
        raise UnusableInput(str(error)) from error


def pieces_of(read: Callable[[int], bytes], size: int = 1024 * 1024) -> Iterator[bytes]:
    """Everything that ``read(size)`` still gives."""
    while piece := read(size):
        yield piece
