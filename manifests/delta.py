"""Deltas: how the contents of one release's files are made from another's.

Both file lists are signed, so everything but the patches themselves follows from them: files that
both releases hold with the same sha256 are copied and cost nothing; the rest is cut into batches,
each of which is patched in memory at once from its likeliest relatives in the old release. A delta
is therefore nothing but a magic line and the batches' patches, and whoever writes one chooses
neither what is read at a site nor where anything is written.

The online role lists deltas; what one makes is checked against the tar that the release's own
people signed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import SEEK_END
from typing import BinaryIO

from manifests.errors import ManifestError
from manifests.file_list import FileEntry, FileList

MAGIC = b"HSP-DELTA-1\n"
"""Names the patch coder (HDiffPatch) and the rule by which relatives are found."""

LENGTH_BYTES = 8
"""Before each patch, its length, big-endian."""

BATCH_BYTES = 16 * 1024 * 1024
"""The most that a batch holds of the new release."""

MARGIN_BYTES = 8 * 1024 * 1024
"""Of a large file's old version, so much before and after: what was inserted moves the rest on."""

OLD_BATCH_BYTES = BATCH_BYTES + 2 * MARGIN_BYTES
"""The most that a batch holds of the old release."""

MAX_PATCH_BYTES = BATCH_BYTES + 1024 * 1024
"""A patch that is longer than what it makes would be none; the rest is its own frame."""

_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class Stretch:
    """A part of one file."""

    path: str
    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True)
class Batch:
    """From the bytes of ``old``, joined, one patch makes the bytes of ``new``, joined."""

    old: tuple[Stretch, ...]
    new: tuple[Stretch, ...]


def delta_path(product: str, from_version: str, to_version: str, platform: str) -> str:
    """The target path of a delta. ``platform`` is that of the new release's artifact."""
    return f"deltas/{product}/{from_version}~{to_version}~{platform}.delta"


def copied(old: FileList, new: FileList) -> dict[str, str]:
    """For each new file whose content an old file has, that old file; by path."""
    by_content = {entry.sha256: entry.path for entry in reversed(old)}
    return {e.path: by_content[e.sha256] for e in new if e.sha256 in by_content}


def batches(old: FileList, new: FileList) -> tuple[Batch, ...]:
    """The batches of a delta, in the order of the new list."""
    same = copied(old, new)
    changed = [entry for entry in new if entry.path not in same and entry.size_bytes]
    relative = _relatives(old, frozenset(same.values()))
    return tuple(Batch(_beside(run, relative), run) for run in _runs(changed))


def patch_stretches(delta: BinaryIO, count: int) -> Iterator[tuple[int, int]]:
    """Where in the file the patches lie: offset and size of each, in the batches' order.

    Nothing but lengths is read, so a delta of any size costs no memory.

    Raises:
        ManifestError: another format, another count, cut off, too long a patch, or bytes left over.
    """
    end = delta.seek(0, SEEK_END)
    delta.seek(0)
    if delta.read(len(MAGIC)) != MAGIC:
        raise ManifestError("not a delta that this program can read")
    offset = len(MAGIC)
    for _ in range(count):
        delta.seek(offset)
        offset += LENGTH_BYTES
        size = int.from_bytes(delta.read(LENGTH_BYTES), "big")
        if size > MAX_PATCH_BYTES or offset + size > end:
            raise ManifestError("the delta is cut off, or has a patch that is too long")
        yield offset, size
        offset += size
    if offset != end:
        raise ManifestError("the delta has bytes left over")


def framed(patch: bytes) -> bytes:
    """A patch as it lies in a delta, after ``MAGIC`` or the one before it."""
    return len(patch).to_bytes(LENGTH_BYTES, "big") + patch


def _runs(entries: Sequence[FileEntry]) -> Iterator[tuple[Stretch, ...]]:
    """Cut ``entries`` into runs of at most a batch, in order, splitting large files."""
    run: list[Stretch] = []
    room = BATCH_BYTES
    for entry in entries:
        offset = 0
        while offset < entry.size_bytes:
            size = min(entry.size_bytes - offset, room)
            run.append(Stretch(entry.path, offset, size))
            offset, room = offset + size, room - size
            if not room:
                yield tuple(run)
                run, room = [], BATCH_BYTES
    if run:
        yield tuple(run)


def _relatives(old: FileList, unchanged: frozenset[str]) -> dict[str, FileEntry]:
    """Old files by path, and those that changed or went away also by their path's shape."""
    found: dict[str, FileEntry] = {}
    for entry in old:
        if entry.path not in unchanged:
            found.setdefault(_shape(entry.path), entry)
    return found | {entry.path: entry for entry in old}


def _shape(path: str) -> str:
    """A path without its numbers: ``x-1.2.dist-info/A`` and ``x-1.3.dist-info/A`` are relatives."""
    return _NUMBERS.sub("#", path)


def _beside(run: Sequence[Stretch], relatives: dict[str, FileEntry]) -> tuple[Stretch, ...]:
    """For each new stretch the same one of its relative, with a margin around it."""
    chosen: list[Stretch] = []
    room = OLD_BATCH_BYTES
    for stretch in run:
        entry = relatives.get(stretch.path) or relatives.get(_shape(stretch.path))
        if entry is None:
            continue
        begin = max(stretch.offset_bytes - MARGIN_BYTES, 0)
        end = min(stretch.offset_bytes + stretch.size_bytes + MARGIN_BYTES, entry.size_bytes)
        size = min(end - begin, room)
        part = Stretch(entry.path, begin, size)
        if size > 0 and part not in chosen:
            chosen.append(part)
            room -= size
    return tuple(chosen)
