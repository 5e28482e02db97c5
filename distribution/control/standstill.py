"""Rollouts that cannot go on by themselves: each becomes a ticket, and no longer stands unseen.

The stop rule asks for distinct sites, so that in a small fleet one failure neither pauses a rollout
nor lets the next wave open. Whether it goes on is a person's to say: by a resume, which leaves the
failures out, or by a stop.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Session

from distribution.control.assessment import StandStill, Verdict
from distribution.control.standing import Course
from distribution.database.sessions import Database
from distribution.database.tables import RolloutRow
from distribution.desk import own_problems
from manifests.failures import FailureCode

PATIENCE = timedelta(days=1)
"""Sites that are silent, or wait for somebody's yes, may take so long before anybody is called."""

_CODE = FailureCode.ROLLOUT_STANDS_STILL


def look(
    database: Database, judged: Iterable[tuple[RolloutRow, Course, Verdict]], now: datetime
) -> None:
    """Open a ticket for each of the running rollouts that stands still, and close the others'.

    Raises:
        Unavailable: the database does not answer.
    """
    standing = {
        _name(row): verdict.reason
        for row, course, verdict in judged
        if isinstance(verdict, StandStill) and _is_due(course, verdict, now)
    }
    with database.reading() as session:
        if own_problems.details(session, _CODE) == standing:
            return
    with database.writing() as session:
        for name in set(own_problems.details(session, _CODE)) - set(standing):
            own_problems.ended(session, _CODE, name, now)
        for name, reason in standing.items():
            own_problems.began(session, _CODE, name, reason, now)


def reason_of(session: Session, row: RolloutRow) -> str:
    """Why a rollout stands still, as its ticket says; empty when it has none."""
    return own_problems.details(session, _CODE).get(_name(row), "")


def _name(row: RolloutRow) -> str:
    return f"{row.product} {row.version}"


def _is_due(course: Course, verdict: StandStill, now: datetime) -> bool:
    opened = [wave.opens_at for wave in course.rollout.waves if wave.opens_at is not None]
    return bool(verdict.failed) or now >= max(opened) + PATIENCE
