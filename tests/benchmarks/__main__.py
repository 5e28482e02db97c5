"""``make bench``: every benchmark, one after the other, into ``build/bench.json``, and one table.

    python -m tests.benchmarks [NAME ...]
    python -m tests.benchmarks --page

Each is a module of this folder with a function ``main``; a run of some keeps the others' rows. One
that fails does not keep the others from running; the command's status is 1 then. ``--page`` runs
nothing: it writes docs/benchmarks.md from what was measured last.
"""

import importlib
import sys
import time
import traceback

import click
from rich.console import Console

from tests.benchmarks import page
from tests.benchmarks.rows import table

BENCHMARKS = (
    "checkins",
    "reports",
    "download",
    "agent_cost",
    "agent_memory",
    "large_repository",
    "deltas",
    "large_delta",
    "fleet_page",
    "unit_costs",
    "audit_log",
    "backup",
    "simulation",
)


@click.command()
@click.option("--page", "only_page", is_flag=True, help="Write docs/benchmarks.md, run nothing.")
@click.argument("names", nargs=-1, type=click.Choice(BENCHMARKS))
def main(names: tuple[str, ...], only_page: bool) -> None:
    """Measure."""
    if only_page:
        click.echo(f"written: {page.write()}")
        return
    began, failed = time.monotonic(), [name for name in names or BENCHMARKS if not _ran(name)]
    minutes = (time.monotonic() - began) / 60
    page.note_run(minutes, whole=not names and not failed)
    Console(width=150).print(table())
    click.echo(f"{minutes:.0f} minutes; the figures are in build/bench.json")
    if failed:
        sys.exit(f"not measured, see above: {', '.join(failed)}")


def _ran(name: str) -> bool:
    click.echo(f"{time.strftime('%H:%M:%S')} {name}", err=True)
    try:
        importlib.import_module(f"tests.benchmarks.{name}").main(())
    except Exception:
        traceback.print_exc()
        return False
    return True


if __name__ == "__main__":
    main()
