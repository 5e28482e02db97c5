"""``hsp brake``: hold a site, a client, a product or everything."""

import click

from distribution.cli import acting, show
from distribution.control import brakes, plans
from distribution.control.brakes import BrakeRecord, Scope
from distribution.database.sessions import Database
from distribution.people.roles import Permission
from distribution.server import Server, utc_now
from distribution.settings import Settings


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(brake)


@click.group()
def brake() -> None:
    """Hold a site, a client, a product or everything; no rollout's resume takes it off."""


@brake.command()
@click.option("--site", help="Only this site.")
@click.option("--client", help="All sites of this client.")
@click.option("--product", help="This product, everywhere.")
@click.option("--global", "everything", is_flag=True, help="Everything, everywhere.")
@click.option("--reason", required=True, help="Read out to customers: name none in it.")
@click.option("--by", default=show.whoami, help="Who says so, for the record.")
@click.pass_obj
def on(settings: Settings, /, everything: bool, reason: str, by: str, **named: str | None) -> None:
    """Put a brake on; anyone in support may."""
    scope, target = _scope(named, everything)
    server, now = Server.open(settings), utc_now()
    said = acting.word(server.database, by, Permission.HOLD_PUT_ON, reason)
    record = brakes.put_on(server.database, scope, target, said, now)
    _publish(server)
    click.echo(f"brake {record.number} is on {_what(record)}; sites see it at their next poll")


def _scope(named: dict[str, str | None], everything: bool) -> tuple[Scope, str]:
    given = [(Scope(name), target) for name, target in named.items() if target]
    if everything:
        given.append((Scope.GLOBAL, ""))
    if len(given) != 1:
        raise click.UsageError("name one of --site, --client, --product, --global")
    return given[0]


@brake.command()
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why it is over.")
@click.option("--by", default=show.whoami, help="Who says so: who put it on, or an approver.")
@click.pass_obj
def off(settings: Settings, number: int, reason: str, by: str) -> None:
    """Take brake NUMBER off; only who put it on may, or an approver."""
    server, now = Server.open(settings), utc_now()
    said, may_lift = acting.lifter(server.database, by, reason)
    record = brakes.take_off(server.database, number, said, now, may_lift=may_lift)
    _publish(server)
    click.echo(f"brake {record.number} is off {_what(record)}")


@brake.command("list")
@click.option("--all", "also_off", is_flag=True, help="Those that are off again, too.")
@click.pass_obj
def list_brakes(settings: Settings, *, also_off: bool) -> None:
    """The brakes that are on: who put them on, when and why."""
    with Database.open(settings).reading() as session:
        found = brakes.listed(session, also_off=also_off)
    columns = ("no.", "on", "by", "since", "why", "off by", "off at", "why off")
    show.table(columns, (_row(record) for record in found))


def _row(record: BrakeRecord) -> tuple[object, ...]:
    return (
        record.number, _what(record), record.by, record.at, record.reason, record.off_by,
        record.off_at, record.off_reason,
    )  # fmt: skip


def _what(record: BrakeRecord) -> str:
    return f"{record.scope} {record.target}" if record.target else plans.EVERYTHING


def _publish(server: Server) -> None:
    plans.publish_decisions(server.database, server.store, server.online, utc_now())
