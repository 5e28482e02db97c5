"""A million sites, many seeds: time and memory of ``hsp rollout simulate``.

    python -m tests.benchmarks.simulation

No other tool does this, so the peer's column holds the limits of issue 4: 60 s and 2 GiB.
"""

import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click

from tests.benchmarks.rows import Row, save

SITES, SEEDS = 1_000_000, 20
MOST_SECONDS, MOST_BYTES = 60.0, 2 * 2**30
COMMAND = (
    sys.executable, "-m", "tests.benchmarks.simulation", "one",
    "rollout", "simulate", "--sites", str(SITES), "--failure-rate", "0.06", "--seeds", str(SEEDS),
    "--schedule", "standard",
)  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What one run of the command took."""

    seconds: float
    memory_bytes: int


def one(words: list[str]) -> None:
    """The command in this process, with the most memory that it ever had as the last line."""
    from distribution.cli import main as hsp

    hsp.main(words, standalone_mode=False)
    status = Path("/proc/self/status").read_text()
    peak = re.search(r"VmHWM:\s*(\d+)", status)  # not ru_maxrss, which a parent's size leaks into
    assert peak is not None
    click.echo(f"peak {int(peak[1]) * 1024}")


def measure() -> Cost:
    """Run the command in a process of its own."""
    begin = time.monotonic()
    said = subprocess.run(COMMAND, check=True, capture_output=True, text=True).stdout
    seconds = time.monotonic() - begin
    peak = re.search(r"peak (\d+)", said)
    assert peak is not None
    click.echo(said)
    return Cost(seconds, int(peak[1]))


def main(_: tuple[str, ...] = ()) -> None:
    """Measure, print, and keep the rows."""
    cost = measure()
    name = f"simulate {SITES:,} sites, {SEEDS} seeds"
    rows = (
        Row(f"{name}: time", round(cost.seconds, 2), MOST_SECONDS, "s",
            round(MOST_SECONDS / cost.seconds, 1), 1),
        Row(f"{name}: memory", cost.memory_bytes, MOST_BYTES, "bytes",
            round(MOST_BYTES / cost.memory_bytes, 1), 1),
    )  # fmt: skip
    save(rows)
    for row in rows:
        click.echo(f"{row.name}: {row.ours:,} {row.unit}, {row.ratio} times better than the limit")


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        one(sys.argv[2:])
    else:
        main()
