"""A delta's frames are read strictly, and name no more than their batches hold."""

import io

import pytest

from manifests.delta import Batch, Stretch
from manifests.delta_frames import MAGIC, MAX_PATCH_BYTES, Shared, framed, frames, split
from manifests.errors import ManifestError

RUNS = (Shared(0, 5, 300), Shared(200, 0, 2**21), Shared(1, 1, 127))
BATCH = Batch(
    old=(Stretch("a", 10, 100), Stretch("b", 0, 50), Stretch("c", 7, 1000)),
    new=(Stretch("x", 0, 1000),),
)


def test_what_is_framed_is_found() -> None:
    file = io.BytesIO(MAGIC + framed(RUNS, b"one") + framed((), b"") + framed(RUNS[:1], b"two"))
    found = list(frames(file, 3))
    assert [frame.shared for frame in found] == [RUNS, (), RUNS[:1]]
    patches = [file.getvalue()[each.patch_offset :][: each.patch_size] for each in found]
    assert patches == [b"one", b"", b"two"]


def _lengths(runs: int, patch: int) -> bytes:
    return runs.to_bytes(4, "big") + patch.to_bytes(4, "big")


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (b"", 0),
        (b"BSDIFF40", 0),
        (b"HSP-DELTA-1\n", 0),
        (MAGIC, 1),
        (MAGIC + framed(RUNS, b"one"), 2),
        (MAGIC + framed(RUNS, b"one"), 0),
        (MAGIC + framed(RUNS, b"one")[:-1], 1),
        (MAGIC + framed((), b"one") + b"x", 1),
        (MAGIC + _lengths(0, 2**32 - 1) + b"x", 1),
        (MAGIC + _lengths(0, MAX_PATCH_BYTES + 1) + bytes(MAX_PATCH_BYTES + 1), 1),
        (MAGIC + _lengths(2**20, 0) + bytes(2**20), 1),
        (MAGIC + _lengths(2, 0) + b"\x01\x02", 1),
        (MAGIC + _lengths(3, 0) + b"\x01\x02\x83", 1),
        (MAGIC + _lengths(4, 0) + b"\x01\x02\x83\x00", 1),
        (MAGIC + _lengths(9, 0) + b"\x01\x02\xff\xff\xff\xff\xff\xff\x01", 1),
    ],
    ids=[
        *("empty", "another coder's", "the format of before", "a frame too few", "half of them"),
        *("a frame too many", "cut off", "bytes left over", "a huge patch", "a long patch"),
        *("a long list of runs", "half a run", "half a number", "a padded number", "a huge number"),
    ],
)
def test_other_frames_are_refused(content: bytes, count: int) -> None:
    with pytest.raises(ManifestError):
        list(frames(io.BytesIO(content), count))


def test_a_batch_is_cut_where_its_frame_says() -> None:
    parts = split(BATCH, [Shared(2, 90, 80), Shared(0, 0, 100), Shared(700, 30, 1)])
    assert parts.runs == (
        (Stretch("a", 100, 10), Stretch("b", 0, 50), Stretch("c", 7, 20)),
        (Stretch("c", 27, 100),),
        (Stretch("c", 157, 1),),
    )
    assert parts.gaps == (Stretch("a", 10, 90), Stretch("c", 127, 30), Stretch("c", 158, 849))
    assert (parts.gaps_bytes, parts.new_gaps_bytes) == (969, 819)


def test_where_nothing_is_shared_all_is_patched() -> None:
    assert split(BATCH, ()).gaps == BATCH.old


@pytest.mark.parametrize(
    "shared",
    [
        [Shared(0, 1151, 0)],
        [Shared(0, 0, 1001)],
        [Shared(0, 1000, 151)],
        [Shared(1001, 0, 0)],
        [Shared(600, 0, 300), Shared(101, 0, 0)],
    ],
)
def test_more_than_a_batch_holds_is_refused(shared: list[Shared]) -> None:
    with pytest.raises(ManifestError):
        split(BATCH, shared)
