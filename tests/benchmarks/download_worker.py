"""One fetch of a large artifact, in a process of its own: seconds, CPU, and bytes written.

    python -m tests.benchmarks.download_worker ours|peer|raw FOLDER URL PATH

What is measured begins after the refresh and ends when the file is verified and on the disk under
its final name: each side's own call, then ``fsync`` of the file and of its folder, which neither
does by itself. ``raw`` reads the same bytes from a file instead of the line: sha256, write, fsync.
"""

import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

TARGETS, METADATA, ROOT = "targets/", "metadata/", "root.json"
_PIECE_BYTES = 1024 * 1024


def ours(folder: Path, url: str, target: str) -> Callable[[], Path]:
    """The agent's own parts, put together as its poll does."""
    from client_updater.downloads import Downloads
    from client_updater.fetcher import Fetcher
    from client_updater.floor import Floor, FloorFile
    from client_updater.trusted import Place, Trusted

    for name in ("metadata/verified", "trust", "downloads"):
        (folder / name).mkdir(parents=True)
    fetcher, floors = Fetcher(), FloorFile(folder / "trust")
    floors.save(Floor())
    root = (folder.parent / ROOT).read_bytes()
    place = Place(
        root, f"{url}/{METADATA}", f"{url}/{TARGETS}", folder / "metadata",
        folder / "metadata/verified",
    )  # fmt: skip
    trusted = Trusted(place, fetcher, floors, {"targets"})
    trusted.refresh()
    found = trusted.find(target)
    assert found is not None
    downloads = Downloads(folder / "downloads", fetcher)
    return lambda: downloads.fetch(found, lambda size: None)


def peer(folder: Path, url: str, target: str) -> Callable[[], Path]:
    """python-tuf's client with its own defaults; its temporary files lie on the same disk."""
    from tuf.ngclient import Updater

    for name in ("metadata", "downloads", "temporary"):
        (folder / name).mkdir(parents=True)
    os.environ["TMPDIR"] = str(folder / "temporary")
    updater = Updater(
        str(folder / "metadata"), f"{url}/{METADATA}", str(folder / "downloads"),
        f"{url}/{TARGETS}", bootstrap=(folder.parent / ROOT).read_bytes(),
    )  # fmt: skip
    updater.refresh()
    found = updater.get_targetinfo(target)
    assert found is not None
    return lambda: Path(updater.download_target(found))


def raw(folder: Path, source: str, digest: str) -> Callable[[], Path]:
    """The least that anything verified and durable costs, without a line."""
    folder.mkdir()

    def copy() -> Path:
        hasher = hashlib.sha256()
        with open(source, "rb", buffering=0) as file, open(folder / "x", "wb", buffering=0) as to:
            while piece := file.read(_PIECE_BYTES):
                hasher.update(piece)
                to.write(piece)
        assert hasher.hexdigest() == digest
        return folder / "x"

    return copy


def _synced(path: Path) -> None:
    for each in (path, path.parent):
        fd = os.open(each, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)


def _written() -> tuple[int, int]:
    """Bytes for which this process made the kernel write to a disk, and those it took back."""
    lines = Path("/proc/self/io").read_text().splitlines()
    counts = {name: int(count) for name, count in (line.split(": ") for line in lines)}
    return counts["write_bytes"], counts["cancelled_write_bytes"]


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(who: str, folder: str, *words: str) -> None:
    """Measure one fetch and print it as JSON."""
    fetch = {"ours": ours, "peer": peer, "raw": raw}[who](Path(folder), *words)
    before, cpu, began = _written(), _cpu(), time.perf_counter()
    _synced(fetch())
    seconds, used, after = time.perf_counter() - began, _cpu() - cpu, _written()
    figures = {
        "seconds": seconds,
        "cpu_seconds": used,
        "written_bytes": after[0] - before[0],
        "cancelled_bytes": after[1] - before[1],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
