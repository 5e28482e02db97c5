"""L3 makes known issues, and ends them."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from distribution.audit import Deed, note
from distribution.database.sessions import Database
from distribution.database.tables import Problem
from distribution.desk import clocks, known_issues, ticket_work, versions
from distribution.desk.known_issues import KnownIssueView, name_of
from distribution.desk.states import TicketState
from distribution.desk.tables import KnownIssue
from distribution.desk.ticket_work import EntryKind, checked_words
from distribution.errors import Conflict, Invalid, NotFound
from distribution.people.roles import Permission, Person


@dataclass(frozen=True)
class NewKnownIssue:
    """What explains a failure: everything that is given has to fit.

    Attributes:
        product: may be empty where a ticket is given, and is that one's then.
        versions: a list or a specifier; empty for all.
        words: all of them must be in what the report says.
        problem: the ticket that it is made of; 0 without one. Its code and its signature are
            taken where none of code, signature and words is given.
    """

    workaround: str
    sentence: str
    product: str = ""
    versions: str = ""
    code: str = ""
    signature: str = ""
    words: str = ""
    problem: int = 0


def add(database: Database, by: Person, new: NewKnownIssue, now: datetime) -> KnownIssueView:
    """Make one; it matches from the next report on.

    Raises:
        NotAllowed: this person may not.
        NotFound: no such ticket.
        Conflict: the ticket has a known issue already, or is of another product.
        Invalid: nothing to know a failure by, no words, or a code of security's.
        Unavailable: the database does not answer.
    """
    role = by.require(Permission.PROBLEM_WORK)
    with database.writing() as session:
        problem = ticket_work.found(session, new.problem) if new.problem else None
        wanted = _checked(session, new, problem)
        issue = KnownIssue(
            product=wanted.product,
            versions=wanted.versions,
            code=wanted.code,
            signature=wanted.signature,
            words=wanted.words,
            workaround=wanted.workaround,
            sentence=wanted.sentence,
            by=by.name,
            at=now,
            problem_id=problem.id if problem is not None else None,
        )
        session.add(issue)
        session.flush()
        number = name_of(issue.id)
        if problem is not None:
            problem.known_issue_id = issue.id
            problem.answered_at = problem.answered_at or now
            problem.owner = problem.owner or by.name
            session.add(problem)
            words = f"{number}: {wanted.workaround}"
            ticket_work.enter(session, by.name, role, problem, EntryKind.KNOWN_ISSUE, words, now)
        else:
            what = f"known issue {number}"
            note(session, Deed(by.name, "known_issue.add", what, wanted.workaround, role), now)
        return known_issues.view(issue)


def _checked(session: Session, new: NewKnownIssue, problem: Problem | None) -> NewKnownIssue:
    if problem is not None:
        new = _of_problem(new, problem)
    if not new.product:
        raise Invalid("a known issue is about a product", hint="name it, or a ticket that has one")
    if not (new.code or new.signature or new.words.strip()):
        raise Invalid(
            "a known issue needs something to know a failure by",
            hint="give a code, a ticket's signature, or words that its reports say",
        )
    refused = known_issues.refuse_codes(session, new.code)
    if refused:
        raise Invalid(refused, hint="leave it to security")
    return replace(
        new,
        versions=versions.checked(new.versions),
        words=new.words.strip(),
        workaround=checked_words(new.workaround, "what helps until it is mended"),
        sentence=checked_words(new.sentence, "what any client may hear of it"),
    )


def _of_problem(new: NewKnownIssue, problem: Problem) -> NewKnownIssue:
    if problem.known_issue_id is not None:
        raise Conflict(f"ticket {problem.id} is {name_of(problem.known_issue_id)} already")
    if new.product not in ("", problem.product):
        raise Conflict(f"ticket {problem.id} is about {problem.product or 'sites'}")
    given = bool(new.code or new.signature or new.words.strip())
    return replace(
        new,
        product=problem.product,
        code=new.code if given else problem.code,
        signature=new.signature if given else problem.signature,
    )


def end(database: Database, by: Person, number: int, reason: str, now: datetime) -> KnownIssueView:
    """End one: what it explained is news again, and a ticket that is still open gets a clock.

    Raises:
        NotAllowed: this person may not.
        NotFound: no such known issue.
        Conflict: it is over already.
        Invalid: no reason.
        Unavailable: the database does not answer.
    """
    role = by.require(Permission.PROBLEM_WORK)
    words = checked_words(reason, "why it is over")
    with database.writing() as session:
        issue = session.get(KnownIssue, number)
        if issue is None:
            raise NotFound(f"there is no known issue K-{number}", hint="see 'hsp known-issue list'")
        if issue.ended_at is not None:
            raise Conflict(f"K-{number} was ended by {issue.ended_by}: {issue.end_reason}")
        issue.ended_by, issue.ended_at, issue.end_reason = by.name, now, words
        session.add(issue)
        _let_go(session, issue, now)
        note(session, Deed(by.name, "known_issue.end", f"known issue K-{number}", words, role), now)
        return known_issues.view(issue)


def _let_go(session: Session, issue: KnownIssue, now: datetime) -> None:
    problem = session.get(Problem, issue.problem_id) if issue.problem_id is not None else None
    if problem is None:
        return
    problem.known_issue_id = None
    session.add(problem)
    if problem.state == TicketState.OPEN:
        clocks.start(session, problem, now)
