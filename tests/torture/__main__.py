"""``make torture``: every row at full length, one table, and ``build/torture.json``.

    python -m tests.torture [--scale test|torture] [ROW ...]

Exit status 1 when any row found anything wrong. A run of some rows keeps the others in the file.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from tests.torture.rows import Outcome, Row, Scale

RESULTS = Path("build/torture.json")

ROWS = (
    "kills",
    "crash_states",
    "fsync_mutants_killed",
    "errno_points",
    "cut_downloads",
    "mutated_inputs",
    "clocks",
    "hostile_servers",
    "evil_control_plane",
    "scheduler_kills",
    "window_oracle_zones",
    "audit_tampering",
    "several_servers",
    "million_reports",
    "database_away",
)
"""Each is the module of that name in this folder, with a function ``run``."""

TOO_LONG = ("million_reports", "database_away")
"""Rows of several servers, of which ``make test`` has one already."""


def row(name: str) -> Row:
    """The function that runs a row."""
    found: Row = importlib.import_module(f"tests.torture.{name}").run
    return found


def _measured(name: str, scale: Scale) -> tuple[dict[str, Any], Outcome]:
    began = time.monotonic()
    outcome = row(name)(scale)
    seconds = round(time.monotonic() - began, 1)
    plain = {"row": name, "tried": outcome.tried, "wrong": outcome.wrong, "seconds": seconds}
    return plain, outcome


def _save(results: list[dict[str, Any]]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    known = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    merged = {each["row"]: each for each in [*known, *results]}
    RESULTS.write_text(json.dumps({"rows": list(merged.values())}, indent=2) + "\n")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(ROWS))
@click.option("--scale", type=click.Choice([scale.value for scale in Scale]), default="torture")
def main(names: tuple[str, ...], scale: str) -> None:
    """Torture the agent."""
    table = Table("row", "tried", "wrong", "seconds", title="torture")
    results = []
    for name in names or ROWS:
        plain, outcome = _measured(name, Scale(scale))
        results.append(plain)
        _save(results)
        table.add_row(*(str(value) for value in plain.values()))
        for note in outcome.notes:
            click.echo(f"{name}: {note}", err=True)
    Console().print(table)
    sys.exit(any(plain["wrong"] for plain in results))


if __name__ == "__main__":
    main()
