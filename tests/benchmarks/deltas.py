"""Deltas of real releases against what tufup does (bsdiff4 over the uncompressed tars).

    python -m tests.benchmarks.deltas [NAME ...]

Bytes, CPU and memory of making, memory of applying. The peer is the bsdiff4 of tufup's own
environment. What cannot be had from its registry any more is left out, and said.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
import zstandard
from rich.console import Console
from rich.table import Table

from distribution.repository.artifacts import LEVEL
from manifests.release import Artifact
from tests.benchmarks.corpus import PAIRS, Package, fetch
from tests.benchmarks.rows import Row, save
from tests.simulators.peers import ROOT, python_with
from tests.simulators.repository import pack

WORKER = Path(__file__).with_name("delta_worker.py")
WORK = Path("build/corpus/work")
SIZES = Path("build/corpus/sizes.json")
"""Of each pair the bytes of our delta and of the whole artifact."""
MIB = 2**20


@dataclass(frozen=True)
class Cost:
    """What one delta took."""

    size_bytes: int
    make_cpu_seconds: float
    make_memory_bytes: int
    apply_memory_bytes: int


@dataclass(frozen=True)
class Measured:
    """One pair of releases, done by us and by the peer."""

    name: str
    ours: Cost
    peer: Cost
    artifact_bytes: int


@dataclass(frozen=True)
class Figure:
    """A column of the table: what is compared, and the median ratio to reach."""

    name: str
    unit: str
    goal: float
    value: Callable[[Cost], float]


FIGURES = (
    Figure("delta_bytes_median", "bytes", 1 / 0.9, lambda cost: cost.size_bytes),
    Figure("delta_making_cpu", "s", 4, lambda cost: cost.make_cpu_seconds),
    Figure("delta_making_memory", "bytes", 4, lambda cost: cost.make_memory_bytes),
    Figure("delta_applying_memory", "bytes", 1 / 0.6, lambda cost: cost.apply_memory_bytes),
)
WORST_SIZE = 1.1
"""Of the peer's bytes, on any pair."""


def main(names: tuple[str, ...]) -> None:
    """Measure, print, and keep the rows."""
    peer = python_with(ROOT / "tests/simulators/tufup.lock")
    pairs = [pair for pair in PAIRS if not names or pair[0].name in names]
    measured = []
    for old, new in pairs:
        try:
            fetch(old), fetch(new)
        except subprocess.CalledProcessError as error:
            click.echo(f"{old.name} is left out, it cannot be fetched: {error}", err=True)
            continue
        measured.append(_measure(old, new, peer))
        click.echo(f"{measured[-1].name}: {measured[-1].ours.size_bytes} bytes", err=True)
    _print(measured)
    if not names:
        save(_rows(measured))
        sizes = [{"delta": m.ours.size_bytes, "artifact": m.artifact_bytes} for m in measured]
        SIZES.write_text(json.dumps(sizes))


def _measure(old: Package, new: Package, peer: Path) -> Measured:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    tars = [_tar(fetch(package), WORK / f"{n}.tar") for n, package in enumerate((old, new))]
    name = f"{old.name} {old.version} to {new.version}"
    ours = _cost("ours", Path(sys.executable), tars)
    artifact = zstandard.ZstdCompressor(level=LEVEL).compress(tars[1].read_bytes())
    return Measured(name, ours, _cost("bsdiff4", peer, tars), len(artifact))


def _tar(files: Path, tar: Path) -> Path:
    """Write the tar that we sign, its list, and its files, which is what a site has."""
    contents = {
        str(path.relative_to(files)): path.read_bytes()
        for path in files.rglob("*")
        if path.is_file()
    }
    entries, data = pack(contents)
    tar.write_bytes(data)
    artifact = Artifact(
        name="release.tar.zst",
        tar_size_bytes=len(data),
        tar_sha256=hashlib.sha256(data).hexdigest(),
        files=entries,
    )
    tar.with_suffix(".json").write_text(artifact.model_dump_json())
    shutil.copytree(files, tar.with_suffix(".files"))
    return tar


def _cost(who: str, python: Path, tars: list[Path]) -> Cost:
    delta = WORK / f"{who}.delta"
    made = run_worker(python, who, "make", *tars, delta)
    applied = run_worker(python, who, "apply", *tars, delta)
    return Cost(
        size_bytes=delta.stat().st_size,
        make_cpu_seconds=made["cpu_seconds"],
        make_memory_bytes=int(made["memory_bytes"]),
        apply_memory_bytes=int(applied["memory_bytes"]),
    )


def run_worker(python: Path, who: str, what: str, *paths: Path) -> dict[str, float]:
    """What one step took, in a process of its own."""
    command = [python, WORKER, who, what, *paths]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())} if who == "ours" else None
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _ratio(figure: Figure, pair: Measured) -> float:
    """How many times ours the peer needs; what is too small to be measured counts as one unit."""
    floor = 4096 if figure.unit == "bytes" and "memory" in figure.name else 1e-3
    return max(figure.value(pair.peer), floor) / max(figure.value(pair.ours), floor)


def _rows(measured: list[Measured]) -> Iterator[Row]:
    for figure in FIGURES:
        yield Row(
            name=f"{figure.name}_vs_tufup",
            ours=median(figure.value(pair.ours) for pair in measured),
            peer=median(figure.value(pair.peer) for pair in measured),
            unit=figure.unit,
            ratio=round(median(_ratio(figure, pair) for pair in measured), 2),
            goal=round(figure.goal, 2),
        )
    worst = min(measured, key=lambda pair: _ratio(FIGURES[0], pair))
    yield Row(
        name="delta_bytes_worst_vs_tufup",
        ours=worst.ours.size_bytes,
        peer=worst.peer.size_bytes,
        unit="bytes",
        ratio=round(_ratio(FIGURES[0], worst), 2),
        goal=round(1 / WORST_SIZE, 2),
    )


def _print(measured: list[Measured]) -> None:
    table = Table("pair", *(f"{figure.name}: ours / peer" for figure in FIGURES))
    for pair in measured:
        table.add_row(pair.name, *(_cell(figure, pair) for figure in FIGURES))
    shares = [median(1 / _ratio(figure, pair) for pair in measured) for figure in FIGURES]
    table.add_row("median of the shares", *(f"{share:.2f}" for share in shares))
    Console(width=180).print(table)


def _cell(figure: Figure, pair: Measured) -> str:
    ours, peer = figure.value(pair.ours), figure.value(pair.peer)
    if "memory" in figure.name:
        amounts = f"{ours / MIB:.1f} / {peer / MIB:.1f} MiB"
    elif figure.unit == "s":
        amounts = f"{ours:.2f} / {peer:.2f} s"
    else:
        amounts = f"{ours:,.0f} / {peer:,.0f}"
    return f"{amounts} = {1 / _ratio(figure, pair):.2f}"


@click.command()
@click.argument("names", nargs=-1)
def _command(names: tuple[str, ...]) -> None:
    """Measure deltas of all pairs of the corpus, or of the NAMEs."""
    main(names)


if __name__ == "__main__":
    _command()
