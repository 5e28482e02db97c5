"""``hsp freeze`` and ``hsp calendar``: when nothing may be changed, and what clients see of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import click

from distribution.calendars import (
    calendar_access,
    calendar_export,
    freeze_records,
    freezes,
    policy_toml,
)
from distribution.calendars.calendar_import import read_freezes, read_policy
from distribution.calendars.freeze_records import Announced, Scope
from distribution.cli import acting, show
from distribution.cli.files import read_file, write_file
from distribution.control import plans
from distribution.database.sessions import Database
from distribution.errors import Invalid, UnknownProduct
from distribution.people.roles import Permission
from distribution.repository import catalogue
from distribution.server import Server, utc_now
from distribution.settings import Settings
from manifests.documents import validated
from manifests.freeze import Freeze
from manifests.terminal import shown


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(freeze)
    program.add_command(calendar)


@click.group()
def freeze() -> None:
    """Say when sites must not be changed; sites know at their next poll."""


def _for_whom(command: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option("--site", help="For this site."),
        click.option("--client", help="For all sites of this client."),
        click.option("--product", help="For this product, everywhere."),
        click.option("--global", "everything", is_flag=True, help="For everything, everywhere."),
        click.option("--reason", required=True, help="Read out to customers."),
        click.option("--by", default=show.whoami, help="Who says so, for the record."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _scope(given: dict[str, object]) -> tuple[Scope, str]:
    """The one of --site, --client, --product and --global that was given."""
    named = [
        (scope, str(given[scope.value]))
        for scope in (Scope.SITE, Scope.CLIENT, Scope.PRODUCT)
        if given[scope.value]
    ]
    chosen = [*named, *([(Scope.EVERYTHING, "")] if given["everything"] else [])]
    if len(chosen) != 1:
        raise Invalid(
            "say for whom: exactly one of --site, --client, --product and --global",
            hint="several commands for several of them",
        )
    return chosen[0]


@freeze.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--zone", default="", help="Of events that name none, such as whole days.")
@_for_whom
@click.pass_obj
def import_file(
    settings: Settings, /, file: Path, zone: str, reason: str, by: str, **whom: object
) -> None:
    """Announce the events of FILE, an iCalendar file, as freezes; again, and only new ones are."""
    scope, subject = _scope(whom)
    if zone:
        _check_zone(zone)
    now = utc_now()
    found = read_freezes(read_file(file, "calendar"), zone, now)
    _announce(settings, scope, subject, found.freezes, (by, reason), now)
    for name in found.over:
        click.echo(f"left out, since it is over: {shown(name)}")


def _check_zone(zone: str) -> None:
    plain = {"zone": zone, "starts": datetime(2026, 1, 1), "duration_seconds": 1}  # noqa: DTZ001 - a wall clock's
    validated(Freeze, plain, strict=True)


@freeze.command()
@click.argument("name")
@click.option("--starts", required=True, help="On the wall clock: 2026-12-24T18:00.")
@click.option("--zone", default="UTC", show_default=True, help="An IANA zone: Asia/Jakarta.")
@click.option("--hours", type=float, required=True, help="How long each occurrence lasts.")
@click.option("--rule", default="", help="An RRULE such as FREQ=YEARLY; none for once.")
@_for_whom
@click.pass_obj
def announce(
    settings: Settings,
    /,
    name: str,
    starts: str,
    zone: str,
    hours: float,
    rule: str,
    reason: str,
    by: str,
    **whom: object,
) -> None:
    """Announce one freeze, NAME, to be read out to customers: name none in it."""
    scope, subject = _scope(whom)
    plain = {"name": name, "zone": zone, "starts": starts, "rule": rule}
    one = validated(Freeze, {**plain, "duration_seconds": int(hours * 3600)}, strict=True)
    _announce(settings, scope, subject, (one,), (by, reason), utc_now())


def _announce(
    settings: Settings,
    scope: Scope,
    subject: str,
    found: tuple[Freeze, ...],
    by_and_reason: tuple[str, str],
    now: datetime,
) -> None:
    server = Server.open(settings)
    by, reason = by_and_reason
    word = acting.word(server.database, by, Permission.HOLD_PUT_ON, reason)
    if scope is Scope.PRODUCT and subject not in catalogue.products(server.store):
        raise UnknownProduct(f"the repository has no product {subject!r}")
    new, products = freezes.announce(server.database, scope, subject, found, word, now)
    _publish(server, products, now)
    whom = f"the {scope} {subject}" if subject else "everything"
    click.echo(f"{new} of {len(found)} freezes are new for {whom}; sites know at their next poll")


def _publish(server: Server, products: list[str], now: datetime) -> None:
    for product in products:
        plans.publish_decision(server.database, server.store, server.online, product, now)


@freeze.command("list")
@click.pass_obj
def list_freezes(settings: Settings) -> None:
    """Every freeze that is in force or ahead: for whom, when next, by whom, why."""
    now = utc_now()
    with Database.open(settings).reading() as session:
        found = freeze_records.announced(session, now)
    show.table(
        ("no.", "for", "name", "starts", "ends", "rule", "by", "why"),
        (_row(one, now) for one in found),
    )


def _row(one: Announced, now: datetime) -> tuple[object, ...]:
    whom = f"{one.scope} {one.subject}".strip()
    following = next(one.freeze.blackouts(now, now + timedelta(days=400)), None)
    starts, ends = (following.starts_at, following.ends_at) if following else (None, None)
    return (one.number, whom, one.freeze.name, starts, ends, one.freeze.rule, one.by, one.reason)


@freeze.command()
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why it ends before its time.")
@click.option("--by", default=show.whoami, help="Who says so, for the record.")
@click.pass_obj
def lift(settings: Settings, number: int, reason: str, by: str) -> None:
    """End a freeze; other freezes, and what the sites themselves say, stay in force."""
    server, now = Server.open(settings), utc_now()
    said, may_lift = acting.lifter(server.database, by, reason)
    _publish(server, freezes.lift(server.database, number, said, now, may_lift=may_lift), now)
    click.echo(f"the freeze {number} is lifted; sites know at their next poll")


@click.group()
def calendar() -> None:
    """What clients see in their own calendar programs, and who changed it."""


@calendar.command()
@click.argument("client")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Into this file.")
@click.pass_obj
def export(settings: Settings, client: str, out: Path | None) -> None:
    """The windows, blackouts, freezes and planned installs of CLIENT, as iCalendar."""
    with Database.open(settings).reading() as session:
        content = calendar_export.of_client(session, client, utc_now())
    if out:
        write_file(out, content)
    else:
        click.echo(content.decode(), nl=False)


@calendar.command("site-toml")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--zone", default="", help="Of events that name none, such as whole days.")
@click.option("--cutoff", type=int, default=0, help="Nothing starts in the last so many seconds.")
def site_toml(file: Path, zone: str, cutoff: int) -> None:
    """The events of FILE, an iCalendar file, as windows for an administrator's site.toml."""
    if zone:
        _check_zone(zone)
    policy = read_policy(read_file(file, "calendar"), zone, cutoff, utc_now())
    click.echo(policy_toml.written(policy), nl=False)


