"""What a delta's file holds: for each batch, what both releases share, and one patch for the rest.

A frame belongs to each batch of ``manifests.delta``, in the same order. It names long runs of bytes
that the batch's old and new contents share, in the order of both, and holds a patch that makes what
lies between the new ones from what lies between the old ones. So a patch is only as large, and only
as expensive to make and to apply, as what has changed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import SEEK_END
from typing import BinaryIO

from manifests.delta import BATCH_BYTES, Batch, Stretch
from manifests.errors import ManifestError

MAGIC = b"HSP-DELTA-3\n"
"""Names the kinds of patches (HDiffPatch's, ``sparse_patch``), the frames, and the rule by which
relatives are found."""

MAGIC_OF_BEFORE = b"HSP-DELTA-2\n"
"""It knew HDiffPatch's alone. What has no other is still written so: agents of 0.1.0 read it."""

READABLE = frozenset({MAGIC_OF_BEFORE, MAGIC})

MAX_PATCH_BYTES = BATCH_BYTES + 1024 * 1024
"""A patch that is longer than what it makes would be none; the rest is its own frame."""

MIN_SHARED_BYTES = 512
"""Of a run; a shorter one is found by the patch coder at less cost."""

_LENGTH_BYTES = 4
"""Of each of a frame's two lengths, big-endian."""
_MAX_SHARED_BYTES = 10 * (BATCH_BYTES // MIN_SHARED_BYTES)
"""Of the list of runs: three numbers each, hardly one of which has more than three bytes."""
_MAX_NUMBER_BITS = 28


@dataclass(frozen=True)
class Shared:
    """So many new bytes are made from so many old ones; then so many are the same in both."""

    new_gap: int
    old_gap: int
    size_bytes: int


@dataclass(frozen=True)
class Frame:
    """What a delta says of one batch, and where in its file the patch lies."""

    shared: tuple[Shared, ...]
    patch_offset: int
    patch_size: int


@dataclass(frozen=True)
class Split:
    """A batch's old bytes: those that are copied, run by run, and all others."""

    runs: tuple[tuple[Stretch, ...], ...]
    gaps: tuple[Stretch, ...]
    new_gaps_bytes: int
    """What of the new bytes is left for the patch to make."""

    @property
    def gaps_bytes(self) -> int:
        """The size of all gaps."""
        return _total(self.gaps)


def framed(shared: Sequence[Shared], patch: bytes) -> bytes:
    """A frame as it lies in a delta, after ``MAGIC`` or the one before it."""
    numbers = (n for run in shared for n in (run.new_gap, run.old_gap, run.size_bytes))
    runs = b"".join(map(_number, numbers))
    return _length(runs) + _length(patch) + runs + patch


def frames(delta: BinaryIO, count: int) -> Iterator[Frame]:
    """The frames of so many batches. Patches are not read: a delta of any size costs no memory.

    Raises:
        ManifestError: another format, another count, cut off, too long a part, or bytes left over.
    """
    end = delta.seek(0, SEEK_END)
    delta.seek(0)
    if delta.read(len(MAGIC)) not in READABLE:
        raise ManifestError("not a delta that this program can read")
    offset = len(MAGIC)
    for _ in range(count):
        delta.seek(offset)
        runs_size, patch_size = (int.from_bytes(delta.read(_LENGTH_BYTES), "big") for _ in "12")
        patch_offset = offset + 2 * _LENGTH_BYTES + runs_size
        offset = patch_offset + patch_size
        if runs_size > _MAX_SHARED_BYTES or patch_size > MAX_PATCH_BYTES or offset > end:
            raise ManifestError("the delta is cut off, or has a part that is too long")
        yield Frame(tuple(_shared(delta.read(runs_size))), patch_offset, patch_size)
    if offset != end:
        raise ManifestError("the delta has bytes left over")


def split(batch: Batch, shared: Sequence[Shared]) -> Split:
    """Cut a batch's old bytes where a frame says.

    Raises:
        ManifestError: the frame names more than the batch holds.
    """
    old_rest = _total(batch.old) - sum(run.old_gap + run.size_bytes for run in shared)
    new_gaps = _total(batch.new) - sum(run.size_bytes for run in shared)
    if old_rest < 0 or new_gaps < sum(run.new_gap for run in shared):
        raise ManifestError("the delta names more than there is")
    sizes = [size for run in shared for size in (run.old_gap, run.size_bytes)]
    parts = tuple(_cut(batch.old, [*sizes, old_rest]))
    gaps = tuple(stretch for part in parts[::2] for stretch in part)
    return Split(parts[1::2], gaps, new_gaps)


def _cut(stretches: Sequence[Stretch], sizes: Iterable[int]) -> Iterator[tuple[Stretch, ...]]:
    """Parts of these sizes, one after the other; they are not more than all together."""
    rest = list(reversed(stretches))
    for size in sizes:
        part, left = [], size
        while left:
            first = rest.pop()
            taken = min(left, first.size_bytes)
            part.append(Stretch(first.path, first.offset_bytes, taken))
            if taken < first.size_bytes:
                begin, more = first.offset_bytes + taken, first.size_bytes - taken
                rest.append(Stretch(first.path, begin, more))
            left -= taken
        yield tuple(part)


def _shared(data: bytes) -> Iterator[Shared]:
    numbers = _numbers(data)
    for new_gap in numbers:
        try:
            run = Shared(new_gap, next(numbers), next(numbers))
        except StopIteration:
            raise ManifestError("the delta names half a run") from None
        yield run


def _number(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the last byte's high bit is not set."""
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


def _numbers(data: bytes) -> Iterator[int]:
    number = bits = 0
    for byte in data:
        number |= (byte & 0x7F) << bits
        bits += 7
        if byte & 0x80 == 0 and (byte or not number):
            yield number
            number = bits = 0
        elif byte & 0x80 == 0 or bits == _MAX_NUMBER_BITS:
            raise ManifestError("the delta has a number that is too long")
    if bits:
        raise ManifestError("the delta's last number is cut off")


def _length(data: bytes) -> bytes:
    return len(data).to_bytes(_LENGTH_BYTES, "big")


def _total(stretches: Iterable[Stretch]) -> int:
    return sum(stretch.size_bytes for stretch in stretches)
