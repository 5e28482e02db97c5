"""``make bench``: every benchmark, one after the other, into ``build/bench.json``.

    python -m tests.benchmarks [NAME ...]

Each is a module of this folder with a function ``main``; a run of some keeps the others' rows.
"""

import importlib

import click

BENCHMARKS = (
    "agent_memory",
    "audit_log",
    "deltas",
    "fleet_page",
    "large_delta",
    "large_repository",
    "simulation",
)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(BENCHMARKS))
def main(names: tuple[str, ...]) -> None:
    """Measure."""
    for name in names or BENCHMARKS:
        importlib.import_module(f"tests.benchmarks.{name}").main(())


if __name__ == "__main__":
    main()
