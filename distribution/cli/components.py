"""``hsp sbom`` and ``hsp affected``: which components run where."""

import click

from distribution.cli import show
from distribution.database.sessions import Database
from distribution.repository.bucket import open_store
from distribution.server import utc_now
from distribution.settings import Settings
from distribution.sites import component_index, components
from manifests.component_range import ComponentRange


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(sbom)
    program.add_command(affected)


@click.command()
@click.argument("site_id", metavar="SITE")
@click.pass_obj
def sbom(settings: Settings, site_id: str) -> None:
    """Which components SITE runs, and in which versions."""
    with _database(settings).reading() as session:
        bills = components.of_site(session, site_id)
    rows = ((b.product, b.version, c.name, c.version, c.purl) for b in bills for c in b.components)
    show.table(("product", "version", "component", "its version", "package"), rows)
    for bill in bills:
        if bill.unknown:
            click.echo(f"UNKNOWN: what {bill.product} {bill.version} is made of: {bill.unknown}")
    if not bills:
        click.echo(f"{site_id} has not said that it runs anything")


@click.command()
@click.argument("component", metavar="COMPONENT==VERSION")
@click.pass_obj
def affected(settings: Settings, component: str) -> None:
    """Which sites run a component: openssl==3.0.13, 'openssl>=3,<3.0.14', pkg:pypi/requests.

    By name or package URL. Versions compare as numbers and words: 1.1.1 < 1.1.1w < 3.0 < 3.0.14.
    """
    wanted = ComponentRange.parse(component)
    with _database(settings).reading() as session:
        found = components.affected(session, wanted)
    columns = ("site", "client", "last seen", "product", "version", "component", "its version")
    show.table(
        columns,
        (
            (
                s.site_id,
                s.client_id,
                s.last_seen,
                s.product,
                s.version,
                s.component,
                s.component_version,
            )
            for s in found.sites
        ),
    )
    click.echo(f"{component} runs at {_sites(len({each.site_id for each in found.sites}))}")
    for one in found.unknown:
        click.echo(f"UNKNOWN: {one.product} {one.version}, at {_sites(one.sites)}: {one.why}")


def _sites(number: int) -> str:
    return "1 site" if number == 1 else f"{number:,} sites"


def _database(settings: Settings) -> Database:
    """The database, with every SBOM in it that is asked about."""
    database = Database.open(settings)
    component_index.bring_up_to_date(database, open_store(settings), utc_now())
    return database
