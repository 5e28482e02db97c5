"""Tickets: a problem for each cause, an incident for each site that has it.

``record`` takes one failure that was seen and opens, attaches, repeats or reopens; ``close`` and
``confirmed`` end incidents, and a problem ends with its last one. Reports may come late and out of
order: a failure that the site has overcome already is counted, and does not reopen anything.

Every function works within the caller's transaction, and the scheduler is the only caller.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func
from sqlmodel import Session, col, select, update
from sqlmodel.sql.expression import Select

from distribution.desk.escalation import higher, route, signature
from distribution.tables import Attempt, Incident, Problem, Site
from manifests.errors import ManifestError
from manifests.failures import FAILURES, FailureCode, Tier
from manifests.install_report import Phase
from manifests.target_paths import Lane, ReleasePath


class TicketState(StrEnum):
    """Of an incident or a problem."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class Sighting:
    """One failure at one site, seen once.

    Attributes:
        product: with ``version`` and ``release``; all empty when it is about the site itself.
        place: of the report that told it; 0 when no report did.
    """

    site_id: str
    code: FailureCode
    detail: str
    at: datetime
    product: str = ""
    version: str = ""
    release: str = ""
    place: int = 0


def is_emergency(release: str) -> bool:
    """Whether L3's keys signed the release at this path."""
    try:
        return ReleasePath.parse(release).lane is not Lane.RELEASES
    except ManifestError:
        return False


def record(session: Session, seen: Sighting) -> Incident:
    """Open or attach, count it, and raise the tier. The caller records each report once."""
    site = session.get_one(Site, seen.site_id)
    problem = _problem(session, seen, site.client_id)
    incident = _incident(session, problem, seen, site.client_id)
    incident.occurrences += 1
    if seen.place >= incident.last_place:
        incident.last_at, incident.detail, incident.last_place = seen.at, seen.detail, seen.place
    _open_or_close(session, incident, problem, seen)
    session.add(incident)
    session.flush()
    _raise(session, incident, problem, seen)
    if incident.state == TicketState.CLOSED:
        settle(session, problem, seen.at)
    return incident


def _problem(session: Session, seen: Sighting, client_id: str) -> Problem:
    cause = _cause(seen, client_id)
    wanted = select(Problem).where(
        Problem.product == seen.product,
        Problem.version == seen.version,
        Problem.signature == cause,
    )
    found = session.exec(wanted).one_or_none()
    if found is not None:
        return found
    fresh = new_problem(seen, cause)
    fresh.part_of_id = _stopped_rollout_id(session, seen.product, seen.version)
    session.add(fresh)
    session.flush()
    return fresh


def _cause(seen: Sighting, client_id: str) -> str:
    """What is about a release gathers all clients; what is about a site gathers its client's."""
    if seen.product:
        return signature(seen.code, seen.detail.replace(seen.site_id, "<site>"))
    return f"{seen.code} at {client_id}"


def new_problem(seen: Sighting, cause: str) -> Problem:
    """A problem that is not in the queue yet."""
    failure = FAILURES[seen.code]
    return Problem(
        product=seen.product,
        version=seen.version,
        signature=cause,
        code=seen.code,
        tier=failure.tier,
        state=TicketState.OPEN,
        detail=seen.detail,
        opened_at=seen.at,
        due_at=seen.at + failure.answer_within,
    )


def _incident(session: Session, problem: Problem, seen: Sighting, client_id: str) -> Incident:
    wanted = select(Incident).where(
        Incident.problem_id == problem.id, Incident.site_id == seen.site_id
    )
    return session.exec(wanted).one_or_none() or Incident(
        problem_id=problem.id or 0,
        site_id=seen.site_id,
        client_id=client_id,
        tier=problem.tier,
        state=TicketState.OPEN,
        opened_at=seen.at,
        last_at=seen.at,
    )


def _open_or_close(session: Session, incident: Incident, problem: Problem, seen: Sighting) -> None:
    if seen.place and _overcome(session, seen):
        if incident.occurrences == 1:
            _close(incident, seen.at)
        return
    if incident.state == TicketState.CLOSED:
        incident.reopened += 1
        incident.state, incident.closed_at = TicketState.OPEN, None
    if problem.state == TicketState.CLOSED:
        problem.reopened += 1
        reopen(problem, seen.at)
        session.add(problem)


def reopen(problem: Problem, now: datetime) -> None:
    """Back into the queue, with a clock of its own."""
    problem.state, problem.closed_at = TicketState.OPEN, None
    problem.due_at = now + FAILURES[FailureCode(problem.code)].answer_within


def _overcome(session: Session, seen: Sighting) -> bool:
    """Whether the site has confirmed an install of the product after this failure."""
    if FAILURES[seen.code].tier is Tier.SECURITY:
        return False
    wanted = select(Attempt.id).where(
        Attempt.site_id == seen.site_id,
        Attempt.product == seen.product,
        Attempt.phase == Phase.CONFIRMED,
        Attempt.place > seen.place,
    )
    return session.exec(wanted).first() is not None


