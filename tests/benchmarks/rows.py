"""The figures of all benchmarks, one row each, in ``build/bench.json``."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path("build/bench.json")


@dataclass(frozen=True)
class Row:
    """One figure beside its peer's. ``ratio``: the larger the better; ``goal``: of the ratio."""

    name: str
    ours: float
    peer: float
    unit: str
    ratio: float
    goal: float


def save(rows: Iterable[Row]) -> None:
    """Write these rows; those of other benchmarks stay."""
    RESULTS.parent.mkdir(exist_ok=True)
    known = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    merged = {each["name"]: each for each in [*known, *map(asdict, rows)]}
    RESULTS.write_text(json.dumps({"rows": list(merged.values())}, indent=2) + "\n")
