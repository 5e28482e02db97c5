"""Nobody approves their own proposal, whatever roles they hold.

Two people sign every release; this is the same law for what the server decides. Who started a
rollout, or made its release visible, does not resume it, does not record a client's yes to it, and
does not take a hold of somebody else's out of its way. Roles do not matter here: only names do.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from distribution.audit import Deed, note
from distribution.database.sessions import Database
from distribution.database.tables import RolloutChange, RolloutRow
from distribution.errors import NotAllowed
from distribution.people.tables import Publication
from manifests.rollout import RolloutState

_GOES_ON = (RolloutState.RUNNING, RolloutState.PAUSED)


def require_another(name: str, proposers: Collection[str], what: str) -> None:
    """Return if ``name`` is none of those who proposed it.

    Raises:
        NotAllowed: by one of them.
    """
    if name in proposers:
        raise NotAllowed(
            f"{name} started or published {what}, and nobody approves their own",
            hint="ask another approver",
        )


def proposers_of(session: Session, row: RolloutRow) -> frozenset[str]:
    """Who started a rollout, and who made its release visible where that is known."""
    started = (
        select(RolloutChange.by)
        .where(RolloutChange.rollout_id == row.id)
        .order_by(col(RolloutChange.id))
        .limit(1)
    )
    return frozenset(session.exec(started)) | publishers_of(session, row.release)


def publishers_of(session: Session, release: str) -> frozenset[str]:
    """Who made a release visible, where that is known: nobody, or one."""
    published = session.get(Publication, release)
    return frozenset({published.by}) if published else frozenset()


def note_publication(database: Database, releases: Iterable[str], by: str, now: datetime) -> None:
    """Keep who made releases visible; the first one counts, since a publish may be run again.

    Raises:
        Unavailable: the database does not answer.
    """
    with database.writing() as session:
        for release in releases:
            if session.get(Publication, release) is None:
                session.add(Publication(release=release, by=by, at=now))
                note(session, Deed(by, "release.publish", f"release {release}"), now)


def require_not_freed(session: Session, name: str, product: str = "") -> None:
    """Return if lifting a hold frees no rollout that ``name`` proposed.

    Args:
        product: what is held; empty: everything, or a site or a client that any product may reach.

    Raises:
        NotAllowed: it would.
    """
    wanted = select(RolloutRow).where(col(RolloutRow.state).in_(_GOES_ON))
    if product:
        wanted = wanted.where(RolloutRow.product == product)
    for row in session.exec(wanted).all():
        what = f"the rollout of {row.product} {row.version}, which this would free"
        require_another(name, proposers_of(session, row), what)
