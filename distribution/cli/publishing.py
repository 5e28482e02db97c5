"""``hsp publish``: what people have signed becomes visible, and the record says who did it."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from distribution.audit import publications
from distribution.cli import show
from distribution.database.sessions import Database
from distribution.drills import records
from distribution.emergency.reviewed_publish import reviewed
from distribution.errors import DistributionError
from distribution.people import own_proposals
from distribution.repository import publish
from distribution.repository.bucket import open_store
from distribution.repository.publish import Published
from distribution.server import open_online_keys
from distribution.settings import Settings
from signing.cli import utc_now
from signing.roles import BREAKGLASS
from signing.store import Store


def register(program: click.Group) -> None:
    """Add this module's command to ``hsp``."""
    program.add_command(publish_command)


@click.command(name="publish")
@click.argument("proposal", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--replace-unfinished",
    is_flag=True,
    help="Put it in the place of another publish of this role that was given up.",
)
@click.option("--by", default=show.whoami, help="Who publishes, for the record.")
@click.pass_obj
def publish_command(settings: Settings, proposal: Path, replace_unfinished: bool, by: str) -> None:
    """Check PROPOSAL and make it visible. After a crash, the same command finishes it."""
    done = published(settings, proposal, by, replace_unfinished=replace_unfinished)
    what = ", ".join(done.releases) or f"{done.role} {done.version}"
    if done.already:
        click.echo(f"{what} is published already; nothing was done")
        return
    click.echo(f"published {what} ({done.role} {done.version})")
    if done.role == BREAKGLASS:
        click.echo("Somebody else reviews it within two working days: hsp review list")
    if done.releases:
        click.echo("Nothing is installed until its rollout starts: hsp rollout start")


def published(
    settings: Settings, proposal: Path, by: str, *, replace_unfinished: bool = False
) -> Published:
    """Publish a proposal and record who did; once more, it finds it published already.

    Raises:
        DistributionError: see ``publish.publish``.
    """
    online, store, now = open_online_keys(settings), open_store(settings), utc_now()
    with reviewed(settings, store, proposal, now):
        done = publish.publish(store, proposal, online, now, replace_unfinished=replace_unfinished)
    _record(settings, store, by, done.releases)
    return done


def _record(settings: Settings, store: Store, by: str, releases: Sequence[str]) -> None:
    """Note it in the audit log, and who does not resume it; drills that wait count from now.

    Without the database, both are the scheduler's.
    """
    with suppress(DistributionError):
        database = Database.open(settings)
        publications.record(database, store, by, utc_now())
        own_proposals.note_publication(database, releases, by, utc_now())
        if not releases:
            records.look(database, store, utc_now())
