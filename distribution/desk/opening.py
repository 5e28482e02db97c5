"""How tickets begin, and begin again: what was seen, and the problem that it makes."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from distribution.database.tables import Incident, Problem
from distribution.desk import clocks, failure_table, news
from distribution.desk.news import News
from distribution.desk.states import TicketState
from manifests.failures import FailureCode


@dataclass(frozen=True)
class Sighting:
    """One failure at one site, seen once.

    Attributes:
        product: with ``version`` and ``release``; all empty when it is about the site itself.
        place: of the report that told it; 0 when no report did.
        phase: in which the attempt ended; with ``hook_status`` and ``log_tail`` of that report.
        hook_status: what the release's program or check ended with; None when none did.
    """

    site_id: str
    code: FailureCode
    detail: str
    at: datetime
    product: str = ""
    version: str = ""
    release: str = ""
    place: int = 0
    phase: str = ""
    hook_status: int | None = None
    log_tail: str = ""


def new_problem(
    session: Session,
    seen: Sighting,
    cause: str,
    version: str | None = None,
    known_issue: int | None = None,
) -> Problem:
    """A problem that is in the queue, and of which nobody has been told yet.

    Args:
        version: what it says instead of the version at which it was seen.
        known_issue: which one gathers its failures in it.
    """
    problem = Problem(
        product=seen.product,
        version=seen.version if version is None else version,
        signature=cause,
        code=seen.code,
        tier=failure_table.entry(session, seen.code).tier,
        state=TicketState.OPEN,
        detail=seen.detail,
        log_tail=seen.log_tail,
        known_issue_id=known_issue,
        opened_at=seen.at,
        due_at=seen.at,
    )
    clocks.start(session, problem, seen.at)
    session.flush()
    return problem


def reopen(
    session: Session, problem: Problem, now: datetime, incident: Incident | None = None
) -> None:
    """Back into the queue, with a clock of its own, and tell of it."""
    problem.reopened += 1
    problem.state, problem.closed_at = TicketState.OPEN, None
    clocks.start(session, problem, now)
    news.tell(session, News.REOPENED, problem, now, incident)
