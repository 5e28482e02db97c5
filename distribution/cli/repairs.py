"""``hsp repair``: after a restore from a backup, and after a theft of the server's keys."""

import click

from distribution import audit
from distribution.backup import ahead, in_place
from distribution.backup.restoring import TO_DO
from distribution.cli import acting, show
from distribution.control import plans
from distribution.people.roles import Permission
from distribution.scheduling import repair
from distribution.server import Server, utc_now
from distribution.settings import Settings
from manifests.terminal import shown


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(repairs)


@click.group("repair")
def repairs() -> None:
    """Make the database and what is published agree again."""


@repairs.command("plan-serial")
@click.argument("product")
@click.option("--by", default=show.whoami, help="Who repairs, for the record.")
@click.pass_obj
def plan_serial(settings: Settings, product: str, by: str) -> None:
    """Take over what the published plan of PRODUCT says, and write the next one above it."""
    server, now = Server.open(settings), utc_now()
    acting.acting(server.database, by, Permission.REPAIR)
    done = repair.take_floor(server.database, server.store, product, by, now)
    plans.publish_decision(server.database, server.store, server.online, product, now)
    for words in done.taken_over:
        click.echo(f"taken over: {shown(words)}")
    click.echo(
        f"the database had serial {done.had} and {done.published} was published; "
        f"serial {done.writes} is published now"
    )
    click.echo(
        "not in a plan, and so not taken over: brakes, freezes and yeses of single clients and "
        "sites since the backup, and the limits of a rollout that was unknown here. Look at 'hsp "
        "brake list' and 'hsp freeze list', and say again what is missing"
    )


@repairs.command("stolen-plan")
@click.argument("product")
@click.option("--by", default=show.whoami, help="Who repairs, for the record.")
@click.pass_obj
def stolen_plan(settings: Settings, product: str, by: str) -> None:
    """Put the plan of PRODUCT as the database has it in the place of a thief's."""
    server = Server.open(settings)
    args = server.database, server.store, server.online
    acting.acting(server.database, by, Permission.REPAIR)
    serial = repair.replace_stolen(*args, product, by, utc_now())
    click.echo(f"the plan of {product} is published as the database has it, with serial {serial}")
    click.echo("nothing was taken over from the one before; look at it: hsp rollout list")


@repairs.command("ahead")
@click.option("--by", default=show.whoami, help="Who repairs, for the record.")
@click.pass_obj
def go_ahead(settings: Settings, by: str) -> None:
    """After a restore of the repository: give what the server signs numbers above all that sites
    have seen.
    """
    server, now = Server.open(settings), utc_now()
    role = acting.acting(server.database, by, Permission.REPAIR).role_for(Permission.REPAIR)
    names = ahead.go_ahead(server.store, server.online, now)
    with server.database.writing() as session:
        deed = audit.Deed(by, "repair.ahead", "the repository", f"signed {', '.join(names)}", role)
        audit.note(session, deed, now)
    click.echo(f"signed with numbers far above those before: {', '.join(names)}")
    click.echo(
        "what people have published since the backup is theirs to publish again: sites that have "
        "seen it refuse the repository until then"
    )


@repairs.command("restored")
@click.option("--by", default=show.whoami, help="Who repairs, for the record.")
@click.pass_obj
def restored(settings: Settings, by: str) -> None:
    """After the database came back by its own means: PITR, a standby, a copied file.

    As 'hsp restore' does: sites send again what they have reported since, rights to come in end,
    numbers go on, the published plans are taken over. Stop every server first; again does no harm.
    """
    moment, done = in_place.catch_up(settings, by, utc_now())
    click.echo(f"the database is as of {moment.at:%Y-%m-%d %H:%M:%S} UTC")
    for words in done.taken_over:
        click.echo(f"taken over: {shown(words)}")
    click.echo("\nnow, in this order:")
    for words in [*done.open_ends, *TO_DO[1:]]:
        click.echo(f"  - {shown(words)}")
