"""``hsp backup`` and ``hsp restore``: a server's memory in a folder, from any engine to any."""

from pathlib import Path

import click
from sqlmodel import select

from distribution import audit
from distribution.backup import kept, making, restoring
from distribution.backup.manifest import Manifest
from distribution.cli import acting, show
from distribution.database.sessions import Database
from distribution.errors import NotFound
from distribution.people.roles import Permission
from distribution.people.tables import Account
from distribution.server import utc_now
from distribution.settings import Settings
from manifests.terminal import shown

_folder = click.Path(path_type=Path, file_okay=False)


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(backup)
    program.add_command(restore)


@click.command()
@click.argument("folder", type=_folder)
@click.option("--by", help="Who makes it, for the record: you, or with --keep the server itself.")
@click.option(
    "--keep", type=click.IntRange(1), metavar="N",
    help="For a timer: FOLDER holds the newest N backups, and gets one more.",
)  # fmt: skip
@click.pass_obj
def backup(settings: Settings, folder: Path, by: str | None, keep: int | None) -> None:
    """Write what this server knows into FOLDER, which is not there yet, while servers go on.

    The database as it is at one moment, the repository or its metadata, the settings, the public
    keys. No private key, no password and no secret.
    """
    database, now = Database.open(settings), utc_now()
    who, role = _maker(database, by, by_timer=keep is not None)
    place = folder.absolute() / kept.name_of(now) if keep else folder.absolute()
    made = making.make(database, settings, place, who, role, now)
    database.close()
    click.echo(_described(made.manifest))
    click.echo(f"sha256 of its manifest: {made.sha256}")
    click.echo("keep this number apart: 'hsp restore --sha256' holds the folder to it")
    click.echo("the folder names customers and people: keep it as you keep the database")
    for name in kept.remove_old(folder, keep) if keep else ():
        click.echo(f"removed the backup {name}")
    click.echo("\nnot in it:")
    for words in making.not_in_it(settings):
        click.echo(f"  - {shown(words)}")


def _maker(database: Database, by: str | None, *, by_timer: bool) -> tuple[str, str]:
    """Who makes a backup, and in which role; a timer is nobody, and takes nothing from anybody."""
    if by_timer and by is None:
        with database.reading() as session:
            if session.exec(select(Account.name).limit(1)).first() is None:
                raise NotFound(
                    "there is nothing to back up: nobody has an account here",
                    hint="name the server's own --home, or its HSP_DATABASE_URL",
                )
        return audit.AUTOMATIC, ""
    who = by or show.whoami()
    return who, acting.acting(database, who, Permission.REPAIR).role_for(Permission.REPAIR)


@click.command()
@click.argument("folder", type=_folder)
@click.option("--by", default=show.whoami, help="Who restores, for the record.")
@click.option("--replace", is_flag=True, help="Remove what the database holds now.")
@click.option("--sha256", default="", help="Of the manifest, as 'hsp backup' said it.")
@click.option("--check", "only_check", is_flag=True, help="Only verify the backup.")
@click.pass_obj
def restore(
    settings: Settings, folder: Path, by: str, replace: bool, sha256: str, only_check: bool
) -> None:
    """Put back what 'hsp backup' wrote into FOLDER: all of it, or nothing.

    Into the home and the database that the settings name, which may be another engine than before.
    Stop every server first.
    """
    if only_check:
        click.echo(f"whole: {_described(restoring.verified(folder, sha256))}")
        return
    done = restoring.restore(settings.home, folder, by, utc_now(), replace=replace, sha256=sha256)
    click.echo(f"restored: {_described(done.manifest)}")
    for name in done.wrote:
        click.echo(f"wrote {shown(name)} into the home")
    if done.put_back:
        click.echo(f"put {done.put_back} files back into the repository")
    for words in done.taken_over:
        click.echo(f"taken over: {shown(words)}")
    lost = done.audit_lost - done.manifest.audit_seq
    click.echo(
        f"the audit log ends at record {done.manifest.audit_seq}; "
        + (f"at least {lost} later ones are lost" if lost else "no checkpoint knows of later ones")
    )
    click.echo("\nnow, in this order:")
    for words in [*done.open_ends, *restoring.TO_DO]:
        click.echo(f"  - {shown(words)}")


def _described(manifest: Manifest) -> str:
    part = manifest.repository
    files = f", {part.files} files of the repository ({part.copied} copied)" if part else ""
    return (
        f"{manifest.rows} rows of {len(manifest.tables)} tables from {manifest.engine}, as of "
        f"{manifest.made_at:%Y-%m-%d %H:%M:%S} UTC{files}"
    )
