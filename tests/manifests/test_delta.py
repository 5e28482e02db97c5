"""Both sides derive a delta's batches from the signed lists alone, and read its frames strictly."""

import hashlib
import io

import pytest

from manifests import delta
from manifests.delta import MAGIC, Batch, Stretch, batches, copied, framed, patch_stretches
from manifests.errors import ManifestError
from manifests.file_list import FileEntry

MIB = 2**20


def _entry(path: str, content: bytes = b"", size: int | None = None) -> FileEntry:
    digest = hashlib.sha256(content or path.encode()).hexdigest()
    return FileEntry(path=path, size_bytes=len(content) if size is None else size, sha256=digest)


def test_what_both_releases_hold_is_copied_even_under_another_name() -> None:
    old = (_entry("a", b"same"), _entry("b", b"old"))
    new = (_entry("b", b"new"), _entry("renamed", b"same"))
    assert copied(old, new) == {"renamed": "a"}
    assert batches(old, new) == (Batch((Stretch("b", 0, 3),), (Stretch("b", 0, 3),)),)


def test_a_file_whose_path_names_the_version_finds_its_relative() -> None:
    old, new = (
        (_entry("x-1.2.dist-info/METADATA", b"one"),),
        (_entry("x-1.3.dist-info/METADATA", b"two"),),
    )
    assert batches(old, new)[0].old == (Stretch("x-1.2.dist-info/METADATA", 0, 3),)


def test_no_batch_is_larger_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta, "BATCH_BYTES", 100)
    monkeypatch.setattr(delta, "OLD_BATCH_BYTES", 200)
    monkeypatch.setattr(delta, "MARGIN_BYTES", 50)
    old = tuple(_entry(f"f{n}", f"old {n}".encode(), size=70) for n in range(5))
    new = tuple(_entry(f"f{n}", f"new {n}".encode(), size=90) for n in range(5))
    found = batches(old, new)
    for batch in found:
        assert sum(part.size_bytes for part in batch.old) <= 200
        assert sum(part.size_bytes for part in batch.new) <= 100
    parts = [part for batch in found for part in batch.new]
    assert sum(part.size_bytes for part in parts) == 450
    assert [part.path for part in parts] == sorted(part.path for part in parts)


def test_a_part_of_a_large_file_is_looked_for_around_its_old_place() -> None:
    old, new = (_entry("f", b"old", size=100 * MIB),), (_entry("f", b"new", size=101 * MIB),)
    found = batches(old, new)
    assert len(found) == 7
    assert found[1] == Batch(
        (Stretch("f", 8 * MIB, 32 * MIB),), (Stretch("f", 16 * MIB, 16 * MIB),)
    )
    assert found[6] == Batch(
        (Stretch("f", 88 * MIB, 12 * MIB),), (Stretch("f", 96 * MIB, 5 * MIB),)
    )


def test_what_is_framed_is_found() -> None:
    file = io.BytesIO(MAGIC + framed(b"one") + framed(b""))
    found = [file.getvalue()[at : at + size] for at, size in patch_stretches(file, 2)]
    assert found == [b"one", b""]


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (b"", 0),
        (b"BSDIFF40", 0),
        (MAGIC, 1),
        (MAGIC + framed(b"one"), 2),
        (MAGIC + framed(b"one"), 0),
        (MAGIC + framed(b"one")[:-1], 1),
        (MAGIC + framed(b"one") + b"x", 1),
        (MAGIC + (2**63).to_bytes(8, "big") + b"x", 1),
        (MAGIC + (delta.MAX_PATCH_BYTES + 1).to_bytes(8, "big"), 1),
    ],
)
def test_other_frames_are_refused(content: bytes, count: int) -> None:
    with pytest.raises(ManifestError):
        list(patch_stretches(io.BytesIO(content), count))
