"""``hsp receipts``: what sites have signed, for third parties, who verify it without us."""

from datetime import UTC, datetime
from pathlib import Path

import click

from distribution.cli.files import write_file
from distribution.client_reports.period import Period, zone_of_client
from distribution.control.explanation import known_site
from distribution.database.sessions import Database
from distribution.errors import Invalid
from distribution.receipts import export as exports
from distribution.receipts.command import verify
from distribution.settings import Settings
from signing.wording import counted

_file = click.Path(path_type=Path, dir_okay=False)


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(receipts)


@click.group()
def receipts() -> None:
    """Receipts: installs as the sites have signed them, to be verified by anybody."""


@receipts.command()
@click.argument("name", metavar="CLIENT|SITE")
@click.option("--month", help="What was received in this month, such as 2026-11.")
@click.option("--since", help="What was received from this day on, such as 2026-11-01, in UTC.")
@click.option("--zone", default="", help="Of the month; by default, of the client's first site.")
@click.option("--out", type=_file, required=True, help="The file.")
@click.pass_obj
def export(
    settings: Settings, name: str, month: str | None, since: str | None, zone: str, out: Path
) -> None:
    """Write the receipts of a client's sites, or of one site; all of them without --month."""
    if month and since:
        raise click.UsageError("either --month or --since")
    with Database.open(settings).reading() as session:
        sites = exports.sites_of(session, name)
        starts, ends = _moment(since) if since else None, None
        if month:
            clients_zone = zone or zone_of_client(session, known_site(session, sites[0]).client_id)
            period = Period.parse(month, clients_zone)
            starts, ends = period.starts_at, period.ends_at
        found = exports.export(session, sites, starts, ends)
    write_file(out, found.content)
    reports, whose = counted(range(found.reports), "report"), counted(found.keys, "site")
    click.echo(f"wrote {out}: {reports} of {whose}")
    click.echo("Whoever verifies it needs each site's public key, from the site itself. They are:")
    for site, key in sorted(found.keys.items()):
        click.echo(f"{site} {key}")


def _moment(day: str) -> datetime:
    try:
        found = datetime.fromisoformat(day)
    except ValueError as error:
        raise Invalid(f"{day[:40]!r} is not a day", hint="write it as 2026-11-01") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


receipts.add_command(verify)
