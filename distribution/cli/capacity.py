"""``hsp plan``: what a fleet of a size needs and costs each month, and what breaks first."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from distribution.capacity import inputs, shown
from distribution.capacity.inputs import Fleet
from distribution.capacity.model import Plan, plan
from distribution.cli import show


def register(program: click.Group) -> None:
    """Add this command to ``hsp``."""
    program.add_command(plan_fleet)


@click.command("plan")
@click.option(
    "--sites", type=click.IntRange(1), multiple=True, required=True, help="Several: rows."
)
@click.option("--poll-seconds", type=click.IntRange(1, 86_400), default=Fleet(1).poll_seconds)
@click.option(
    "--installs",
    type=click.FloatRange(0),
    default=Fleet(1).installs_a_month,
    help="A month, of each site.",
    show_default=True,
)
@click.option("--artifact-mb", type=click.FloatRange(0), default=Fleet(1).artifact_mb)
@click.option(
    "--deltas", type=click.FloatRange(0, 1), default=Fleet(1).deltas, help="Share of installs."
)
@click.option(
    "--changes",
    type=click.FloatRange(0),
    default=Fleet(1).changes_a_day,
    help="A day, of plans and releases.",
)
@click.option(
    "--months-kept", type=click.IntRange(0), default=Fleet(1).months_kept, help="Room for reports."
)
@click.option("--repository-gb", type=click.FloatRange(0), default=Fleet(1).repository_gb)
@click.option(
    "--prices",
    "price_list",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Another list: TOML.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--markdown", "as_markdown", is_flag=True, help="As docs/scale.md has it.")
def plan_fleet(
    sites: Sequence[int],
    poll_seconds: int,
    installs: float,
    artifact_mb: float,
    deltas: float,
    changes: float,
    months_kept: int,
    repository_gb: float,
    price_list: Path | None,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Reckon requests, bytes and dollars a month from measured unit costs and a list of prices.

    It asks no server and knows no fleet: it is for before there is one.
    """
    costs, prices = inputs.unit_costs(), inputs.prices(price_list)
    habits = (poll_seconds, installs, artifact_mb, deltas, changes, months_kept, repository_gb)
    plans = [plan(Fleet(number, *habits), costs, prices) for number in sites]
    if as_json:
        said = {
            "unit_costs": costs.model_dump(),
            "prices": {"source": prices.source, "read_at": prices.read_at},
            "plans": [shown.plain(each) for each in plans],
        }
        click.echo(json.dumps(said, indent=2))
    elif as_markdown:
        click.echo(shown.markdown(plans, costs, prices), nl=False)
    else:
        for each in plans:
            _show(each, prices.currency)
        click.echo(shown.sources(costs, prices))


def _show(one: Plan, currency: str) -> None:
    for name, cell in zip(shown.HEAD[:-2], shown.cells(one, currency), strict=False):
        click.echo(f"{name:22}{cell}")
    show.table(("for", "a month"), ((n, f"{currency}{d:,.2f}") for n, d in one.dollars.items()))
    for limit in one.limits:
        click.echo(f"{limit.name}: at most {limit.sites:,} sites an estate; {limit.instead}")
    click.echo("")
