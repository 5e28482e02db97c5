"""What the repository cannot tell of a drill: which keys must go, and what the sites noticed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from distribution import audit
from distribution.control import notices
from distribution.control.control_tables import DrillRow, NoticeRow
from distribution.control.notices import Notice
from distribution.database.sessions import Database
from distribution.repository.store_errors import in_server_words
from manifests.failures import FailureCode
from signing.assignments import holders, keyids_of
from signing.errors import Tampered
from signing.store import Store
from signing.update_repository import Repository

OF_TRUST = frozenset(
    {
        FailureCode.UNREACHABLE,
        FailureCode.UNTRUSTED_METADATA,
        FailureCode.EXPIRED_METADATA,
        FailureCode.ROLLBACK,
        FailureCode.ROOT_WITHHELD,
        FailureCode.TRUST_LOST,
    }
)
"""What a check-in names when the metadata could not be read or believed."""


@dataclass(frozen=True)
class Goal:
    """What a repository must have come to; nothing at all is never reached.

    Attributes:
        without: ids of keys that no role lists any more.
        newer: versions of roles that were left behind.
    """

    without: tuple[str, ...] = ()
    newer: Mapping[str, int] = field(default_factory=dict)

    def is_reached(self, repository: Repository) -> bool:
        """Whether it has come to that."""
        listed = set[str]().union(*map(keyids_of, holders(repository)))
        passed = all(repository.version(role) > old for role, old in self.newer.items())
        return bool(self.without or self.newer) and passed and listed.isdisjoint(self.without)


@dataclass(frozen=True)
class Noticed:
    """What the sites noticed of a drill.

    Attributes:
        notice: how far the change is on its way; None while it is not published.
        offline: sites that will hear of it when they call again.
    """

    failed_polls: int
    notice: Notice | None
    offline: tuple[str, ...] = ()


def opened(session: Session, name: str, about: str) -> DrillRow | None:
    """The drill of this name that nobody has closed."""
    return session.exec(_open().where(DrillRow.name == name, DrillRow.about == about)).first()


def listed(session: Session, limit: int) -> list[DrillRow]:
    """The newest drills, the newest first."""
    return list(session.exec(select(DrillRow).order_by(col(DrillRow.id).desc()).limit(limit)))


def goal_of(row: DrillRow) -> Goal:
    """What a drill is to come to."""
    plain: dict[str, Any] = json.loads(row.goal)
    return Goal(tuple(plain["without"]), plain["newer"])


def begin(database: Database, row: DrillRow, goal: Goal) -> None:
    """Note that a drill begins; one that is open already goes on.

    Raises:
        Unavailable: the database does not answer.
    """
    row.goal = json.dumps(asdict(goal))
    with database.writing() as session:
        if opened(session, row.name, row.about) is None:
            session.add(row)
            _note(session, row, "drill.begin", row.by, row.began_at)


def close(database: Database, name: str, about: str, by: str, now: datetime) -> None:
    """Note that a drill is over.

    Raises:
        Unavailable: the database does not answer.
    """
    with database.writing() as session:
        row = opened(session, name, about)
        if row is not None:
            row.ended_at = now
            session.add(row)
            _note(session, row, "drill.close", by, now)


def _note(session: Session, row: DrillRow, action: str, by: str, now: datetime) -> None:
    about = f"drill {row.name} of {row.about}" if row.about else f"drill {row.name}"
    audit.note(session, audit.Deed(by, action, about), now)


def look(database: Database, store: Store, now: datetime) -> None:
    """Of each open drill whose goal is reached, note since when sites may know.

    Raises:
        NotFound: there is no repository.
        Unavailable: the store or the database does not answer.
    """
    waiting = _open().where(col(DrillRow.notice_id).is_(None))
    with database.reading() as session:
        if session.exec(waiting).first() is None:
            return
    try:
        with in_server_words():
            repository = Repository.read(store)
    except Tampered:  # a thief's, for as long as the goal is not reached
        return
    if repository.timestamp is None:
        return
    seen = repository.root.version, repository.timestamp.signed.version
    with database.writing() as session:
        for row in session.exec(waiting).all():
            if goal_of(row).is_reached(repository):
                row.notice_id = notices.begin_everywhere(session, *seen, now).id
                session.add(row)


def poll_failed(session: Session, code: FailureCode) -> None:
    """A check-in tells that a poll failed: count it for the drills that are under way."""
    if code in OF_TRUST:
        for row in session.exec(_open()):
            row.failed_polls = DrillRow.failed_polls + 1  # counted by the database, as of now
            session.add(row)


def is_any_open(session: Session) -> bool:
    """Whether a drill is under way, which counts polls that fail."""
    return session.exec(_open().limit(1)).first() is not None


def noticed(session: Session, row: DrillRow, online_since: datetime) -> Noticed:
    """What the sites noticed."""
    notice = session.get(NoticeRow, row.notice_id) if row.notice_id else None
    if notice is None:
        return Noticed(row.failed_polls, None)
    offline = tuple(notices.unknowing_offline(session, notice, online_since))
    return Noticed(row.failed_polls, notices.shown(session, notice, online_since), offline)


def in_words(noticed: Noticed) -> Iterator[str]:
    """How long agents were blind, in sentences."""
    notice = noticed.notice
    if notice is not None:
        sites = f"{notice.sites} site{'' if notice.sites == 1 else 's'}"
        if notice.seconds is None:
            yield f"{notice.knowing} of {sites} that are online know of the change"
        else:
            yield (
                f"blind for {max(notice.seconds, 0):.1f} s at most: so long after the change was "
                f"published the last of {sites} that are online knew"
            )
    yield f"polls that failed meanwhile, of all sites: {noticed.failed_polls}"
    if noticed.offline:
        yield f"not online, and will know at their next poll: {', '.join(noticed.offline)}"


def _open() -> SelectOfScalar[DrillRow]:
    return select(DrillRow).where(col(DrillRow.ended_at).is_(None))
