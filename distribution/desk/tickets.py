"""What the tiers see: problems with their incidents, and the proof that no failure has none.

A list counts the incidents of a page's problems in two queries, however many there are.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import case, func
from sqlmodel import Session, col, select

from distribution.database.tables import Alarm, Attempt, Incident, Problem, Receipt
from distribution.desk import (
    failure_table,
    handing_over,
    known_issues,
    problem_work,
    symptoms,
    ticket_work,
)
from distribution.desk.known_issues import name_of
from distribution.desk.news import News
from distribution.desk.states import TicketState
from distribution.desk.tables import NewsRow
from distribution.desk.ticket_views import IncidentView, Ticket, TicketLine, Told, Which
from distribution.languages import Language
from manifests.failures import FailureCode, Tier
from manifests.install_report import FINAL_PHASES

PAGE = 100
"""So many tickets, incidents or lines of news are given at a time, unless somebody says."""


def queue(
    session: Session,
    which: Which,
    tier: Tier | None = None,
    *,
    offset: int = 0,
    limit: int = PAGE,
    language: Language = Language.ENGLISH,
) -> list[TicketLine]:
    """The tickets of a tier or of all, those due first in front."""
    wanted = select(Problem).order_by(col(Problem.due_at), col(Problem.id))
    if which is not Which.ALL:
        wanted = wanted.where(Problem.state == which.value)
    if tier is not None:
        wanted = wanted.where(Problem.tier == tier)
    return _lines(session, session.exec(wanted.offset(offset).limit(limit)).all(), language)


def one(session: Session, number: int, language: Language = Language.ENGLISH) -> Ticket:
    """One ticket with everything on it.

    Raises:
        NotFound: there is none.
    """
    problem = ticket_work.found(session, number)
    parts = session.exec(
        select(Problem).where(Problem.part_of_id == number).order_by(col(Problem.id)).limit(PAGE)
    ).all()
    gathered = [number, *(part.id or 0 for part in parts)]
    return Ticket(
        line=_lines(session, [problem], language)[0],
        log_tail=problem.log_tail,
        cause=problem.cause,
        known_issue=known_issues.of_problem(session, problem),
        parts=tuple(_lines(session, parts, language)),
        incidents=incidents_of(session, number),
        entries=ticket_work.entries(session, number),
        symptoms=symptoms.of_problem(session, gathered),
        news=_news(session, number),
        runs=problem_work.who_runs(session, number),
        handed_over=tuple(
            (each.tracker, each.at) for each in handing_over.handed_over(session, number)
        ),
    )


def incidents_of(
    session: Session, number: int, *, offset: int = 0, limit: int = PAGE
) -> tuple[IncidentView, ...]:
    """The incidents of a ticket and of its parts: open ones first, the oldest in front."""
    gathered = select(Problem.id).where(
        (col(Problem.id) == number) | (col(Problem.part_of_id) == number)
    )
    wanted = (
        select(Incident)
        .where(col(Incident.problem_id).in_(gathered))
        .order_by(col(Incident.state).desc(), col(Incident.id))
        .offset(offset)
        .limit(limit)
    )
    return tuple(_incident(row) for row in session.exec(wanted))


def _incident(incident: Incident) -> IncidentView:
    return IncidentView(
        number=incident.id or 0,
        ticket=incident.problem_id,
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


def _news(session: Session, number: int) -> tuple[Told, ...]:
    wanted = (
        select(NewsRow, Incident.site_id)
        .join(Incident, col(Incident.id) == col(NewsRow.incident_id), isouter=True)
        .where(NewsRow.problem_id == number)
        .order_by(col(NewsRow.id).desc())
        .limit(PAGE)
    )
    return tuple(
        Told(row.at, News(row.kind), Tier(row.tier), site or "")
        for row, site in session.exec(wanted)
    )


# --- lines


def _lines(session: Session, problems: Sequence[Problem], language: Language) -> list[TicketLine]:
    numbers = [problem.id or 0 for problem in problems]
    own, gathered = _counts(session, numbers), _counts_of_parts(session, numbers)
    said = {
        code: (
            failure_table.sentence(session, code, language),
            failure_table.entry(session, code).runbook,
        )
        for code in {FailureCode(problem.code) for problem in problems}
    }
    return [_line(problem, own, gathered, said) for problem in problems]


_Counts = Mapping[int, tuple[int, int, int, int]]


def _counts(session: Session, numbers: Sequence[int]) -> _Counts:
    """By problem: no parts, sites, sites that have it still, clients."""
    wanted = (
        select(Incident.problem_id, func.count(), _still(), _clients())
        .where(col(Incident.problem_id).in_(numbers))
        .group_by(col(Incident.problem_id))
    )
    return {row[0]: (0, row[1], row[2], row[3]) for row in session.exec(wanted).all()}


def _counts_of_parts(session: Session, numbers: Sequence[int]) -> _Counts:
    """By a problem that gathers others: how many, and of all their incidents the same."""
    site = col(Incident.site_id)
    still = func.count(func.distinct(case((col(Incident.state) == TicketState.OPEN, site))))
    parts = func.count(func.distinct(Problem.id))
    wanted = (
        select(Problem.part_of_id, parts, func.count(func.distinct(site)), still, _clients())  # type: ignore[call-overload]
        .join(Incident, col(Incident.problem_id) == col(Problem.id), isouter=True)
        .where(col(Problem.part_of_id).in_(numbers))
        .group_by(col(Problem.part_of_id))
    )
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in session.exec(wanted).all()}


def _still() -> Any:
    return func.sum(case((col(Incident.state) == TicketState.OPEN, 1), else_=0))


def _clients() -> Any:
    return func.count(func.distinct(Incident.client_id))


def _line(
    problem: Problem,
    own: _Counts,
    gathered: _Counts,
    said: Mapping[FailureCode, tuple[str, str]],
) -> TicketLine:
    code, number = FailureCode(problem.code), problem.id or 0
    sentence, runbook = said[code]
    parts, sites, sites_open, clients = gathered.get(number) or own.get(number) or (0, 0, 0, 0)
    return TicketLine(
        number=number,
        tier=Tier(problem.tier),
        state=TicketState(problem.state),
        code=code,
        product=problem.product,
        version=problem.version,
        signature=problem.signature,
        detail=problem.detail,
        sentence=sentence,
        runbook=runbook,
        opened_at=problem.opened_at,
        due_at=problem.due_at,
        closed_at=problem.closed_at,
        reopened=problem.reopened,
        owner=problem.owner,
        answered_at=problem.answered_at,
        known_issue=name_of(problem.known_issue_id) if problem.known_issue_id else "",
        hotfix=problem.hotfix,
        part_of=problem.part_of_id,
        parts=parts,
        sites=sites,
        sites_open=sites_open,
        clients=clients,
    )


# --- counts of all


def by_tier(session: Session, which: Which) -> dict[Tier, int]:
    """How many tickets each tier has."""
    wanted = select(Problem.tier, func.count()).group_by(Problem.tier)
    if which is not Which.ALL:
        wanted = wanted.where(Problem.state == which.value)
    counted = Counter(dict(session.exec(wanted).all()))
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
