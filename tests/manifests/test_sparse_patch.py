"""Patches of programs that were built anew, and what tampers with them."""

import bz2
import random

import pytest

from manifests.errors import ManifestError
from manifests.sparse_patch import MAGIC, MOST_BYTES, applied, written

OLD = random.Random(1).randbytes(200_000)


def test_covers_differences_and_new_bytes_make_the_new_file() -> None:
    differences = bytes(100_000) + b"\xff\x01\x80" + bytes(49_997)
    patch = written([(3, 50_000, 100_003), (2, 10, 49_997)], differences, b"abcdefg")
    moved = bytes(
        (old + more) % 256 for old, more in zip(OLD[150_000:], (255, 1, 128), strict=False)
    )
    assert (
        applied(OLD, patch) == b"abc" + OLD[50_000:150_000] + moved + b"de" + OLD[10:50_007] + b"fg"
    )


def test_a_patch_without_covers_is_the_new_file_itself() -> None:
    assert applied(b"", written([], b"", b"all of it")) == b"all of it"


@pytest.mark.parametrize(
    "patch",
    [
        b"HDIFF13&\0",
        MAGIC,
        MAGIC + b"\0\0\0\0",
        written([], b"", b"x")[:-4],
        written([(0, 0, 5)], b"1234", b""),  # a row of another length
        written([(9, 0, 4)], b"1234", b"x"),  # a gap that nothing fills
        written([(0, len(OLD) - 3, 4)], b"1234", b""),  # beyond the old end
        written([], b"", bytes(MOST_BYTES + 1)),
        written([(0, 0, MOST_BYTES + 1)], bytes(MOST_BYTES + 1), b""),
    ],
)
def test_what_names_more_than_there_is_makes_nothing(patch: bytes) -> None:
    with pytest.raises(ManifestError):
        applied(OLD, patch)


def test_a_row_that_would_unpack_without_end_is_not_unpacked() -> None:
    row = bz2.compress(bytes(64 * MOST_BYTES))
    patch = MAGIC + len(row).to_bytes(4, "big") + row + written([], b"", b"")[len(MAGIC) + 4 + 14 :]
    with pytest.raises(ManifestError):
        applied(OLD, patch)


def test_damage_is_noticed_or_makes_other_bytes_and_never_more() -> None:
    patch = written([(0, 0, 60_000)], random.Random(2).randbytes(60_000), b"end")
    for place in range(0, len(patch), 997):
        damaged = patch[:place] + bytes([patch[place] ^ 0x40]) + patch[place + 1 :]
        try:
            assert len(applied(OLD, damaged)) <= MOST_BYTES
        except ManifestError:
            continue
