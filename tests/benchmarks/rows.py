"""The figures of all benchmarks, one row each, in ``build/bench.json``; and as a table."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

RESULTS = Path("build/bench.json")


@dataclass(frozen=True)
class Row:
    """One figure beside its peer's. ``ratio``: the larger the better; ``goal``: of the ratio.

    Where there is no peer, ``peer`` is the limit that the figure has to keep.
    """

    name: str
    ours: float
    peer: float
    unit: str
    ratio: float
    goal: float

    @property
    def is_held(self) -> bool:
        """Whether the goal is reached."""
        return self.ratio >= self.goal

    @property
    def verdict(self) -> str:
        """In plain words."""
        if self.is_held:
            return "held"
        return f"falls short: {self.ratio:.3g} times, {self.goal:.3g} are wanted"


def known() -> list[Row]:
    """What was measured last, in the order in which it came."""
    return [Row(**each) for each in json.loads(RESULTS.read_text())["rows"]]


def save(rows: Iterable[Row]) -> None:
    """Write these rows; those of other benchmarks stay."""
    RESULTS.parent.mkdir(exist_ok=True)
    merged = {each.name: each for each in [*(known() if RESULTS.exists() else ()), *rows]}
    plain = [asdict(each) for each in merged.values()]
    RESULTS.write_text(json.dumps({"rows": plain}, indent=2) + "\n")


def amount(value: float, unit: str) -> str:
    """A figure for people."""
    text = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"{text} {unit}"


def table() -> Table:
    """All rows that there are."""
    found = Table("row", "ours", "peer or limit", "ratio", "goal", "")
    for row in known():
        figures = (amount(row.ours, row.unit), amount(row.peer, row.unit))
        found.add_row(row.name, *figures, f"{row.ratio:.3g}", f"{row.goal:.3g}", row.verdict)
    return found
