"""``hsp export-media`` and ``hsp import-media``: for sites that have no line."""

from datetime import timedelta
from pathlib import Path

import click

from distribution.cli import show
from distribution.errors import Invalid
from distribution.server import Server, utc_now
from distribution.settings import Settings
from distribution.sites.media import STICK_LIFE
from distribution.sites.media import export_media as write_media
from distribution.sites.media_import import import_media as take_media
from manifests.terminal import shown

_folder = click.Path(path_type=Path, file_okay=False)


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(export_media)
    program.add_command(import_media)


@click.command("export-media")
@click.argument("folder", type=_folder)
@click.option("--site", required=True, help="The site that it is for.")
@click.option(
    "--days",
    type=click.IntRange(1, 90),
    default=STICK_LIFE.days,
    show_default=True,
    help="The time in which the site must have installed from it.",
)
@click.option("--by", default=show.whoami, help="Who writes it, for the record.")
@click.pass_obj
def export_media(settings: Settings, folder: Path, site: str, days: int, by: str) -> None:
    """Write what SITE needs into FOLDER, for a journey on a USB stick."""
    server = Server.open(settings)
    done = write_media(server, site, folder, timedelta(days=days), by, utc_now())
    click.echo(f"{folder} holds {done.size_bytes:,} bytes for {site}:")
    for product, versions in done.releases.items():
        click.echo(f"  {product}: {', '.join(versions) or 'nothing new'}")
    click.echo(f"It is good until {show.moment(done.good_until)}.")
    click.echo(f"At the site: hsp-updater once --from {folder.name}")
    click.echo("When it is back: hsp import-media")


@click.command("import-media")
@click.argument("folder", type=_folder)
@click.pass_obj
def import_media(settings: Settings, folder: Path) -> None:
    """Take in the reports that came back in FOLDER; the same again does no harm."""
    done = take_media(Server.open(settings), folder, utc_now())
    click.echo(f"{done.new} new reports, {done.known} that were known already")
    for line in done.refused:
        click.echo(f"refused: {shown(line)}")
    if done.refused:
        raise Invalid(f"{len(done.refused)} files were refused; the others are taken in")
