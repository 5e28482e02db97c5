"""``make threats``: run the tests of every threat, and print the table.

    python -m tests.threats [--page docs/threats.md]

Exit status 1 when any of them fails or is not there.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import click
import pytest
from rich.console import Console
from rich.table import Table

from tests.threats.catalogue import OURS, THREATS, TUF, UPTANE
from tests.threats.threat import Threat

COLUMNS = ("threat", "attack", "attacker's means", "promise", "result", "not there yet")
_OPTIONS = (
    *("-q", "-p", "no:cacheprovider", "-n", "2"),
    *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),  # the catalogue's
)
_LISTS = {
    "The ten of the TUF specification": TUF,
    "Uptane's ten": UPTANE,
    "Our fourteen": OURS,
}
_INTRODUCTION = """\
# Threats

What an attacker may do, what they have for it, and what happens all the same. Each threat has one
test of its own, named after it, with real agents against the real server and repository; what is
written here stands at that test. `make threats` runs them, with others that look at details, and
writes this page with `PAGE=1`. *held*: all of them passed when this page was written.
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
        held = all(self.seen.get(test) == {"passed"} for test in (threat.test, *threat.also))
        return "held" if held else "BROKEN"


@click.command()
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), help="Write this too.")
def main(page: Path | None) -> None:
    """Show what each attack comes to."""
    began = time.monotonic()
    outcomes = Outcomes()
    tests = sorted({f"tests/{test}" for each in THREATS for test in (each.test, *each.also)})
    status = pytest.main([*_OPTIONS, *tests], plugins=[outcomes])
    results = {threat.name: outcomes.result(threat) for threat in THREATS}
    _print(results, time.monotonic() - began)
    if page is not None:
        page.write_text(as_page(results))
    sys.exit(status != pytest.ExitCode.OK or set(results.values()) != {"held"})


def _print(results: dict[str, str], seconds: float) -> None:
    table = Table(*COLUMNS, title=f"threats ({seconds:.0f} s)", show_lines=True)
    for each in THREATS:
        said = each.name, each.attack, each.means, each.promise
        table.add_row(*said, results[each.name], each.missing or "-")
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def as_page(results: dict[str, str]) -> str:
    """The page, with what the tests came to."""
    parts = [_INTRODUCTION.rstrip()]
    for title, threats in _LISTS.items():
        parts += [f"\n## {title}\n", *_rows(threats, results)]
    return "\n".join([*parts, ""])


def _rows(threats: Iterable[Threat], results: dict[str, str]) -> Iterable[str]:
    columns = (*COLUMNS[:-1], "its test", COLUMNS[-1])
    yield _row(columns)
    yield _row("---" for _ in columns)
    for each in threats:
        said = each.name, each.attack, each.means, each.promise, results[each.name]
        yield _row((*said, f"`tests/{each.test}`", each.missing or "-"))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
