"""Tickets about things of our own, at no site: they open when one begins and close when it ends."""

from datetime import datetime

from sqlmodel import Session, select

from distribution.database.tables import Problem
from distribution.desk import news
from distribution.desk.endings import settle
from distribution.desk.news import News
from distribution.desk.opening import Sighting, new_problem, reopen
from distribution.desk.states import TicketState
from manifests.failures import FailureCode


def began(session: Session, code: FailureCode, what: str, detail: str, now: datetime) -> None:
    """Open the problem of ``what``, unless it is open."""
    problem = _of(session, code, what)
    if problem is None:
        problem = new_problem(session, Sighting("", code, detail, now), f"{code}: {what}")
        news.tell(session, News.OPENED, problem, now)
    elif problem.state == TicketState.CLOSED:
        reopen(session, problem, now)
    problem.detail = detail
    session.add(problem)


def ended(session: Session, code: FailureCode, what: str, now: datetime) -> None:
    """Close it, if it is open."""
    problem = _of(session, code, what)
    if problem is not None and problem.state == TicketState.OPEN:
        settle(session, problem, now)


def are_open(session: Session, code: FailureCode) -> bool:
    """Whether there is any problem of this kind."""
    wanted = select(Problem.id).where(Problem.code == code, Problem.state == TicketState.OPEN)
    return session.exec(wanted).first() is not None


def details(session: Session, code: FailureCode) -> dict[str, str]:
    """The open problems of this kind: what each is about, and what it says."""
    wanted = select(Problem).where(Problem.code == code, Problem.state == TicketState.OPEN)
    found = session.exec(wanted)
    return {problem.signature.removeprefix(f"{code}: "): problem.detail for problem in found}


def _of(session: Session, code: FailureCode, what: str) -> Problem | None:
    wanted = select(Problem).where(Problem.product == "", Problem.signature == f"{code}: {what}")
    return session.exec(wanted).one_or_none()
