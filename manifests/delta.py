"""Deltas: how the contents of one release's files are made from another's.

Both file lists are signed, so most follows from them: files that both releases hold with the same
sha256 are copied and cost nothing; the rest is cut into batches, each of which is made at once, in
memory, from its likeliest relatives in the old release. Whoever writes a delta chooses neither
which files are read for a batch nor where anything is written; ``delta_frames`` says what it holds.

The online role lists deltas; what one makes is checked against the tar that the release's own
people signed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from manifests.file_list import FileEntry, FileList

BATCH_BYTES = 4 * 1024 * 1024
"""The most that a batch holds of the new release. What a patch costs to make grows with it, and a
larger one finds little more."""

MARGIN_BYTES = 256 * 1024
"""Of a large file's old version, so much more before and after the place that answers to the new
one's: what was inserted moves the rest on."""

OLD_BATCH_BYTES = BATCH_BYTES + 4 * MARGIN_BYTES
"""The most that a batch holds of the old release."""

_NUMBERS = re.compile(r"[._-]?(?:[0-9a-f]{8,}|\d+)")


@dataclass(frozen=True)
class Stretch:
    """A part of one file."""

    path: str
    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True)
class Batch:
    """From the bytes of ``old``, joined, come the bytes of ``new``, joined."""

    old: tuple[Stretch, ...]
    new: tuple[Stretch, ...]
    beside: tuple[tuple[int, int], ...] = field(default=(), compare=False)
    """Where in ``new`` a stretch begins, and where in ``old`` one would look for the same bytes."""


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
    relatives = _Relatives(_by_shape(old, frozenset(same.values())), changed)
    return tuple(relatives.batch(run) for run in _runs(changed))


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


def _by_shape(old: FileList, unchanged: frozenset[str]) -> dict[str, FileEntry]:
    """Old files by path, and those that changed or went away also by their path's shape."""
    found: dict[str, FileEntry] = {}
    for entry in old:
        if entry.path not in unchanged:
            found.setdefault(_shape(entry.path), entry)
    return found | {entry.path: entry for entry in old}


def _shape(path: str) -> str:
    """A path without its numbers and hashes.

    ``x-1.2.dist-info/A`` and ``x-1.3.dist-info/A`` are relatives, and so are ``libx-0123abcd.so.6``
    and ``libx-4567cdef.so.6.2``.
    """
    return _NUMBERS.sub("", path)


class _Relatives:
    """The old files that new ones are likely made of."""

    def __init__(self, old: Mapping[str, FileEntry], changed: Sequence[FileEntry]) -> None:
        self._old = old
        self._new_sizes = {entry.path: entry.size_bytes for entry in changed}

    def batch(self, run: tuple[Stretch, ...]) -> Batch:
        """A run, with the parts of old files that it is made from."""
        places: dict[Stretch, int] = {}
        beside: list[tuple[int, int]] = []
        room, at = OLD_BATCH_BYTES, 0
        for stretch in run:
            part, ahead = self._part(stretch, room)
            if part.size_bytes:
                if part not in places:
                    places[part] = OLD_BATCH_BYTES - room
                    room -= part.size_bytes
                beside.append((at, places[part] + ahead))
            at += stretch.size_bytes
        return Batch(tuple(places), run, tuple(beside))

    def _part(self, new: Stretch, room: int) -> tuple[Stretch, int]:
        """The part of its relative that answers to ``new``, and how much of it lies before that."""
        entry = self._old.get(new.path) or self._old.get(_shape(new.path))
        if entry is None:
            return Stretch("", 0, 0), 0
        new_size = self._new_sizes[new.path]
        place = new.offset_bytes * entry.size_bytes // new_size
        place_end = -(-(new.offset_bytes + new.size_bytes) * entry.size_bytes // new_size)
        begin = max(place - MARGIN_BYTES, 0)
        end = min(place_end + MARGIN_BYTES, entry.size_bytes)
        return Stretch(entry.path, begin, min(end - begin, room)), place - begin
