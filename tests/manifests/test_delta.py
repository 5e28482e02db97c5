"""Both sides derive a delta's batches from the signed lists alone."""

import hashlib

import pytest

from manifests import delta
from manifests.delta import Batch, Stretch, batches, copied
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


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x-1.2.dist-info/METADATA", "x-1.3.dist-info/METADATA"),
        ("x.libs/libjpeg-45e70d75.so.62.4.0", "x.libs/libjpeg-0988b44a.so.62.5"),
        ("static/app.0123abcd4567.js", "static/app.ffffffff0000.js"),
    ],
)
def test_a_file_whose_path_names_a_version_or_a_hash_finds_its_relative(
    before: str, after: str
) -> None:
    old, new = (_entry(before, b"one"), _entry("other", b"x")), (_entry(after, b"two"),)
    assert batches(old, new)[0].old == (Stretch(before, 0, 3),)


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
    old, new = (_entry("f", b"old", size=10 * MIB),), (_entry("f", b"new", size=20 * MIB),)
    found = batches(old, new)
    assert len(found) == 5
    margin = delta.MARGIN_BYTES
    assert found[1] == Batch(
        (Stretch("f", 2 * MIB - margin, 2 * MIB + 2 * margin),), (Stretch("f", 4 * MIB, 4 * MIB),)
    )
    assert found[1].beside == ((0, margin),)
    assert found[4] == Batch(
        (Stretch("f", 8 * MIB - margin, 2 * MIB + margin),), (Stretch("f", 16 * MIB, 4 * MIB),)
    )


def test_it_is_said_beside_what_a_file_lies() -> None:
    old = (_entry("a", b"old a", size=70), _entry("b", b"old b", size=80))
    new = (_entry("a", b"new a", size=90), _entry("aa", size=5), _entry("b", b"new b", size=80))
    (batch,) = batches(old, new)
    assert batch.beside == ((0, 0), (95, 70))
