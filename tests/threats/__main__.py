"""``make threats``: run the tests of every threat, and print the table.

    python -m tests.threats [--page docs/threats.md]

Exit status 1 when any of them fails or is not there.
"""

import sys
import time
from collections import defaultdict
from pathlib import Path

import click
import pytest
from rich.console import Console
from rich.table import Table

from tests.threats.catalogue import THREATS, Threat

COLUMNS = ("threat", "attack", "attacker's means", "promise", "result", "not there yet")
_INTRODUCTION = """\
# Threats

The ten attacks of the TUF specification, Uptane's ten, and our fourteen. `make threats` runs the
tests of each; this page is written by `python -m tests.threats --page docs/threats.md`.
"""


class Outcomes:
    """A plugin that notes how each test went."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of one test; set-up and the end count only when they go wrong."""
        if report.when == "call" or report.outcome != "passed":
            name = report.nodeid.partition("[")[0].removeprefix("tests/")
            self.seen[name].add(report.outcome)

    def result(self, threat: Threat) -> str:
        """Held only if all of its tests ran, and all of them passed."""
        held = all(self.seen.get(test) == {"passed"} for test in threat.tests)
        return "held" if held else "BROKEN"


@click.command()
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), help="Write this too.")
def main(page: Path | None) -> None:
    """Show what each attack comes to."""
    began = time.monotonic()
    outcomes = Outcomes()
    tests = sorted({f"tests/{test}" for threat in THREATS for test in threat.tests})
    status = pytest.main(["-q", "-p", "no:cacheprovider", *tests], plugins=[outcomes])
    rows = [_row(threat, outcomes.result(threat)) for threat in THREATS]
    _print(rows, time.monotonic() - began)
    if page is not None:
        page.write_text(_as_page(rows))
    sys.exit(status != pytest.ExitCode.OK or any(row[4] != "held" for row in rows))


def _row(threat: Threat, result: str) -> tuple[str, ...]:
    return threat.name, threat.attack, threat.means, threat.promise, result, threat.missing or "-"


def _print(rows: list[tuple[str, ...]], seconds: float) -> None:
    table = Table(*COLUMNS, title=f"threats ({seconds:.0f} s)")
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _as_page(rows: list[tuple[str, ...]]) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    return "\n".join([_INTRODUCTION, *(f"| {' | '.join(line)} |" for line in lines), ""])


if __name__ == "__main__":
    main()
