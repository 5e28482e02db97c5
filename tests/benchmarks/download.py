"""Fetching an artifact of 100 MB, verified and durable: our agent, python-tuf's client, and a copy.

    python -m tests.benchmarks.download

Same repository, same loopback server in a process of its own, a fresh process and folder for each
fetch, in turns; medians. What is in the time, and what each side does: ``download_worker``.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import click

from tests.benchmarks.file_server import serving
from tests.benchmarks.rows import Row, save
from tests.simulators.repository import SimulatedRepository

SIZE_BYTES, ROUNDS = 100_000_000, 9
WHO = ("ours", "peer", "raw")
TARGET = "big/artifact.tar.zst"
Figures = Mapping[str, float]


def _repository(folder: Path) -> tuple[Path, str]:
    """Written to the disk: where the artifact lies, and its sha256."""
    repository = SimulatedRepository()
    content = random.Random(7).randbytes(SIZE_BYTES)
    repository.add_target("targets", TARGET, content)
    repository.sign_targets("targets")
    repository.commit()
    for name, data in repository.files.items():
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder.parent / "root.json").write_bytes(repository.root)
    stored = folder / repository.stored(TARGET, content).lstrip("/")
    return stored, hashlib.sha256(content).hexdigest()


def _once(who: str, folder: Path, words: tuple[str, str]) -> Figures:
    command = [sys.executable, "-m", "tests.benchmarks.download_worker", who, str(folder), *words]
    os.sync()  # what was written before is nobody's work here
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: Figures = json.loads(done.stdout)
    return found


def measure() -> dict[str, Figures]:
    """The medians of each side."""
    found: dict[str, list[Figures]] = {who: [] for who in WHO}
    with TemporaryDirectory(dir="build", prefix="download-") as place:
        top = Path(place).absolute()
        stored, digest = _repository(top / "served")
        with serving(top / "served") as url:
            for number in range(ROUNDS + 1):  # the first one warms the disk's cache
                for who in WHO:
                    words = (str(stored), digest) if who == "raw" else (url, TARGET)
                    figures = _once(who, top / f"{who}{number}", words)
                    if number:
                        found[who].append(figures)
                    subprocess.run(["rm", "-rf", top / f"{who}{number}"], check=True)
    return {
        who: {name: median(each[name] for each in rounds) for name in rounds[0]}
        for who, rounds in found.items()
    }


def rows(found: Mapping[str, Figures]) -> tuple[Row, ...]:
    """Time, disk writes, CPU; and the rate beside the raw copy's."""
    ours, peer, raw = (found[who] for who in WHO)
    rates = [SIZE_BYTES / side["seconds"] / 1e6 for side in (ours, raw)]
    return (
        _row("download_vs_ngclient", ours, peer, "seconds", "s", 2),
        _row("download_disk_writes_vs_ngclient", ours, peer, "written_bytes", "bytes", 2),
        Row("download_rate_vs_raw_copy", *rates, "MB/s", round(rates[0] / rates[1], 2), 0.5),
        _row("download_cpu_vs_ngclient", ours, peer, "cpu_seconds", "s", 1),
    )


def _row(name: str, ours: Figures, peer: Figures, figure: str, unit: str, goal: float) -> Row:
    ratio = round(peer[figure] / ours[figure], 2)
    return Row(name, ours[figure], peer[figure], unit, ratio, goal)


def main(_: tuple[str, ...] = ()) -> None:
    """Measure, print, and keep the rows."""
    found = measure()
    for who, figures in found.items():
        words = ", ".join(f"{name} {value:,.3f}" for name, value in figures.items())
        click.echo(f"{who}: {words}")
    save(rows(found))
    for row in rows(found):
        click.echo(f"{row.name}: {row.ours:,.3f} and {row.peer:,.3f} {row.unit}: {row.ratio}")


if __name__ == "__main__":
    main()
