"""``hsp rollout simulate``: how far a bad release would get."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from distribution.cli import rollouts, show
from distribution.cli.files import write_file
from distribution.control.schedules import load_schedule
from distribution.planning.svg import percent

if TYPE_CHECKING:
    from distribution.planning.simulation import Reach

_FILE = click.Path(path_type=Path, dir_okay=False)


def register(_: click.Group) -> None:
    """Add this command to ``hsp rollout``."""
    rollouts.rollout.add_command(simulate_command)


@click.command("simulate")
@click.option("--schedule", "schedules", multiple=True, help="A name or a TOML file; repeatable.")
@click.option("--failure-rate", type=float, required=True, help="At how many sites it fails, 0..1.")
@click.option("--sites", type=int, required=True, help="How many there are.")
@click.option("--seeds", type=click.IntRange(1, 10_000), default=20, show_default=True)
@click.option("--pilots", type=float, default=0.02, show_default=True, help="Share of pilots.")
@click.option("--critical", type=float, default=0.05, show_default=True, help="Of critical sites.")
@click.option("--clients", type=int, default=20, show_default=True, help="Whose sites they are.")
@click.option("--poll-seconds", type=int, default=300, show_default=True)
@click.option("--install-seconds", type=int, default=300, show_default=True, help="Poll to report.")
@click.option("--tick-seconds", type=int, default=10, show_default=True, help="The scheduler's.")
@click.option("--svg", type=_FILE, help="Also as a picture, into this file.")
def simulate_command(
    schedules: tuple[str, ...], seeds: int, svg: Path | None, **described: float
) -> None:
    """What share of a fleet a bad release would reach before the stop rule catches it."""
    # Here, so that no other command waits for numpy to be imported.
    from distribution.planning import simulation_picture
    from distribution.planning.simulation import Fleet, simulate

    wanted = Fleet(**described)  # type: ignore[arg-type] # click gives each its own type
    results = [
        (schedule, wanted, simulate(schedule, wanted, range(seeds)))
        for schedule in map(load_schedule, schedules or ("standard",))
    ]
    show.table(
        ("schedule", "median", "p95", "worst", "paused after", "seeds", "paused", "stood still"),
        (_row(schedule.name, reach) for schedule, _, reach in results),
        f"a release that fails at {percent(wanted.failure_rate)} of {wanted.sites:,} sites reaches",
    )
    if svg:
        write_file(svg, simulation_picture.draw(results).encode())


def _row(name: str, reach: "Reach") -> tuple[object, ...]:
    pause = reach.median_pause_seconds
    after = f"{pause / 60:.0f} min" if pause is not None else "-"
    shares = (percent(share) for share in (reach.median, reach.p95, reach.worst))
    return (name, *shares, after, len(reach.shares), reach.paused, reach.stood_still)
