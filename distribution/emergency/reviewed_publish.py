"""Publishing a break-glass release: not before that person's last one was reviewed.

The review of the new one is opened before it becomes visible, in the transaction that looks for an
older one: so of two that are published at once, one is refused, and no crash leaves one without.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlmodel import Session

from distribution.database.sessions import Database
from distribution.emergency import break_glass, reviews
from distribution.errors import DistributionError, Unreviewed
from distribution.settings import Settings
from manifests.errors import UpdateError
from manifests.target_paths import Lane
from signing.kinds import LANE_KINDS, meaning
from signing.proposal import Proposal, read_note
from signing.status import SigningStatus
from signing.store import Store

_KIND = LANE_KINDS[Lane.BREAKGLASS]


@contextmanager
def reviewed(settings: Settings, store: Store, proposal: Path, now: datetime) -> Iterator[None]:
    """Publish ``proposal`` inside of this: if it is a break-glass release, it gets its review.

    Nothing else needs the database to be there.

    Raises:
        Unreviewed: one of those who signed it has an older one that nobody has reviewed.
        SigningError: it is not a proposal.
        NotFound: there is no repository.
        Unavailable: the store or the database does not answer.
    """
    # A label that is not true is refused by every publish.
    what = Proposal.read(proposal) if read_note(proposal).kind == _KIND else None
    people = _who_signed(what) if what else ()
    if what is None or not people:  # without a signature it is refused
        yield
        return
    database = Database.open(settings)
    path = str(meaning(what).releases[0].path)
    reviews.find(database, store, now)
    is_visible = path in break_glass.published(store)
    with database.alone("reviews"), database.writing() as session:
        _require_none(session, path, people)
        is_new = reviews.open_one(session, path, people, now, anew=not is_visible)
    try:
        yield
    except UpdateError:
        if is_new:
            _forget_unpublished(database, store, path, now)
        raise
    with database.writing() as session:
        reviews.open_one(session, path, people, now)  # if a rival was refused and forgot it


def _who_signed(proposal: Proposal) -> tuple[str, ...]:
    return tuple(p for role in SigningStatus.of(proposal).roles for p in role.signed_by)


def _require_none(session: Session, path: str, people: Collection[str]) -> None:
    for review in reviews.listed(session):
        is_theirs = not review.signed_by or not set(people).isdisjoint(review.signed_by)
        if is_theirs and review.release != path:
            raise Unreviewed(
                f"review {review.number} is open: nobody has reviewed {review.what} yet, a "
                f"break-glass release that {review.who} signed",
                hint=f"somebody else looks at it, and then: hsp review close {review.number} "
                "--by NAME --verdict TEXT; or another L3 engineer signs this one",
            )


def _forget_unpublished(database: Database, store: Store, path: str, now: datetime) -> None:
    """It was refused. If nobody can say whether it is visible, its review stays."""
    try:
        if path in break_glass.published(store):
            return
    except DistributionError:
        return
    with database.writing() as session:
        reviews.forget(session, path, now)