@calendar.command()
@click.argument("client")
@click.option("--by", default=show.whoami, help="Who makes it, for the record.")
@click.pass_obj
def subscribe(settings: Settings, client: str, by: str) -> None:
    """A new address for CLIENT's calendar programs; addresses from before end."""
    database = Database.open(settings)
    acting.acting(database, by, Permission.CALENDAR_SHARE)
    token = calendar_access.make_token(database, client, by, utc_now())
    click.echo(calendar_access.address(settings.public_url, client, token))
    click.echo("Whoever has this address can read the calendar, and nothing else.", err=True)


@calendar.command()
@click.argument("client")
@click.option("--by", default=show.whoami, help="Who ends it, for the record.")
@click.pass_obj
def unsubscribe(settings: Settings, client: str, by: str) -> None:
    """End every address of CLIENT's calendar."""
    database = Database.open(settings)
    acting.acting(database, by, Permission.CALENDAR_SHARE)
    ended = calendar_access.revoke(database, client, by, utc_now())
    click.echo(f"{ended} address{'es' * (ended != 1)} ended")


@calendar.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.pass_obj
def changes(settings: Settings, limit: int) -> None:
    """Who changed which window, blackout, freeze or brake, when and why; newest first."""
    with Database.open(settings).reading() as session:
        found = list(freeze_records.changes(session, limit))
    show.table(
        ("at", "for", "what", "by", "why"),
        ((c.at, f"{c.scope} {c.subject}".strip(), c.what, c.by, c.reason) for c in found),
    )
