"""How staff's commands print: quiet tables, moments in UTC, and who is speaking."""

import getpass
import sys
from collections.abc import Iterable
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table

from distribution.database.columns import BIGGEST
from manifests.terminal import shown

NUMBER = click.IntRange(1, BIGGEST)
"""Of a row."""

NUMBER_OR_NONE = click.IntRange(0, BIGGEST)
"""Of a row; 0 for none."""

WIDE = 200
"""Columns when nobody's terminal says how many: a log file keeps whole lines."""


def table(columns: Iterable[str], rows: Iterable[Iterable[object]], title: str = "") -> None:
    """Print rows under their columns; numbers are right-aligned."""
    grid = Table(title=shown(title) or None, title_justify="left", box=None, pad_edge=False)
    cells = [[_cell(value) for value in row] for row in rows]
    for number, name in enumerate(columns):
        numeric = bool(cells) and all(row[number].isdigit() for row in cells)
        grid.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        grid.add_row(*row)
    console().print(grid)


def console() -> Console:
    """Where to print now: standard output may have been redirected since the start."""
    width = None if sys.stdout.isatty() else WIDE
    return Console(width=width, highlight=False, markup=False, emoji=False)


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return moment(value)
    return shown(str(value))


def first_line(text: str, characters: int = 120) -> str:
    """Enough of a detail to know it again."""
    return text.partition("\n")[0][:characters]


def moment(when: datetime) -> str:
    """A moment in UTC, to the second."""
    return f"{when:%Y-%m-%d %H:%M:%S}Z"


def whoami() -> str:
    """The person at the terminal, for the record."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "staff"
