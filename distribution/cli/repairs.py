"""``hsp repair``: after a restore from a backup."""

import click

from distribution import plans, repair
from distribution.cli import show
from distribution.server import Server, utc_now
from distribution.settings import Settings


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(repairs)


@click.group("repair")
def repairs() -> None:
    """Bring a database that was restored from a backup up to what is published."""


@repairs.command("plan-serial")
@click.argument("product")
@click.option("--by", default=show.whoami, help="Who repairs, for the record.")
@click.pass_obj
def plan_serial(settings: Settings, product: str, by: str) -> None:
    """Take over what the published plan of PRODUCT says, and write the next one above it."""
    server, now = Server.open(settings), utc_now()
    done = repair.take_floor(server.database, server.store, product, by, now)
    plans.publish_decision(server.database, server.store, server.online, product, now)
    for words in done.taken_over:
        click.echo(f"taken over: {show.plain(words)}")
    click.echo(
        f"the database had serial {done.had} and {done.published} was published; "
        f"serial {done.writes} is published now"
    )
    click.echo(
        "not in a plan, and so not taken over: brakes, freezes and yeses of single clients and "
        "sites since the backup, and the limits of a rollout that was unknown here. Look at 'hsp "
        "brake list' and 'hsp freeze list', and say again what is missing"
    )
