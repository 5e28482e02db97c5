"""``hsp rollout``: start, pause, resume, stop, status."""

from collections.abc import Callable
from datetime import datetime, timedelta

import click

from distribution.cli import acting, show
from distribution.control import approvals, plans, progress, rollouts
from distribution.control.notices import Notice
from distribution.control.progress import RolloutProgress, WaveProgress
from distribution.control.rollouts import Word
from distribution.control.schedules import load_schedule
from distribution.database.sessions import Database
from distribution.errors import UnknownRelease
from distribution.people.roles import Permission
from distribution.repository import catalogue
from distribution.server import Server, utc_now
from distribution.settings import Settings
from manifests.documents import validated
from manifests.release import Release
from manifests.rollout import SiteFilter
from manifests.terminal import shown
from signing.store import Store


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(rollout)


@click.group()
def rollout() -> None:
    """Send a signed release to the sites, hold it, end it, and see how far it is."""


@rollout.command()
@click.argument("product")
@click.argument("version")
@click.option(
    "--schedule",
    default="standard",
    show_default=True,
    metavar="standard|accelerated|emergency|FILE.toml",
    help="How fast at most; the pace that was signed holds beside it.",
)
@click.option("--client", "clients", multiple=True, help="Only this client's sites; repeatable.")
@click.option("--site", "sites", multiple=True, help="Only this site; repeatable.")
@click.option("--tag", "tags", multiple=True, help="Only sites with this tag; repeatable.")
@click.option("--region", "regions", multiple=True, help="Only this region; repeatable.")
@click.option("--platform", "platforms", multiple=True, help="Only this platform; repeatable.")
@click.option("--installed", default="", help="Only sites that run such a version, as '>=2,<3'.")
@click.option("--for-problem", type=show.NUMBER_OR_NONE, default=0, help="The ticket it mends.")
@click.option("--by", default=show.whoami, help="Who starts it, for the record.")
@click.pass_obj
def start(
    settings: Settings,
    /,
    product: str,
    version: str,
    schedule: str,
    for_problem: int,
    by: str,
    **only: tuple[str, ...] | str,
) -> None:
    """Begin the rollout of VERSION; later waves open when earlier ones went well."""
    chosen, admitted = load_schedule(schedule), validated(SiteFilter, only, strict=True)
    server, now = Server.open(settings), utc_now()
    release = signed_release(server.store, product, version)
    said = acting.word(server.database, by, Permission.ROLLOUT_START, chosen.name)
    role, mends = said.role, for_problem
    rollouts.start(server.database, release, chosen, by, now, admitted, role, for_problem=mends)
    publish_plan(server, product, now)
    click.echo(f"the rollout of {product} {version} has begun ({chosen.name})")


def signed_release(store: Store, product: str, version: str) -> Release:
    """The signed release of that version, in whichever lane.

    Raises:
        UnknownProduct: no such product.
        UnknownRelease: no such release.
    """
    found = catalogue.releases(store, product)
    release = next((r for r in found if r.manifest.version == version), None)
    if release is None:
        names = ", ".join(r.manifest.version for r in sorted(found, key=lambda r: r.version))
        raise UnknownRelease(
            f"no release {product} {version} is published; there are: {names or 'none'}",
            hint="publish the signed proposal first, with 'hsp publish'",
        )
    return release


Verb = Callable[[Database, str, str, Word, datetime], None]


def _verb(name: str, verb: Verb, permission: Permission, done: str, text: str) -> None:
    @rollout.command(name, help=text)
    @click.argument("product")
    @click.argument("version")
    @click.option("--reason", required=True, help="Read out to customers: name none in it.")
    @click.option("--by", default=show.whoami, help="Who says so, for the record.")
    @click.pass_obj
    def say(settings: Settings, product: str, version: str, reason: str, by: str) -> None:
        server, now = Server.open(settings), utc_now()
        said = acting.word(server.database, by, permission, reason)
        verb(server.database, product, version, said, now)
        publish_plan(server, product, now)
        click.echo(f"the rollout of {product} {version} is {done}; sites see it at their next poll")


