"""What the tiers see: problems with their incidents, and the proof that no failure has none."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func
from sqlmodel import Session, col, select

from distribution.desk.incidents import TicketState
from distribution.tables import Alarm, Attempt, Incident, Problem, Receipt
from manifests.failures import FAILURES, FailureCode, Tier
from manifests.install_report import FINAL_PHASES


class Which(StrEnum):
    """Which tickets to list."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True)
class IncidentView:
    """A problem at one site."""

    number: int
    site_id: str
    client_id: str
    tier: Tier
    state: TicketState
    occurrences: int
    reopened: int
    detail: str
    opened_at: datetime
    last_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class Ticket:
    """A problem.

    Attributes:
        sentence: what may be said to a customer.
        runbook: the page that says what to do.
        part_of: the ticket of the stopped rollout that gathers this one.
        parts: the tickets that a stopped rollout gathers.
        incidents: its own, or for a stopped rollout those of its parts.
    """

    number: int
    tier: Tier
    state: TicketState
    code: FailureCode
    product: str
    version: str
    signature: str
    detail: str
    sentence: str
    runbook: str
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    reopened: int
    part_of: int | None
    parts: tuple[int, ...]
    incidents: tuple[IncidentView, ...]


def queue(session: Session, which: Which, tier: Tier | None = None) -> list[Ticket]:
    """The tickets of a tier or of all, those due first in front."""
    wanted = select(Problem).order_by(col(Problem.due_at), col(Problem.id))
    if which is not Which.ALL:
        wanted = wanted.where(Problem.state == which.value)
    if tier is not None:
        wanted = wanted.where(Problem.tier == tier)
    return [_ticket(session, problem) for problem in session.exec(wanted).all()]


def _ticket(session: Session, problem: Problem) -> Ticket:
    code = FailureCode(problem.code)
    parts = _parts(session, problem)
    return Ticket(
        number=problem.id or 0,
        tier=Tier(problem.tier),
        state=TicketState(problem.state),
        code=code,
        product=problem.product,
        version=problem.version,
        signature=problem.signature,
        detail=problem.detail,
        sentence=FAILURES[code].sentence,
        runbook=FAILURES[code].runbook(code),
        opened_at=problem.opened_at,
        due_at=problem.due_at,
        closed_at=problem.closed_at,
        reopened=problem.reopened,
        part_of=problem.part_of_id,
        parts=tuple(parts),
        incidents=_incidents(session, [problem.id or 0, *parts]),
    )


def _parts(session: Session, problem: Problem) -> list[int]:
    wanted = select(Problem.id).where(Problem.part_of_id == problem.id).order_by(col(Problem.id))
    return [number for number in session.exec(wanted) if number is not None]


def _incidents(session: Session, problems: Sequence[int]) -> tuple[IncidentView, ...]:
    wanted = select(Incident).where(col(Incident.problem_id).in_(problems))
    return tuple(
        IncidentView(
            number=incident.id or 0,
            site_id=incident.site_id,
            client_id=incident.client_id,
            tier=Tier(incident.tier),
            state=TicketState(incident.state),
            occurrences=incident.occurrences,
            reopened=incident.reopened,
            detail=incident.detail,
            opened_at=incident.opened_at,
            last_at=incident.last_at,
            closed_at=incident.closed_at,
        )
        for incident in session.exec(wanted.order_by(col(Incident.id)))
    )


def by_tier(session: Session, which: Which) -> dict[Tier, int]:
    """How many tickets each tier has."""
    wanted = select(Problem.tier)
    if which is not Which.ALL:
        wanted = wanted.where(Problem.state == which.value)
    counted = Counter(session.exec(wanted))
    return {tier: counted[tier] for tier in Tier}


def failures_unexplained(session: Session) -> int:
    """Failures that we know of and that no ticket stands for. It is 0 when the desk is up to date.

    Reports of failures without an incident (those not processed yet included), alarms that the
    desk has not had, and attempts that were given up without an incident.
    """
    reports = select(func.count()).where(
        col(Receipt.code).is_not(None), col(Receipt.incident_id).is_(None)
    )
    alarms = select(func.count()).where(col(Alarm.seen) > col(Alarm.noted))
    return session.exec(reports).one() + session.exec(alarms).one() + _lost_unexplained(session)


def _lost_unexplained(session: Session) -> int:
    ticketed = (
        select(Incident.id)
        .join(Problem, col(Incident.problem_id) == col(Problem.id))
        .where(
            Incident.site_id == Attempt.site_id,
            Problem.product == Attempt.product,
            Problem.version == Attempt.version,
            Problem.code == FailureCode.LOST_CONTACT,
        )
    )
    lost = select(func.count()).where(
        col(Attempt.lost_at).is_not(None),
        col(Attempt.phase).not_in([phase.value for phase in FINAL_PHASES]),
        ~ticketed.exists(),
    )
    return session.exec(lost).one()
