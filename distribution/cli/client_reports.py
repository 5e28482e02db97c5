"""``hsp client``: what a client reads, and its month as a report."""

from pathlib import Path

import click

from distribution.cli import acting, show
from distribution.cli.files import write_file
from distribution.client_reports.formats import Format, written
from distribution.client_reports.month import month as month_of
from distribution.client_reports.period import Period, zone_of_client
from distribution.client_reports.sheet import Part
from distribution.database.sessions import Database
from distribution.languages import Language
from distribution.people.roles import Permission
from distribution.server import utc_now
from distribution.settings import Settings
from distribution.sites import clients

LANGUAGES = click.Choice([language.value for language in Language])
SERVERS_OWN = "default"
_ZONE = "In which the month begins and ends; by default, that of the client's first site."


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(client)


@click.group()
def client() -> None:
    """Clients: what they read, and their monthly reports."""


@client.command("set")
@click.argument("client_id", metavar="CLIENT")
@click.option(
    "--language",
    type=click.Choice([*(language.value for language in Language), SERVERS_OWN]),
    required=True,
    help="What its people read; 'default' for the server's own language.",
)
@click.option("--reason", default="", help="Such as who asked for it, for the record.")
@click.option("--by", default=show.whoami, help="Who says so.")
@click.pass_obj
def set_up(settings: Settings, client_id: str, language: str, reason: str, by: str) -> None:
    """Choose the language in which CLIENT's people read sentences, messages and reports."""
    database = Database.open(settings)
    said = acting.word(database, by, Permission.TICKET_NOTE, reason)
    chosen = None if language == SERVERS_OWN else Language(language)
    clients.set_language(database, client_id, chosen, said, utc_now())
    click.echo(f"{client_id} reads {chosen or settings.language} from now on")


@client.command()
@click.argument("client_id", metavar="CLIENT")
@click.argument("month")
@click.option("--format", "how", type=click.Choice([f.value for f in Format]), default="pdf")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--language", type=LANGUAGES, help="By default, what the client reads.")
@click.option("--zone", default="", help=_ZONE)
@click.option(
    "--part",
    type=click.Choice([part.value for part in Part]),
    default=Part.INSTALLS.value,
    show_default=True,
    help="Of CSV, which is one table.",
)
@click.pass_obj
def report(
    settings: Settings,
    *,
    client_id: str,
    month: str,
    how: str,
    out: Path,
    language: str | None,
    zone: str,
    part: str,
) -> None:
    """Write CLIENT's MONTH, such as 2026-11: what was installed when, what failed, what waits."""
    with Database.open(settings).reading() as session:
        theirs = clients.language(session, client_id, settings.language)
        chosen = Language(language) if language else theirs
        period = Period.parse(month, zone or zone_of_client(session, client_id))
        found = month_of(session, client_id, period, utc_now(), chosen)
    write_file(out, written(found, Format(how), chosen, Part(part)))
    click.echo(
        f"wrote {out}: {found.tally.installed} installed, {found.tally.failed} failed in "
        f"{period} ({period.zone})"
    )
