"""docs/benchmarks.md and its plot, written from ``build/bench.json``."""

import json
import math
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from distribution.planning.svg import Sheet
from tests.benchmarks.rows import Row, amount, known

PAGE = Path("docs/benchmarks.md")
PLOT = Path("docs/pictures/benchmarks.svg")
RUN = Path("build/bench_run.json")
WORDS = Path(__file__).with_name("words.md")
"""What each row does on each side, and the doubts. People write it."""

_HEIGHT, _LEFT, _RIGHT, _TOP = 24, 330, 90, 60
_WIDTH = 960


def note_run(minutes: float, *, whole: bool) -> None:
    """Keep on what machine and how long the run was."""
    model = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    machine = (
        f"{os.cpu_count()} processors ({model}), {pages / 2**30:.0f} GiB of memory, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )
    found = {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": machine,
        "minutes": round(minutes, 1),
        "whole": whole,
    }
    RUN.write_text(json.dumps(found, indent=2) + "\n")


def write() -> Path:
    """Write the page and draw its plot."""
    rows = known()
    PLOT.write_text(plot(rows))
    PAGE.write_text(_text(rows))
    return PAGE


def _text(rows: Sequence[Row]) -> str:
    run = json.loads(RUN.read_text())
    how = f"one run of everything, {run['minutes']:.0f} minutes" if run["whole"] else "several runs"
    short = [row for row in rows if not row.is_held]
    held = f"{len(rows) - len(short)} of {len(rows)} goals are held"
    lines = [
        "# Benchmarks",
        "",
        "Written by `python -m tests.benchmarks --page` from what `make bench` leaves in",
        f"`build/bench.json`: {how}, last on {run['at']}.",
        f"The machine: {run['machine']}.",
        "",
        f"{held}. A ratio says how many times better ours is, a goal the least that it should be.",
        "",
        "![Each ratio beside its goal](pictures/benchmarks.svg)",
        "",
        "| row | ours | peer, or limit | ratio | goal | |",
        "|---|---:|---:|---:|---:|---|",
        *(_line(row) for row in rows),
        "",
        WORDS.read_text().strip(),
    ]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    ours, peer = amount(row.ours, row.unit), amount(row.peer, row.unit)
    verdict = row.verdict if row.is_held else f"**{row.verdict}**"
    return f"| `{row.name}` | {ours} | {peer} | {row.ratio:.3g} | {row.goal:.3g} | {verdict} |"


def plot(rows: Sequence[Row]) -> str:
    """A bar for each ratio over its goal, so that one line is the goal of all; logarithmic."""
    sheet = Sheet(_WIDTH, _TOP + _HEIGHT * len(rows) + 20, "Each ratio, divided by its goal")
    sheet.text((16, 26), "How far each ratio is from its goal", size=15)
    ends = [max(row.ratio, 1e-3) / row.goal for row in rows]
    low, high = min([0.25, *ends]), max([4.0, *ends])
    room = _WIDTH - _LEFT - _RIGHT

    def across(share: float) -> float:
        return _LEFT + room * math.log(share / low) / math.log(high / low)

    bottom = _TOP + _HEIGHT * len(rows)
    for share in (0.25, 0.5, 2, 4, 10, 20, 50, 100):
        if low <= share <= high:
            sheet.line((across(share), _TOP - 6), (across(share), bottom), "grid")
            sheet.text((across(share), _TOP - 10), f"{share:g} x", "quiet", anchor="middle")
    for number, (row, share) in enumerate(zip(rows, ends, strict=True)):
        at = _TOP + _HEIGHT * number
        begin, end = sorted((across(1), across(share)))
        said = f"{row.name}: {row.ratio:.3g}, goal {row.goal:.3g}"
        style = "main" if row.is_held else "stop"
        sheet.text((_LEFT - 10, at + 15), row.name, anchor="end", size=11)
        sheet.box((begin, at + 4), (max(end - begin, 1.5), _HEIGHT - 9), style, said=said)
        sheet.text((max(end, across(1)) + 6, at + 15), f"{row.ratio:.3g}", "quiet", size=11)
    sheet.line((across(1), _TOP - 6), (across(1), bottom), "limit")
    sheet.text((across(1), _TOP - 24), "the goal", anchor="middle", size=11)
    return sheet.written()
