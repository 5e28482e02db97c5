"""``hsp hotfix``: from a ticket to a fix on its way, one command before the signatures, one after.

Each does what ``hsp release``, ``hsp publish`` and ``hsp rollout start`` do, by their functions.
"""

import tempfile
from datetime import datetime
from pathlib import Path

import click
from packaging.version import Version

from distribution.cli import acting, show
from distribution.cli.drafts import draft_option, new_draft
from distribution.cli.publishing import published
from distribution.cli.rollouts import publish_plan, signed_release
from distribution.control import rollouts
from distribution.control.schedules import load_schedule
from distribution.database.sessions import Database
from distribution.database.tables import Problem
from distribution.desk import ticket_work
from distribution.errors import Conflict, UnknownRollout
from distribution.people.roles import Permission
from distribution.repository import artifacts
from distribution.repository.bucket import open_store
from distribution.repository.store_errors import in_server_words
from distribution.server import Server, utc_now
from distribution.settings import Settings
from manifests.release import ReleaseManifest
from manifests.rollout import Schedule, SiteFilter
from manifests.target_paths import Lane, ReleasePath
from signing import propose
from signing.cli import show_proposal
from signing.kinds import meaning
from signing.proposal import Proposal
from signing.update_repository import Repository

_EMERGENCY = "emergency"
_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(hotfix)


@click.group()
def hotfix() -> None:
    """Mend a problem in a hurry: draft, two signatures, release."""


@hotfix.command()
@click.argument("number", type=show.NUMBER, metavar="TICKET")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--description", type=_FILE, required=True, help="release.toml.")
@click.option("--out", type=_FOLDER, help="The new folder for the proposal (default: in the home).")
@click.option("--pace", default=_EMERGENCY, show_default=True, help="The fastest it may spread.")
@click.option("--platform", default="any", help="The platform that the artifact is for.")
@click.option("--break-glass", is_flag=True, help="For at most ten sites by name; one signature.")
@draft_option
@click.pass_obj
def draft(
    settings: Settings,
    number: int,
    source: Path,
    description: Path,
    out: Path | None,
    pace: str,
    platform: str,
    break_glass: bool,
    by: str,
) -> None:
    """Build the fix of TICKET from SOURCE, and make the proposal that L3 signs."""
    problem = _ticket(Database.open(settings), number)
    lane, schedule = Lane.BREAKGLASS if break_glass else Lane.HOTFIXES, load_schedule(pace)
    with tempfile.TemporaryDirectory() as scratch, in_server_words():
        built = artifacts.build(
            source, description, schedule, Path(scratch) / "release", utc_now(), platform, {}
        )
        _check_mends(problem, built.manifest)
        name = f"{lane}-{built.manifest.product}-{built.manifest.version}"
        repository = Repository.read(open_store(settings))
        made = propose.release(
            repository, Path(scratch) / "release", lane, new_draft(settings, out, name, by)
        )
    show_proposal(made)
    click.echo(f"then: hsp hotfix release {number} PROPOSAL")


def _ticket(database: Database, number: int) -> Problem:
    with database.reading() as session:
        problem = ticket_work.opened(session, number)
    if not problem.product:
        raise Conflict(f"ticket {number} is about a site, and not about a product")
    return problem


def _check_mends(problem: Problem, manifest: ReleaseManifest) -> None:
    if manifest.product != problem.product:
        raise Conflict(
            f"this is a release of {manifest.product}; ticket {problem.id} is about "
            f"{problem.product}"
        )
    if problem.version and Version(manifest.version) <= Version(problem.version):
        raise Conflict(
            f"{manifest.version} is not newer than {problem.version}, which has the problem",
            hint=f"sites only go forward: call it {problem.version}.post1, or higher",
        )


@hotfix.command()
@click.argument("number", type=show.NUMBER, metavar="TICKET")
@click.argument("proposal", type=_FOLDER)
@click.option("--schedule", default=_EMERGENCY, show_default=True, help="A name or a TOML file.")
@click.option("--client", "clients", multiple=True, help="Only this client's sites; repeatable.")
@click.option("--site", "sites", multiple=True, help="Only this site; repeatable.")
@click.option("--by", default=show.whoami, help="Who releases it, for the record.")
@click.pass_obj
def release(
    settings: Settings,
    number: int,
    proposal: Path,
    schedule: str,
    clients: tuple[str, ...],
    sites: tuple[str, ...],
    by: str,
) -> None:
    """Publish the signed PROPOSAL and start its rollout; TICKET closes with its last site.

    After a crash the same command goes on.
    """
    now, chosen = utc_now(), load_schedule(schedule)
    server = Server.open(settings)
    problem = _ticket(server.database, number)
    acting.acting(server.database, by, Permission.ROLLOUT_START)
    path = _fix_in(proposal, problem)
    published(settings, proposal, by)
    click.echo(f"published {path}")
    only = SiteFilter(clients=clients, sites=sites)
    _start(server, path, chosen, only, number, by, now)
    click.echo(f"its rollout has begun ({chosen.name}): hsp ticket show {number}")


def _fix_in(proposal: Path, problem: Problem) -> ReleasePath:
    """The release that it would publish, before anything is: what is visible stays so."""
    with in_server_words():
        found = meaning(Proposal.read(proposal)).releases
    path = found[0].path if found else None
    if path is None or path.lane is Lane.RELEASES or path.product != problem.product:
        raise Conflict(
            f"{proposal} is no emergency release of {problem.product}; nothing was published",
            hint=f"make one: hsp hotfix draft {problem.id} SOURCE --description release.toml",
        )
    _check_mends(problem, found[0].manifest)
    return path


def _start(
    server: Server,
    path: ReleasePath,
    chosen: Schedule,
    only: SiteFilter,
    number: int,
    by: str,
    now: datetime,
) -> None:
    """Begin its rollout, unless an earlier try of this command has."""
    try:
        with server.database.reading() as session:
            rollouts.find(session, path.product, path.version)
    except UnknownRollout:
        signed = signed_release(server.store, path.product, path.version)
        said = acting.word(server.database, by, Permission.ROLLOUT_START, chosen.name)
        args = server.database, signed, chosen, by, now, only, said.role
        rollouts.start(*args, for_problem=number)
    publish_plan(server, path.product, now)
