"""Applying a delta of 1 GiB takes no more memory than one of a few MiB.

    python -m tests.benchmarks.large_delta

The release is one file that repeats itself every batch, so that three patches make all of it. They
make whole batches, as if both releases shared no long run of bytes, which is the most that a site
ever needs.
"""

import hashlib
import os
import random
import shutil
import sys
from pathlib import Path

import click

from distribution.repository.delta_coding import patch
from manifests.delta import BATCH_BYTES, MARGIN_BYTES, batches
from manifests.delta_frames import MAGIC, framed
from manifests.file_list import END_OF_TAR, FileEntry, FileList, tar_header, tar_size_bytes
from manifests.release import Artifact
from tests.benchmarks.deltas import run_worker
from tests.benchmarks.rows import Row, save

FOLDER = Path("build/corpus/large")
BATCHES = 2**30 // BATCH_BYTES
MOST_BYTES = 150 * 2**20
CHANGED_BYTES = 2**20


def main(names: tuple[str, ...] = ()) -> None:
    """Measure, print, and keep the row."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "old.files").mkdir(parents=True)
    try:
        found = _measure()
    finally:
        shutil.rmtree(FOLDER)
    ours = found["child_bytes"] + max(found["agent_bytes"], 0)
    click.echo(
        f"1 GiB: the coder held {found['child_bytes'] / 2**20:.0f} MiB, "
        f"the agent {found['agent_bytes'] / 2**20:.1f} MiB more than before"
    )
    name = "delta applying, memory for 1 GiB (peer: the most it may be)"
    save([Row(name, ours, MOST_BYTES, "bytes", round(MOST_BYTES / ours, 2), 1.0)])


def _measure() -> dict[str, float]:
    chance = random.Random(1)
    old = chance.randbytes(BATCH_BYTES)
    new = chance.randbytes(CHANGED_BYTES) + old[CHANGED_BYTES:]
    before, after = _listed(old), _listed(new)
    assert len(batches(before, after)) == BATCHES
    _write(FOLDER / "old.files/data", b"", old, b"")
    _write(FOLDER / "new.tar", tar_header(after[0]), new, END_OF_TAR)
    for name, files in (("old", before), ("new", after)):
        (FOLDER / f"{name}.json").write_text(_artifact(files).model_dump_json())
    _write_delta(old, new)
    paths = [FOLDER / name for name in ("old.tar", "new.tar", "made.delta")]
    return run_worker(Path(sys.executable), "ours", "apply", *paths)


def _listed(batch: bytes) -> FileList:
    digest = hashlib.sha256()
    for _ in range(BATCHES):
        digest.update(batch)
    size = BATCHES * BATCH_BYTES
    return (FileEntry(path="data", size_bytes=size, sha256=digest.hexdigest()),)


def _artifact(files: FileList) -> Artifact:
    size = tar_size_bytes(files)
    return Artifact(name="x.tar.zst", tar_size_bytes=size, tar_sha256="0" * 64, files=files)


def _write(path: Path, head: bytes, batch: bytes, end: bytes) -> None:
    with path.open("wb") as file:
        file.write(head)
        for _ in range(BATCHES):
            file.write(batch)
        file.write(end)


def _write_delta(old: bytes, new: bytes) -> None:
    """The first batch, those in the middle, and the last one differ in what is around them."""
    first, middle, last = (
        framed((), patch(basis, new))
        for basis in (
            old + old[:MARGIN_BYTES],
            old[-MARGIN_BYTES:] + old + old[:MARGIN_BYTES],
            old[-MARGIN_BYTES:] + old,
        )
    )
    with (FOLDER / "made.delta").open("wb") as file:
        file.write(MAGIC + first)
        for _ in range(BATCHES - 2):
            file.write(middle)
        file.write(last)
        os.fsync(file.fileno())


if __name__ == "__main__":
    main()
