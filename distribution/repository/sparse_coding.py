"""Makes the patches of ``manifests.sparse_patch`` from what the patch coder has found.

Where old and new bytes answer to each other is read from the coder's own patch (HDIFF13, not
compressed). That format is another project's: so what comes of it is applied once here, and counts
only if it makes the right bytes.
"""

from collections.abc import Iterator

from manifests.errors import ManifestError
from manifests.sparse_patch import Cover, applied, written

_HEAD = b"HDIFF13&\0"
_NUMBERS = 11
_COVERS, _COVERS_BYTES, _FRESH_BYTES = 2, 3, 9
"""Of the head's numbers: how many covers, the bytes of their list, and of what is new."""
_WORTH_BYTES = 64 * 1024
_MOST_DIFFERENT = 0.1
"""Where more bytes differ, the coder's own patch is the smaller one."""


def sparse(old: bytes, new: bytes, plain: bytes) -> bytes | None:
    """The patch; None where it would be of no use, or cannot be made.

    Args:
        plain: the coder's own patch, not compressed.
    """
    if len(new) < _WORTH_BYTES or not plain.startswith(_HEAD):
        return None
    import numpy  # it takes a while, and every command of ours would wait for it

    try:
        covers, fresh = _read(plain)
        differences = _differences(old, new, covers)
        different = numpy.count_nonzero(numpy.frombuffer(differences, numpy.uint8))
        if not 0 < different <= _MOST_DIFFERENT * len(new):
            return None
        patch = written(covers, differences, fresh)
        return patch if applied(old, patch) == new else None
    except (IndexError, ValueError, ManifestError):  # another version of its format
        return None


def _read(plain: bytes) -> tuple[list[Cover], bytes]:
    at, head = len(_HEAD), []
    for _ in range(_NUMBERS):
        value, at = _number(plain, at)
        head.append(value)
    covers = list(_covers(plain, at, head[_COVERS]))
    return covers, plain[len(plain) - head[_FRESH_BYTES] :]


def _covers(plain: bytes, at: int, count: int) -> Iterator[Cover]:
    """The coder says each place from the end of the cover before it, forwards or backwards."""
    end = 0
    for _ in range(count):
        backwards = plain[at] >= 0x80
        step, at = _number(plain, at, 6)
        gap, at = _number(plain, at)
        size, at = _number(plain, at)
        place = end - step if backwards else end + step
        yield gap, place, size
        end = place + size


def _number(data: bytes, at: int, bits: int = 7) -> tuple[int, int]:
    """A number and where it ends; its first byte has so many bits of it, the highest come first."""
    more = 1 << bits
    value, goes_on = data[at] & (more - 1), data[at] & more
    at += 1
    while goes_on:
        value, goes_on = value << 7 | data[at] & 0x7F, data[at] & 0x80
        at += 1
    return value, at


def _differences(old: bytes, new: bytes, covers: list[Cover]) -> bytes:
    import numpy

    before, after = numpy.frombuffer(old, numpy.uint8), numpy.frombuffer(new, numpy.uint8)
    found, at = [], 0
    for gap, place, size in covers:
        at += gap
        found.append((after[at : at + size] - before[place : place + size]).tobytes())
        at += size
    return b"".join(found)
