"""``hsp notify``: whom we tell what happens, by which channel, and when not."""

import click

from distribution.cli import acting, show
from distribution.database.sessions import Database
from distribution.desk.news import News
from distribution.errors import Invalid
from distribution.languages import Language
from distribution.notify import channels, sending
from distribution.notify.errors import NotDelivered
from distribution.notify.listing import Channel, listed
from distribution.notify.states import Kind
from distribution.notify.wishes import Wish
from distribution.people.roles import Permission
from distribution.server import Server, utc_now
from distribution.settings import Settings
from manifests.documents import validated
from manifests.failures import Tier

_WAIT_SECONDS = 40.0


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(notify)


@click.group()
def notify() -> None:
    """Channels of notifications: mail, webhooks, chats, short messages, trackers."""


@notify.command()
@click.argument("kind", type=click.Choice([kind.value for kind in Kind]))
@click.argument("address")
@click.option("--tier", type=click.Choice([t.value for t in Tier]), help="Ours: who reads it.")
@click.option("--client", default="", help="Or whose it is.")
@click.option("--label", default="", help="What people call it; of a tracker, its name.")
@click.option("--shape", default="", help="Of a tracker: github, jira:PROJECT or plain.")
@click.option("--secret", default="", help="Of a tracker, its token: file:/PATH or env:NAME.")
@click.option("--language", type=click.Choice([each.value for each in Language]))
@click.option("--zone", default="UTC", show_default=True, help="An IANA zone: Asia/Jakarta.")
@click.option("--quiet", metavar="FROM-TO", help="Hours without messages: 22:00-06:00.")
@click.option(
    "--news",
    multiple=True,
    type=click.Choice([news.value for news in News]),
    help="Only this; several for several. Without: all.",
)
@click.option(
    "--least", type=click.Choice([t.value for t in Tier]), help="Problems from this tier up."
)
@click.option("--reason", required=True, help="Why.")
@click.option("--by", default=show.whoami, help="Who says so, for the record.")
@click.pass_obj
def add(
    settings: Settings,
    /,
    quiet: str | None,
    secret: str,
    news: tuple[str, ...],
    reason: str,
    by: str,
    **wanted: str | None,
) -> None:
    """Tell a tier or a client by KIND at ADDRESS. A webhook's secret is shown once."""
    begin, end = _hours(quiet)
    plain = {**wanted, "quiet_from": begin, "quiet_to": end, "news": list(news) or None}
    wish = validated(Wish, plain, strict=True)
    database = Database.open(settings)
    word = acting.word(database, by, Permission.NOTIFY_CHANGE, reason)
    made = channels.add(database, settings, wish, word, utc_now(), secret=secret)
    click.echo(f"channel {made.channel.number} is there; try it: hsp notify test {_n(made)}")
    if made.secret:
        click.echo(f"Its signatures are made with {made.secret}")
        click.echo("Give it to whoever checks them; it is not shown again.", err=True)


def _n(made: channels.NewChannel) -> int:
    return made.channel.number


def _hours(quiet: str | None) -> tuple[str, str]:
    if not quiet:
        return "", ""
    begin, dash, end = quiet.partition("-")
    if not dash or not begin or not end:
        raise Invalid(f"{quiet[:40]!r} are no hours", hint="write --quiet 22:00-06:00")
    return begin, end


@notify.command("list")
@click.option("--client", default="", help="Only this client's.")
@click.pass_obj
def list_channels(settings: Settings, client: str) -> None:
    """Every channel: whose, where to, what waits, and why the last try failed."""
    with Database.open(settings).reading() as session:
        found = listed(session, client=client)
    show.table(
        ("no.", "whose", "label", "kind", "address", "lang", "quiet", "zone", "news", "waiting",
         "last sent", "error"),
        (_row(channel) for channel in found),
    )  # fmt: skip


def _row(channel: Channel) -> tuple[object, ...]:
    whose = channel.client or channel.tier + f" (from {channel.least})" * bool(channel.least)
    quiet = f"{channel.quiet_from}-{channel.quiet_to}" if channel.quiet_from else ""
    return (
        channel.number, whose, channel.label, channel.kind, channel.address, channel.language,
        quiet, channel.zone, ", ".join(channel.news), channel.waiting, channel.last_sent_at,
        show.first_line(channel.error),
    )  # fmt: skip


@notify.command()
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why.")
@click.option("--by", default=show.whoami, help="Who says so, for the record.")
@click.pass_obj
def remove(settings: Settings, number: int, reason: str, by: str) -> None:
    """Tell nobody there any more; what waits for it is left out."""
    database = Database.open(settings)
    word = acting.word(database, by, Permission.NOTIFY_CHANGE, reason)
    channels.end(database, settings, number, word, utc_now())
    click.echo(f"channel {number} is removed")


@notify.command()
@click.argument("number", type=int)
@click.option("--by", default=show.whoami, help="Who says so, for the record.")
@click.pass_obj
def test(settings: Settings, number: int, by: str) -> None:
    """Send one message there now, and say what came of it; one a minute."""
    server = Server.open(settings)
    word = acting.word(server.database, by, Permission.NOTIFY_CHANGE, "does it work?")
    channels.test(server.database, number, word, utc_now())
    sending.send_due(server, utc_now(), _WAIT_SECONDS, only=number)
    with server.database.reading() as session:
        found = next(each for each in listed(session) if each.number == number)
    if found.error or found.waiting:
        raise NotDelivered(
            f"channel {number} did not take it: {found.error or 'others wait before it'}",
            hint="it is tried again by itself",
        )
    click.echo(f"channel {number} took it")