def _raise(session: Session, incident: Incident, problem: Problem, seen: Sighting) -> None:
    tier = route(
        seen.code,
        emergency=is_emergency(seen.release),
        repeats=_repeats(session, seen),
        clients=_clients(session, problem),
    )
    incident.tier = higher(Tier(incident.tier), tier)
    raised = higher(Tier(problem.tier), tier)
    if raised != problem.tier:
        problem.tier = raised
        problem.due_at = seen.at + FAILURES[seen.code].answer_within
        if tier is Tier.L3:
            _raise_all(session, problem)
    session.add_all((incident, problem))
    session.flush()


def _raise_all(session: Session, problem: Problem) -> None:
    """What has become L3's is L3's at every site."""
    of_problem = update(Incident).where(col(Incident.problem_id) == problem.id)
    session.exec(of_problem.values(tier=Tier.L3))


def _repeats(session: Session, seen: Sighting) -> int:
    """How often this code has been seen at this site, whatever the release."""
    wanted = (
        select(func.sum(Incident.occurrences))
        .join(Problem, col(Incident.problem_id) == col(Problem.id))
        .where(Incident.site_id == seen.site_id, Problem.code == seen.code)
    )
    return int(session.exec(wanted).one() or 0)


def _clients(session: Session, problem: Problem) -> int:
    wanted = select(func.count(func.distinct(Incident.client_id)))
    return int(session.exec(wanted.where(Incident.problem_id == problem.id)).one())


# --- endings


def _close(incident: Incident, now: datetime) -> None:
    incident.state, incident.closed_at = TicketState.CLOSED, now


def confirmed(session: Session, site_id: str, product: str, place: int, now: datetime) -> None:
    """A site has confirmed an install: what failed there before, with this product, is over."""
    wanted = _open_incidents(site_id).where(Problem.product == product, Incident.last_place < place)
    close(session, session.exec(wanted).all(), now)


def recovered(session: Session, site_id: str, codes: Iterable[FailureCode], now: datetime) -> None:
    """A condition of the site itself, or a lost contact with it, is over."""
    wanted = _open_incidents(site_id).where(col(Problem.code).in_(list(codes)))
    close(session, session.exec(wanted).all(), now)


def _open_incidents(site_id: str) -> Select[Incident, Problem]:
    return (
        select(Incident, Problem)
        .join(Problem, col(Incident.problem_id) == col(Problem.id))
        .where(Incident.site_id == site_id, Incident.state == TicketState.OPEN)
    )


def close(session: Session, found: Iterable[tuple[Incident, Problem]], now: datetime) -> None:
    """Close incidents and the problems that end with them; security's are closed by a person."""
    for incident, problem in found:
        if FAILURES[FailureCode(problem.code)].tier is Tier.SECURITY:
            continue
        _close(incident, now)
        session.add(incident)
        session.flush()
        settle(session, problem, now)


def settle(session: Session, problem: Problem, now: datetime) -> None:
    """Close a problem that has neither an open incident nor an open part."""
    incidents = select(Incident.id).where(
        Incident.problem_id == problem.id, Incident.state == TicketState.OPEN
    )
    parts = select(Problem.id).where(
        Problem.part_of_id == problem.id, Problem.state == TicketState.OPEN
    )
    if session.exec(incidents).first() or session.exec(parts).first():
        return
    problem.state, problem.closed_at = TicketState.CLOSED, now
    session.add(problem)
    session.flush()
    if problem.part_of_id is not None:
        settle(session, session.get_one(Problem, problem.part_of_id), now)


# --- a stopped rollout


def rollout_stopped(
    session: Session, product: str, version: str, reason: str, now: datetime
) -> Problem:
    """Open L3's problem of a rollout that the stop rule paused, and gather what caused it."""
    known = _stopped_rollout_id(session, product, version)
    problem = session.get(Problem, known) if known is not None else None
    if problem is None:
        seen = Sighting("", FailureCode.ROLLOUT_STOPPED, reason, now, product, version)
        problem = new_problem(seen, FailureCode.ROLLOUT_STOPPED.value)
        session.add(problem)
        session.flush()
    elif problem.state == TicketState.CLOSED:
        problem.reopened += 1
        reopen(problem, now)
    problem.detail = reason
    session.add(problem)
    wanted = select(Problem).where(Problem.product == product, Problem.version == version)
    for part in session.exec(wanted).all():
        part.part_of_id = problem.id if part.id != problem.id else None
        session.add(part)
    session.flush()
    return problem


def _stopped_rollout_id(session: Session, product: str, version: str) -> int | None:
    if not product:
        return None
    wanted = select(Problem.id).where(
        Problem.product == product,
        Problem.version == version,
        Problem.code == FailureCode.ROLLOUT_STOPPED,
    )
    return session.exec(wanted).one_or_none()
