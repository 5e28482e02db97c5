"""``hsp database``: the tables, from one release to another."""

import json

import click

from distribution.database import schema
from distribution.database.sessions import Database
from distribution.migrations import HEAD, oldest_for
from distribution.settings import Settings


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(database)


@click.group()
def database() -> None:
    """Upgrade the database's tables, before the servers; or take an upgrade back."""


@database.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Which revision the tables are of, and which one this program needs."""
    opened = Database.connect(settings)
    found = schema.state(opened.engine)
    said = {
        "database": opened.engine.url.render_as_string(hide_password=True),
        "tables": found.revision or ("release 0.1.0 or older" if found.has_tables else "none"),
        "this_program": HEAD,
        "oldest_program": oldest_for(found.revision) if found.revision else "",
        "serves": schema.is_fit(found),
        "next": schema.next_step(found),
    }
    opened.close()
    if as_json:
        click.echo(json.dumps(said, indent=2))
        return
    for name, value in said.items():
        words = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
        click.echo(f"{name.replace('_', ' '):16}{words or '-'}")


@database.command()
@click.pass_obj
def upgrade(settings: Settings) -> None:
    """Bring the tables to this program's revision; servers of the release before go on working.

    On PostgreSQL: first this, then each server. The embedded SQLite does it by itself.
    """
    opened = Database.connect(settings)
    before = schema.upgrade(opened.engine)
    after = schema.state(opened.engine)
    opened.close()
    if before == after:
        click.echo(f"the tables are of revision {after.revision} already")
        return
    was = before.revision or ("release 0.1.0" if before.has_tables else "none")
    click.echo(f"the tables are of revision {after.revision} now; before: {was}")


@database.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="What newer revisions added may be lost.")
@click.pass_obj
def downgrade(settings: Settings, revision: str, yes: bool) -> None:
    """Take the tables back to REVISION, for the program of an older release.

    Stop this program's servers before; the embedded SQLite is upgraded again by the next command
    of this program.
    """
    if not yes:
        click.confirm(f"Lose what was added after revision {revision}?", abort=True)
    opened = Database.connect(settings)
    before = schema.downgrade(opened.engine, revision)
    after = schema.state(opened.engine)
    opened.close()
    click.echo(f"the tables are of revision {after.revision} now; before: {before.revision}")
