"""A ticket's clock: it runs until somebody takes the ticket; when it runs out, it raises it."""

from datetime import datetime

from sqlmodel import Session, col, select, update

from distribution.database.sessions import Database
from distribution.database.tables import Incident, Problem
from distribution.desk import failure_table, news
from distribution.desk.escalation import LADDER, higher, next_up
from distribution.desk.news import News
from distribution.desk.states import TicketState
from manifests.failures import FailureCode, Tier

BATCH = 200


def start(session: Session, problem: Problem, now: datetime) -> None:
    """A clock from the beginning, which nobody has answered yet; a known issue has its answer."""
    entry = failure_table.entry(session, FailureCode(problem.code))
    problem.owner, problem.answered_at = "", None if problem.known_issue_id is None else now
    problem.due_at = now + entry.answer_within
    session.add(problem)


def raise_to(
    session: Session,
    problem: Problem,
    tier: Tier,
    now: datetime,
    kind: News = News.RAISED,
    incident: Incident | None = None,
) -> bool:
    """Give it to a higher tier, with a clock of its own; whether that is a change.

    What has become L3's is L3's at every site.
    """
    raised = higher(Tier(problem.tier), tier)
    if raised == problem.tier:
        return False
    problem.tier = raised
    start(session, problem, now)
    if raised is Tier.L3:
        of_problem = update(Incident).where(col(Incident.problem_id) == problem.id)
        session.exec(of_problem.values(tier=raised))
    news.tell(session, kind, problem, now, incident)
    return True


def look(database: Database, now: datetime) -> int:
    """Raise what nobody has answered in time; how many there were.

    At L3 and at security it stays where it is, and is told again each time the clock runs out.

    Raises:
        Unavailable: the database does not answer.
    """
    unanswered = (
        select(Problem)
        .where(Problem.due_at <= now, Problem.state == TicketState.OPEN)
        .where(col(Problem.answered_at).is_(None))
        .order_by(col(Problem.due_at))
        .limit(BATCH)
    )
    done = 0
    while True:
        with database.reading() as session:
            if session.exec(unanswered).first() is None:
                return done
        with database.writing() as session:
            for problem in session.exec(unanswered).all():
                _overdue(session, problem, now)
                done += 1


def _overdue(session: Session, problem: Problem, now: datetime) -> None:
    tier = Tier(problem.tier)
    if tier in LADDER and raise_to(session, problem, next_up(tier), now, News.OVERDUE):
        return
    start(session, problem, now)
    session.flush()
    news.tell(session, News.OVERDUE, problem, now)
