"""What the person at the terminal sees: chapters, facts, and a live line of the fleet."""

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

T = TypeVar("T")

console = Console(highlight=False, soft_wrap=True)
PATIENCE_SECONDS = 180
"""How long anything may take on a machine that is busy with other things as well."""
_COLOURS = ("white", "cyan", "green", "red", "magenta")


class StoryFailedError(Exception):
    """The story did not go as told."""


def chapter(number: int, title: str) -> None:
    """Begin a chapter."""
    console.print(f"\n[bold]{number}. {title}[/]")


def fact(text: str) -> None:
    """One thing that happened."""
    console.print(f"   {text}")


def fleet(versions: Mapping[str, str | None], order: list[str], note: str) -> Text:
    """One cell a site, coloured by the version it runs, and a note."""
    line = Text("   ")
    for version in versions.values():
        colour = _COLOURS[order.index(version) + 1] if version in order else _COLOURS[0]
        line.append("■ " if version else "□ ", style=colour)
    return line.append(f" {note}")


def watch(look: Callable[[], tuple[T, bool, Text]], what: str, every: float = 0.25) -> T:
    """Show ``look``'s line until it says that it is done.

    Raises:
        StoryFailedError: it was not done within ``PATIENCE_SECONDS``.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    last = ""
    with Live(console=console, refresh_per_second=8, transient=not console.is_terminal) as live:
        while True:
            value, done, line = look()
            live.update(line)
            if not console.is_terminal and line.plain != last:
                console.print(line)
                last = line.plain
            if done:
                return value
            if time.monotonic() > deadline:
                raise StoryFailedError(f"not within {PATIENCE_SECONDS} s: {what}")
            time.sleep(every)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A small table, its numbers to the right."""
    shown = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=any(head))
    for number, name in enumerate(head):
        shown.add_column(name, header_style="dim", justify="left" if number == 0 else "right")
    for row in rows:
        shown.add_row(*map(str, row))
    console.print(Padding(shown, (0, 0, 1, 3), expand=False), soft_wrap=False)


def fail(text: str) -> None:
    """The story's last line when it went wrong."""
    console.print(f"[bold red]demo failed:[/] {text}")
    sys.exit(1)
