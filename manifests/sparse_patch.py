"""A patch for a program that was built anew: nearly all of it is what it was, a few bytes per line.

Such a program has the same instructions at the same distance, and addresses in them that are a
little higher or lower. The patch coder that makes all other patches describes where they differ;
here all differences lie in one row, zeros among them, where a sorting compressor sees that the same
few come again and again. It is a tenth smaller then, and so it is used only where it is.

Applied in the agent's child, with nothing but the standard library. It holds to bounds, and makes
no more than a batch; whether the bytes are right is said by the release's signed hashes.
"""

import bz2
import lzma
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from manifests.errors import ManifestError

MAGIC = b"HSP-SPARSE-1\n"
MOST_BYTES = 4 * 1024 * 1024
"""That a patch makes: ``manifests.delta.BATCH_BYTES``."""

_LENGTH = struct.Struct(">I")
_COVER = struct.Struct(">III")
_MOST_COVERS = MOST_BYTES // 16
_FILTERS: Any = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": MOST_BYTES}]
_ADDED_BYTES = 64 * 1024

Cover = tuple[int, int, int]
"""After so many bytes that are new, so many are made from the old ones at this place: gap, place,
size."""


def written(covers: Sequence[Cover], differences: bytes, fresh: bytes) -> bytes:
    """The patch: what covers make by adding ``differences``, and the bytes that are new."""
    row = bz2.compress(differences)
    table = b"".join(_COVER.pack(*cover) for cover in covers)
    rest = _LENGTH.pack(len(covers)) + table + fresh
    packed = lzma.compress(rest, lzma.FORMAT_RAW, filters=_FILTERS)
    return MAGIC + _LENGTH.pack(len(row)) + row + packed


def applied(old: bytes, patch: bytes) -> bytes:
    """The new bytes.

    Raises:
        ManifestError: it is no such patch, or names what is not there.
    """
    if not patch.startswith(MAGIC):
        raise ManifestError("not a patch of this kind")
    begin = len(MAGIC) + _LENGTH.size
    try:
        (row_size,) = _LENGTH.unpack(patch[len(MAGIC) : begin])
        row = bz2.BZ2Decompressor().decompress(patch[begin : begin + row_size], MOST_BYTES + 1)
        unpacking = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
        most = _LENGTH.size + _MOST_COVERS * _COVER.size + MOST_BYTES
        rest = unpacking.decompress(patch[begin + row_size :], most + 1)
        (count,) = _LENGTH.unpack(rest[: _LENGTH.size])
        table_end = _LENGTH.size + count * _COVER.size
        covers = list(_COVER.iter_unpack(rest[_LENGTH.size : table_end]))
    except (OSError, EOFError, ValueError, lzma.LZMAError, struct.error) as error:
        raise ManifestError("the patch cannot be read") from error
    fresh = rest[table_end:]
    _check(covers, len(old), len(row), len(fresh))
    return b"".join(_made(covers, old, row, fresh))


def _check(covers: Sequence[Cover], old: int, row: int, fresh: int) -> None:
    gaps, sizes = sum(gap for gap, _, _ in covers), sum(size for _, _, size in covers)
    if sizes != row or gaps > fresh or row + fresh > MOST_BYTES:
        raise ManifestError("the patch makes another number of bytes than it says")
    if any(place + size > old for _, place, size in covers):
        raise ManifestError("the patch names old bytes that there are not")


def _made(covers: Sequence[Cover], old: bytes, row: bytes, fresh: bytes) -> Iterator[bytes]:
    at = done = 0
    for gap, place, size in covers:
        yield fresh[done : done + gap]
        done += gap
        for begin in range(0, size, _ADDED_BYTES):
            part = min(_ADDED_BYTES, size - begin)
            here = place + begin
            yield _added(old[here : here + part], row[at : at + part])
            at += part
    yield fresh[done:]


def _added(one: bytes, other: bytes) -> bytes:
    """Byte by byte, each modulo 256: as two large numbers, no byte of which carries to the next."""
    size = len(one)
    low, high = (int.from_bytes(bits * size, "little") for bits in (b"\x7f", b"\x80"))
    a, b = int.from_bytes(one, "little"), int.from_bytes(other, "little")
    return (((a & low) + (b & low)) ^ ((a ^ b) & high)).to_bytes(size, "little")