_verb(
    "pause",
    rollouts.pause,
    Permission.ROLLOUT_PAUSE,
    "paused",
    "Hold VERSION everywhere; anyone in support may.",
)
_verb(
    "resume",
    rollouts.resume,
    Permission.ROLLOUT_RESUME,
    "running again",
    "Go on, says an approver who has not started it; failures until now count no more.",
)
_verb(
    "stop",
    rollouts.stop,
    Permission.ROLLOUT_STOP,
    "stopped",
    "End VERSION for good; a newer release goes on.",
)


_verb(
    "recall",
    rollouts.recall,
    Permission.ROLLOUT_STOP,
    "recalled",
    "Stop VERSION, which sites run already, and open L3's problem; roll something newer out next.",
)


@rollout.command()
@click.argument("product")
@click.argument("version")
@click.option("--client", required=True, help="The client that has said yes.")
@click.option("--reason", required=True, help="Who of the client said so, and how.")
@click.option("--by", default=show.whoami, help="Who records it.")
@click.pass_obj
def approve(
    settings: Settings, product: str, version: str, client: str, reason: str, by: str
) -> None:
    """Record a client's yes to VERSION, for its sites whose policy is to ask it."""
    database, now = Database.open(settings), utc_now()
    said = acting.word(database, by, Permission.ROLLOUT_YES, reason)
    approvals.approve(database, product, version, client, said, now)
    click.echo(f"{client} has approved {product} {version}; its sites hear so at their next poll")


def publish_plan(server: Server, product: str, now: datetime) -> None:
    """Tell the sites what was decided about a product."""
    plans.publish_decision(server.database, server.store, server.online, product, now)


@rollout.command()
@click.argument("product", required=False)
@click.argument("version", required=False)
@click.pass_obj
def status(settings: Settings, product: str | None, version: str | None) -> None:
    """How far rollouts are: the share of sites in each wave, and what comes next."""
    now = utc_now()
    online_since = now - timedelta(seconds=settings.silent_after_seconds)
    with Database.open(settings).reading() as session:
        if product and version:
            rows = [rollouts.find(session, product, version)]
        else:
            rows = rollouts.all_rollouts(session, product)
        found = [progress.progress_of(session, row, online_since, now) for row in rows]
    for one in found:
        _show(one, settings.poll_seconds)
    if not found:
        click.echo("no rollout was started yet")


def _show(one: RolloutProgress, poll_seconds: int) -> None:
    click.echo(
        f"{one.product} {one.version} ({one.lane}): {one.state} since "
        f"{show.moment(one.changed_at)}, {shown(f'{one.changed_by}: {one.reason}')}"
    )
    if one.outlook:
        click.echo(f"  {one.outlook}")
    if one.notice is not None:
        click.echo(f"  {_known(one.notice)}; sites ask every {poll_seconds} s")
    columns = (
        "wave", "up to", "opened", "sites", "admitted", "confirmed", "share", "failed",
        "in progress", "waiting", "held", "silent", "not heard",
    )  # fmt: skip
    show.table(columns, (_row(wave) for wave in one.waves))
    if one.saved_bytes:
        click.echo(
            f"  deltas spared {one.saved_bytes:,} bytes; {one.downloaded_bytes:,} were fetched"
        )
    click.echo("")


def _known(notice: Notice) -> str:
    """How soon its newest pause or stop was known."""
    share = f"{notice.knowing} of {notice.sites} online sites"
    if notice.published_at is None:
        return f"{share} know of it: it is not published yet"
    if notice.seconds is None or notice.idle_seconds is None:
        return f"{share} know of it by now"
    words = f"{share} knew of it after {notice.seconds:.1f} s"
    if notice.idle_seconds < notice.seconds:
        words += (
            f", those that were not in the middle of an install after {notice.idle_seconds:.1f} s"
        )
    return words


def _row(wave: WaveProgress) -> tuple[object, ...]:
    n = wave.counts
    share = f"{100 * n.confirmed / n.sites:.0f} %" if n.sites else "-"
    return (
        wave.number, f"{wave.up_to_percent:g} %", wave.opens_at, n.sites, n.admitted, n.confirmed,
        share, n.failed, n.trying, n.waiting, n.excused, n.silent, n.pending,
    )  # fmt: skip
