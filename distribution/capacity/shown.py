"""A plan as a table, for a terminal, for the docs and for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from distribution.capacity.inputs import Prices, UnitCosts
from distribution.capacity.model import BUSY, MACHINE_PROCESSORS, Plan

HEAD = (
    *("sites", "poll s", "API /s", "repository /s", "CDN TB", "estates"),
    *("API machines of each", "database of each", "GB of each", "a month", "a site"),
    *("carries at most", "what breaks first"),
)


def cells(plan: Plan, currency: str) -> tuple[str, ...]:
    """One plan as a row."""
    load, first = plan.load, plan.limits[0]
    return (
        f"{plan.fleet.sites:,}",
        str(plan.fleet.poll_seconds),
        _rounded(load.api_per_second),
        _rounded(load.repository_per_second),
        _rounded(load.cdn_gb / 1000),
        f"{plan.estates:,}",
        f"{plan.machines} x {MACHINE_PROCESSORS}, {plan.machine_gb} GB",
        f"{plan.database_processors} x 2",
        f"{plan.database_gb:,}",
        f"{currency}{_rounded(plan.total)}",
        f"{currency}{plan.total / plan.fleet.sites:.4f}",
        f"{_two_digits(first.sites):,}",
        first.name,
    )


def markdown(plans: Sequence[Plan], costs: UnitCosts, prices: Prices) -> str:
    """All of it, as docs/scale.md has it."""
    rows = [
        HEAD,
        ("---:",) * (len(HEAD) - 1) + ("---",),
        *(cells(p, prices.currency) for p in plans),
    ]
    bill = [("sites", "poll s", *plans[0].dollars), ("---:",) * (2 + len(plans[0].dollars))]
    bill += [
        (
            f"{plan.fleet.sites:,}",
            str(plan.fleet.poll_seconds),
            *(f"{prices.currency}{_rounded(amount)}" for amount in plan.dollars.values()),
        )
        for plan in plans
    ]
    tables = ("\n".join(f"| {' | '.join(row)} |" for row in table) for table in (rows, bill))
    return "\n\n".join([*tables, sources(costs, prices)]) + "\n"


def sources(costs: UnitCosts, prices: Prices) -> str:
    """Where the figures come from."""
    return (
        f"Unit costs measured {costs.measured_at} ({costs.machine}); prices of {prices.read_at}: "
        f"{prices.source}. Machines are to be busy for {BUSY:.0%} of their time."
    )


def plain(plan: Plan) -> dict[str, Any]:
    """For programs."""
    return {**asdict(plan), "dollars_total": plan.total}


def _rounded(number: float) -> str:
    """To three digits, as nobody knows more."""
    if number >= 100:
        return f"{float(f'{number:.3g}'):,.0f}"
    return f"{number:.3g}"


def _two_digits(number: int) -> int:
    return int(float(f"{number:.2g}"))
