"""What people should hear of, one line each, in the transaction that makes it true.

``notify`` reads on from the last number that it has seen. A line is never changed.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from distribution.desk.tables import NewsRow
from distribution.tables import Incident, Problem


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
    HANDED_OVER = "handed_over"
    """L3 gave the cause to the developers."""


def tell(
    session: Session, kind: News, problem: Problem, now: datetime, incident: Incident | None = None
) -> None:
    """Write one line. Both rows must have their numbers already."""
    session.add(
        NewsRow(
            at=now,
            kind=kind,
            problem_id=problem.id or 0,
            incident_id=incident.id if incident else None,
            tier=problem.tier,
        )
    )


def after(session: Session, number: int, limit: int = 1000) -> Sequence[NewsRow]:
    """The lines that follow the one with this number, oldest first."""
    wanted = select(NewsRow).where(col(NewsRow.id) > number).order_by(col(NewsRow.id))
    return session.exec(wanted.limit(limit)).all()
