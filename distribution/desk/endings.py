"""How tickets end: an incident with what its site shows, a problem with its last incident."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from distribution.database.tables import Incident, Problem, Site
from distribution.desk import news
from distribution.desk.casebook import Casebook
from distribution.desk.news import News
from distribution.desk.states import TicketState
from manifests.failures import FailureCode, Tier

ENDED_BY_A_PERSON = frozenset({FailureCode.REPORTED_BY_CUSTOMER})
"""No report shows that these are over; those of security are ended by a person too."""


def confirmed(book: Casebook, site_id: str, product: str, place: int, now: datetime) -> None:
    """A site has confirmed an install: what failed there before, with this product, is over.

    Args:
        book: it was told that this site confirms.
    """
    over = [
        (incident, problem)
        for _, (incident, problem) in sorted(book.open_at.get(site_id, {}).items())
        if incident.state == TicketState.OPEN
        and problem.product == product
        and incident.last_place < place
    ]
    close(book.session, over, now)


def recovered(session: Session, site_id: str, codes: Iterable[FailureCode], now: datetime) -> None:
    """A condition of the site itself, or a lost contact with it, is over."""
    wanted = open_incidents(site_id).where(col(Problem.code).in_(list(codes)))
    close(session, session.exec(wanted).all(), now)


def gone(session: Session, now: datetime) -> None:
    """What a site had that was revoked is over: it will never confirm anything."""
    wanted = (
        select(Incident, Problem)
        .join(Problem, col(Incident.problem_id) == col(Problem.id))
        .join(Site, col(Incident.site_id) == col(Site.id))
        .where(Incident.state == TicketState.OPEN, col(Site.revoked_at).is_not(None))
    )
    close(session, session.exec(wanted).all(), now)


def open_incidents(site_id: str) -> Select[Incident, Problem]:
    """The open ones at a site, each with its problem."""
    return (
        select(Incident, Problem)
        .join(Problem, col(Incident.problem_id) == col(Problem.id))
        .where(Incident.site_id == site_id, Incident.state == TicketState.OPEN)
    )


def close(session: Session, found: Iterable[tuple[Incident, Problem]], now: datetime) -> None:
    """Close incidents and the problems that end with them; not those that only a person ends."""
    for incident, problem in found:
        if only_by_a_person(problem):
            continue
        end(session, incident, problem, now)
        settle(session, problem, now)


def only_by_a_person(problem: Problem) -> bool:
    """Whether nothing that a site says closes it."""
    return problem.tier == Tier.SECURITY or problem.code in ENDED_BY_A_PERSON


def end(session: Session, incident: Incident, problem: Problem, now: datetime) -> None:
    """Close one incident, and tell of it. Its problem may have another one open."""
    incident.state, incident.closed_at = TicketState.CLOSED, now
    session.add(incident)
    news.tell(session, News.CLOSED, problem, now, incident)


def settle_stopped(session: Session, product: str, now: datetime) -> None:
    """With a newer version through, a stop is L3's no more where no site is left that failed."""
    stopped = select(Problem).where(
        Problem.product == product,
        Problem.code == FailureCode.ROLLOUT_STOPPED,
        Problem.state == TicketState.OPEN,
    )
    for problem in session.exec(stopped).all():
        settle(session, problem, now)


def settle(session: Session, problem: Problem, now: datetime) -> None:
    """Close a problem that has neither an open incident nor an open part."""
    if problem.state == TicketState.CLOSED or _has_open(session, problem):
        return
    problem.state, problem.closed_at = TicketState.CLOSED, now
    session.add(problem)
    news.tell(session, News.CLOSED, problem, now)
    if problem.part_of_id is not None:
        settle(session, session.get_one(Problem, problem.part_of_id), now)


def _has_open(session: Session, problem: Problem) -> bool:
    incidents = select(Incident.id).where(
        Incident.problem_id == problem.id, Incident.state == TicketState.OPEN
    )
    parts = select(Problem.id).where(
        Problem.part_of_id == problem.id, Problem.state == TicketState.OPEN
    )
    return bool(session.exec(select(or_(incidents.exists(), parts.exists()))).one())
