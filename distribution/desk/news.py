"""What people should hear of, one line each, in the transaction that makes it true.

``notify`` reads on from the last number that it has seen. A line is never changed.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from distribution import events
from distribution.database.tables import Incident, Problem
from distribution.desk.tables import NewsRow
from distribution.events import EventKind


class News(StrEnum):
    """What happened to a problem, or to an incident of it."""

    OPENED = "opened"
    JOINED = "joined"
    """One more site has it."""
    RAISED = "raised"
    """A higher tier looks after it, by a repeat, by spread, or because somebody asked for it."""
    OVERDUE = "overdue"
    """Nobody answered in time, and a higher tier looks after it, where there is one."""
    REOPENED = "reopened"
    CLOSED = "closed"
    """With an incident: at that site. Without: the problem itself."""
    HANDED_OVER = "handed_over"
    """L3 gave the cause to the developers."""


_NO_NEWS_OF_THE_KNOWN = frozenset({News.OPENED, News.JOINED, News.REOPENED, News.CLOSED})


def tell(
    session: Session, kind: News, problem: Problem, now: datetime, incident: Incident | None = None
) -> None:
    """Write one line, and an event for who watches. Both rows must have their numbers already.

    What a known issue gathers is no news.
    """
    if problem.known_issue_id is not None and kind in _NO_NEWS_OF_THE_KNOWN:
        return
    session.add(
        NewsRow(
            at=now,
            kind=kind,
            problem_id=problem.id or 0,
            incident_id=incident.id if incident else None,
            tier=problem.tier,
        )
    )
    events.tell(
        session,
        EventKind.TICKET,
        now,
        site_id=incident.site_id if incident else "",
        product=problem.product,
        version=problem.version,
        number=problem.id,
        news=kind,
        tier=problem.tier,
    )


def after(session: Session, number: int, limit: int = 1000) -> Sequence[NewsRow]:
    """The lines that follow the one with this number, oldest first."""
    wanted = select(NewsRow).where(col(NewsRow.id) > number).order_by(col(NewsRow.id))
    return session.exec(wanted.limit(limit)).all()
