"""Reviews: what one L3 engineer did alone, somebody else looks at within two working days.

One that nobody has closed blocks that person's next break-glass release (``reviewed_publish``), and
L3 and security hear of it (``review_tickets``). What was published past this server, or before its
database was restored, is found in the repository. Working days are Monday to Friday, in UTC.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from distribution import audit, events
from distribution.database.sessions import Database
from distribution.emergency import break_glass
from distribution.emergency.review_tables import ReviewRow
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound
from distribution.events import EventKind
from distribution.people import own_proposals
from manifests.target_paths import ReleasePath
from signing.store import Store

WORKING_DAYS = 2
_SATURDAY = 5


@dataclass(frozen=True)
class Review:
    """One release's review. ``signed_by`` is empty where nobody can tell any more who it was."""

    number: int
    release: str
    signed_by: tuple[str, ...]
    opened_at: datetime
    due_at: datetime
    closed_by: str
    closed_at: datetime | None
    verdict: str

    @property
    def what(self) -> str:
        """The product and the version."""
        path = ReleasePath.parse(self.release)
        return f"{path.product} {path.version}"

    @property
    def who(self) -> str:
        """Who signed it, in words."""
        return " and ".join(self.signed_by) or "somebody who is not known any more"

    def is_overdue(self, now: datetime) -> bool:
        """Whether nobody closed it in time."""
        return self.closed_at is None and self.due_at <= now


def due(opened_at: datetime) -> datetime:
    """The same time of day, two working days later."""
    moment, left = opened_at, WORKING_DAYS
    while left:
        moment += timedelta(days=1)
        left -= moment.weekday() < _SATURDAY
    return moment


# --- opening


def open_one(
    session: Session, path: str, people: Collection[str], now: datetime, *, anew: bool = False
) -> bool:
    """Open a release's review, unless there is one.

    Args:
        anew: open also one that is closed: it was, before there was anything to review.

    Returns:
        Whether it was opened.
    """
    row = session.exec(select(ReviewRow).where(ReviewRow.release == path)).one_or_none()
    if row is not None and not (anew and row.closed_at):
        return False
    row = row or ReviewRow(release=path, opened_at=now, due_at=now)
    row.opened_at, row.due_at, row.signed_by = now, due(now), " ".join(people)
    row.closed_by, row.closed_at, row.verdict = "", None, ""
    session.add(row)
    session.flush()
    _tell(session, row, now)
    _note(session, row, "review.open", audit.AUTOMATIC, f"signed by {_review(row).who}", now)
    return True


def find(database: Database, store: Store, now: datetime) -> list[str]:
    """Open a review for every published break-glass release that has none.

    It counts from now, or from the release's own end where that lies back.

    Raises:
        NotFound: there is no repository.
        Unavailable: the store or the database does not answer.
    """
    with database.reading() as session:
        known = set(session.exec(select(ReviewRow.release)))
    missing = sorted(break_glass.published(store) - known)
    for path in missing:
        people = break_glass.signers_of(store, path)
        since = min(now, break_glass.ends_at(store, path) or now)
        with database.writing() as session:
            open_one(session, path, people, since)
    return missing


# --- closing


def close(
    database: Database,
    number: int,
    by: str,
    verdict: str,
    on_call: Collection[str],
    now: datetime,
    role: str = "",
) -> Review:
    """Record what somebody else thought of it.

    Args:
        on_call: who may sign break-glass releases; where it is not known who signed this one, it
            may have been any of them.

    Raises:
        NotFound: there is no such review.
        Conflict: it is closed already.
        NotAllowed: by who signed it, or may have, or made it visible.
        Invalid: no name or no verdict.
        Unavailable: the database does not answer.
    """
    name, said = by.strip().lower(), verdict.strip()
    if not name or not said:
        raise Invalid("a review is closed in somebody's name, with what they found")
    with database.writing() as session:
        row = session.get(ReviewRow, number)
        if row is None:
            raise NotFound(f"there is no review {number}", hint="see 'hsp review list'")
        if row.closed_at is not None:
            raise Conflict(f"review {number} was closed by {row.closed_by} already")
        _require_another(_review(row), name, on_call)
        own_proposals.require_another(
            name, own_proposals.publishers_of(session, row.release), _review(row).what
        )
        row.closed_by, row.closed_at, row.verdict = name, now, said
        session.add(row)
        _tell(session, row, now)
        _note(session, row, "review.close", name, said, now, role)
        return _review(row)


def _require_another(review: Review, name: str, on_call: Collection[str]) -> None:
    if name in (review.signed_by or on_call):
        signed = "signed" if review.signed_by else "may have signed"
        raise NotAllowed(
            f"{name} {signed} {review.what}, and a review is somebody else's",
            hint="ask an engineer, an officer or security to look at it",
        )


def listed(session: Session, *, also_closed: bool = False) -> list[Review]:
    """The open ones, or all that ever were, those due first in front."""
    wanted = select(ReviewRow).order_by(col(ReviewRow.due_at), col(ReviewRow.id))
    if not also_closed:
        wanted = wanted.where(col(ReviewRow.closed_at).is_(None))
    return [_review(row) for row in session.exec(wanted)]


def _review(row: ReviewRow) -> Review:
    return Review(
        number=row.id or 0,
        release=row.release,
        signed_by=tuple(row.signed_by.split()),
        opened_at=row.opened_at,
        due_at=row.due_at,
        closed_by=row.closed_by,
        closed_at=row.closed_at,
        verdict=row.verdict,
    )


def _tell(session: Session, row: ReviewRow, now: datetime) -> None:
    path = ReleasePath.parse(row.release)
    events.tell(
        session,
        EventKind.REVIEW,
        now,
        product=path.product,
        version=path.version,
        number=row.id,
        signed_by=row.signed_by,
        closed_by=row.closed_by,
        verdict=row.verdict,
    )


def _note(
    session: Session,
    row: ReviewRow,
    action: str,
    actor: str,
    reason: str,
    now: datetime,
    role: str = "",
) -> None:
    about = f"review {row.id} of {_review(row).what}"
    audit.note(session, audit.Deed(actor, action, about, reason, role), now)


def forget(session: Session, path: str, now: datetime) -> None:
    """Take back the open review of a release that was refused: there is nothing to review."""
    row = session.exec(select(ReviewRow).where(ReviewRow.release == path)).one_or_none()
    if row is not None and row.closed_at is None:
        session.delete(row)
        _note(session, row, "review.forget", audit.AUTOMATIC, "the release was refused", now)
