"""Archives and deltas, with the readers that unpack them."""

import hashlib
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import zstandard

from client_updater import archive
from client_updater.deltas import Basis, rebuilt
from client_updater.slots import verify_tree
from distribution.repository.delta_coding import patch
from distribution.repository.shared_runs import rest, shared_runs
from manifests import delta
from manifests.delta_frames import MAGIC, Shared, framed, frames, split
from manifests.errors import UpdateError
from manifests.release import Artifact
from tests.simulators.repository import pack
from tests.torture.mutation import mutated_archive
from tests.torture.subject import Subject


def archives(folder: Path) -> Subject:
    """A compressed tar, unpacked into a folder with another one beside it."""
    files = {"app.py": b"#!/usr/bin/python3\n" * 60, "a/b/c.txt": b"c" * 700, "a/empty": b""}
    files["z/" + "x" * 120 + ".txt"] = b"a long name has a header of its own"
    artifact, tar = _artifact(files)
    place, outside = folder / "inside", folder / "outside"
    for made in (folder, outside):
        made.mkdir(parents=True)
    (outside / "untouched").write_bytes(b"as it was")

    def read(data: bytes) -> object:
        source = folder / "source.tar.zst"
        source.write_bytes(data)
        try:
            archive.unpack(source, artifact, place)
            verify_tree(place, artifact.files)
        except BaseException:
            _expect(folder, {"outside", "source.tar.zst"})
            raise
        finally:
            _expect(outside, {"untouched"})
        _expect(folder, {"outside", "source.tar.zst", "inside"})
        return None

    sample = zstandard.ZstdCompressor(level=3).compress(tar)
    return Subject("archive", [sample], read, 12, mutated_archive)


def _expect(folder: Path, names: set[str]) -> None:
    found = {path.name for path in folder.iterdir()}
    if found != names:
        raise AssertionError(f"{folder} has {sorted(found)}, and should have {sorted(names)}")


def _artifact(files: Mapping[str, bytes]) -> tuple[Artifact, bytes]:
    entries, tar = pack(files)
    artifact = Artifact(
        name="notes-1.0.tar.zst",
        tar_size_bytes=len(tar),
        tar_sha256=hashlib.sha256(tar).hexdigest(),
        files=entries,
    )
    return artifact, tar


def applied_deltas(folder: Path) -> Subject:
    """A delta with real patches, the whole way; few of them, since each costs a process."""
    old = {f"f{n}.py": b"line %d\n" % n * 500 for n in range(4)}
    new = {name: body.replace(b"line", b"LINE", 7) for name, body in old.items()} | {"g": b"new"}
    before, _ = _artifact(old)
    after, _ = _artifact(new)
    slot, place, source = folder / "old", folder / "new", folder / "source.delta"
    slot.mkdir(parents=True)
    for name, body in old.items():
        (slot / name).write_bytes(body)
    basis = Basis("1.0", slot, before)

    def read(data: bytes) -> object:
        source.write_bytes(data)
        try:
            with rebuilt(source, basis, after) as tar:
                archive.unpack_tar(tar, after, place)
            verify_tree(place, after.files)
        except UpdateError:
            _expect(folder, {"old", "source.delta"})
            raise
        finally:
            verify_tree(slot, before.files)
        return None

    batches = delta.batches(before.files, after.files)
    sample = MAGIC + b"".join(_frame(batch, old, new) for batch in batches)
    return Subject("delta, applied", [sample], read, 0.08)


def _frame(batch: delta.Batch, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> bytes:
    before, after = _joined(batch.old, old), _joined(batch.new, new)
    shared = list(shared_runs(before, after, batch.beside))
    return framed(shared, patch(*rest(before, after, shared)))


def _joined(stretches: Iterable[delta.Stretch], files: Mapping[str, bytes]) -> bytes:
    pieces = (files[s.path][s.offset_bytes :][: s.size_bytes] for s in stretches)
    return b"".join(pieces)


def deltas() -> Subject:
    """The frame of a delta, with anything for patches."""
    old, _ = pack({f"f{n}.py": bytes([n]) * 900 for n in range(6)})
    new, _ = pack({f"f{n}.py": bytes([n + n % 2]) * 901 for n in range(1, 7)})
    batches = delta.batches(old, new)
    shared = [Shared(3, 700, 300), Shared(200, 0, 1500)]
    sample = MAGIC + b"".join(framed(shared, bytes(range(40)) * 3) for _ in batches)

    def read(data: bytes) -> object:
        found = list(frames(io.BytesIO(data), len(batches)))
        patches = (data[frame.patch_offset :][: frame.patch_size] for frame in found)
        made = (framed(frame.shared, patch) for frame, patch in zip(found, patches, strict=True))
        if MAGIC + b"".join(made) != data:
            raise AssertionError("the delta is not what was read of it")
        return [split(batch, frame.shared) for batch, frame in zip(batches, found, strict=True)]

    return Subject("delta", [sample], read, 6)
