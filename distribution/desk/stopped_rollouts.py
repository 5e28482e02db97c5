"""L3's ticket of a rollout that was stopped: it gathers what caused that, and ends with it."""

from datetime import datetime

from sqlmodel import Session, select

from distribution.database.tables import Problem
from distribution.desk import news
from distribution.desk.news import News
from distribution.desk.opening import Sighting, new_problem, reopen
from distribution.desk.states import TicketState
from manifests.failures import FailureCode

_CODE = FailureCode.ROLLOUT_STOPPED


def stopped(session: Session, product: str, version: str, reason: str, now: datetime) -> Problem:
    """Open it, or open it again, and gather the problems of that version."""
    problem = of(session, product, version)
    if problem is None:
        seen = Sighting("", _CODE, reason, now, product, version)
        problem = new_problem(session, seen, _CODE.value)
        news.tell(session, News.OPENED, problem, now)
    elif problem.state == TicketState.CLOSED:
        reopen(session, problem, now)
    problem.detail = reason
    session.add(problem)
    wanted = select(Problem).where(Problem.product == product, Problem.version == version)
    for part in session.exec(wanted).all():
        part.part_of_id = problem.id if part.id != problem.id else None
        session.add(part)
    session.flush()
    return problem


def of(session: Session, product: str, version: str) -> Problem | None:
    """The ticket of the stopped rollout of a version; None where it was never stopped.

    By its signature, which no report can have: a site may name this code as well.
    """
    if not product:
        return None
    wanted = select(Problem).where(
        Problem.product == product, Problem.version == version, Problem.signature == _CODE.value
    )
    return session.exec(wanted).one_or_none()
