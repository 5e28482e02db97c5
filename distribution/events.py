"""What happened, in order, for whoever watches: check-ins, phases, waves, pauses, brakes.

An event is written in the transaction that it tells of, so that there is one for everything that
happened and none for what did not. Watchers read on from the last number that they have seen;
old events go, since what they tell is in the rows that last. Writers take turns, so that numbers
appear in order.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import event, func, insert
from sqlmodel import Session, col, delete, select

from distribution.audit.records import NotNoted
from distribution.audit.session import AuditedSession
from distribution.control.control_tables import EventRow
from distribution.database.sessions import Database
from manifests.documents import to_json

_TOLD = "events"
"""In what a session carries along: the events of its transaction."""

KEPT = timedelta(days=7)
CHECK_INS_KEPT = timedelta(hours=1)
"""A sign of life tells nothing any more when the next ones have come."""


class EventKind(StrEnum):
    """What an event tells of."""

    CHECK_IN = "check_in"
    PHASE = "phase"
    WAVE = "wave"
    ROLLOUT = "rollout"
    BRAKE = "brake"
    APPROVAL = "approval"
    WINDOW = "window"
    REVIEW = "review"
    """A review was opened, or closed."""
    TICKET = "ticket"
    """News of a ticket: ``number``, ``news`` and ``tier`` are in its detail."""
    STEP = "step"
    """Support has asked a site for a step, or the site has answered."""
    KNOWN = "known"
    """Every online site knows of a pause or a stop."""
    RESTORED = "restored"
    """The database is that of a backup now; events between the last number and this one are lost.
    """


@dataclass(frozen=True)
class Event:
    """One event; what it is not about is empty."""

    number: int
    at: datetime
    kind: EventKind
    site_id: str = ""
    product: str = ""
    version: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def tell(
    session: Session,
    kind: EventKind,
    at: datetime,
    *,
    site_id: str = "",
    product: str = "",
    version: str = "",
    **detail: object,
) -> None:
    """Write an event with the transaction that it tells of: at its end, all of them together."""
    said = to_json(detail).decode() if detail else ""
    about = {"site_id": site_id, "product": product, "version": version, "detail": said}
    session.info.setdefault(_TOLD, []).append({"at": at, "kind": kind, **about})


@event.listens_for(AuditedSession, "before_commit")
def _write(session: AuditedSession) -> None:
    told = session.info.pop(_TOLD, [])
    if not told:
        return
    if not session.has_turn:
        raise NotNoted("an event needs the writers' turn: use Database.writing")
    in_order = insert(EventRow).returning(col(EventRow.id), sort_by_parameter_order=True)
    session.execute(in_order, told)


def after(session: Session, number: int, limit: int = 500) -> Sequence[Event]:
    """The events that follow the one with this number, oldest first."""
    wanted = select(EventRow).where(col(EventRow.id) > number).order_by(col(EventRow.id))
    return [_event(row) for row in session.exec(wanted.limit(limit))]


def newest(session: Session) -> int:
    """The newest event's number; 0 when there is none."""
    return session.exec(select(func.max(EventRow.id))).one() or 0


def forget_old(database: Database, now: datetime) -> None:
    """Delete what nobody will ask for any more; the newest stays, so that numbers only grow.

    Raises:
        Unavailable: the database does not answer.
    """
    with database.reading() as session:
        last, oldest = newest(session), session.exec(select(func.min(EventRow.at))).one()
    if oldest is None or oldest > now - CHECK_INS_KEPT:
        return
    old = delete(EventRow).where(col(EventRow.id) < last)
    signs = (col(EventRow.kind) == EventKind.CHECK_IN) & (col(EventRow.at) < now - CHECK_INS_KEPT)
    with database.writing() as session:
        session.exec(old.where(col(EventRow.at) < now - KEPT))
        session.exec(old.where(signs))


def _event(row: EventRow) -> Event:
    return Event(
        number=row.id or 0,
        at=row.at,
        kind=EventKind(row.kind),
        site_id=row.site_id,
        product=row.product,
        version=row.version,
        detail=json.loads(row.detail) if row.detail else {},
    )
