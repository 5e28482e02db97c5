"""What people do to tickets: take, raise, note, close. Each is an entry on the ticket and a deed.

A ticket is worked on by its tier or a higher one; security's by security alone. Notes are for
everybody who may write any.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from distribution import events
from distribution.audit import Deed, note
from distribution.database.sessions import Database
from distribution.database.tables import Incident, Problem
from distribution.desk import clocks, endings
from distribution.desk.escalation import next_up
from distribution.desk.news import News
from distribution.desk.states import TicketState
from distribution.desk.tables import TicketEntry
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound
from distribution.events import EventKind
from distribution.people.roles import Permission, Person, Role
from manifests.failures import Tier
from manifests.free_text import MAX_REASON_BYTES, first_bytes

MAX_NOTE_BYTES = 8_000

WORKERS: Mapping[Tier, tuple[Role, ...]] = {
    Tier.L1: (Role.L1, Role.L2, Role.L3),
    Tier.L2: (Role.L2, Role.L3),
    Tier.L3: (Role.L3,),
    Tier.SECURITY: (Role.SECURITY_ADMINISTRATOR,),
}
"""Who works on the tickets of a tier."""


class EntryKind(StrEnum):
    """What an entry on a ticket tells."""

    TAKEN = "taken"
    RAISED = "raised"
    NOTE = "note"
    CLOSED = "closed"
    SYMPTOMS = "symptoms"
    CAUSE = "cause"
    HOTFIX = "hotfix"
    HANDED_OVER = "handed_over"
    KNOWN_ISSUE = "known_issue"


@dataclass(frozen=True)
class EntryView:
    """One entry, the oldest first on a page."""

    at: datetime
    by: str
    role: str
    kind: EntryKind
    text: str


def take(database: Database, by: Person, number: int, now: datetime) -> None:
    """Answer a ticket: its clock stands still, and everybody sees who has it.

    Raises:
        NotFound: no such ticket.
        NotAllowed: it is another tier's.
        Conflict: it is closed, or this person has it already.
        Unavailable: the database does not answer.
    """
    with database.writing() as session:
        problem = opened(session, number)
        role = worker(by, problem)
        if problem.owner == by.name and problem.answered_at is not None:
            raise Conflict(f"ticket {number} is {by.name}'s already")
        words = f"from {problem.owner}" if problem.owner else f"due {problem.due_at:%Y-%m-%d %H:%M}"
        problem.owner, problem.answered_at = by.name, problem.answered_at or now
        session.add(problem)
        enter(session, by.name, role, problem, EntryKind.TAKEN, words, now)


def raise_one(database: Database, by: Person, number: int, reason: str, now: datetime) -> Tier:
    """Give it to the next tier, which gets a clock of its own.

    Raises:
        NotFound: no such ticket.
        NotAllowed: this person writes on no tickets.
        Conflict: it is closed, or there is no higher tier.
        Invalid: no reason.
        Unavailable: the database does not answer.
    """
    words = checked_words(reason, "why it should go up")
    with database.writing() as session:
        problem = opened(session, number)
        role, tier = by.require(Permission.TICKET_NOTE), Tier(problem.tier)
        if not clocks.raise_to(session, problem, next_up(tier), now, News.RAISED):
            raise Conflict(f"ticket {number} is {tier}'s, and no tier is higher")
        enter(session, by.name, role, problem, EntryKind.RAISED, words, now)
        return Tier(problem.tier)


def write_note(database: Database, by: Person, number: int, words: str, now: datetime) -> None:
    """Write something on it, also when it is closed.

    Raises:
        NotFound: no such ticket.
        NotAllowed: this person writes on no tickets.
        Invalid: nothing is written.
        Unavailable: the database does not answer.
    """
    said = checked_words(words, "what the note should say", MAX_NOTE_BYTES)
    with database.writing() as session:
        problem = found(session, number)
        role = by.require(Permission.TICKET_NOTE)
        reason = f"a note of {len(said)} characters"
        enter(session, by.name, role, problem, EntryKind.NOTE, said, now, reason=reason)


def close(database: Database, by: Person, number: int, reason: str, now: datetime) -> None:
    """End what no report ends: security's tickets, and what a customer told.

    Raises:
        NotFound: no such ticket.
        NotAllowed: it is another tier's.
        Conflict: it is closed, or it ends by itself.
        Invalid: no reason.
        Unavailable: the database does not answer.
    """
    words = checked_words(reason, "why it is over")
    with database.writing() as session:
        problem = opened(session, number)
        role = worker(by, problem)
        if not endings.only_by_a_person(problem):
            raise Conflict(
                f"ticket {number} ends by itself when its last site is well again",
                hint="a site that is gone for good: hsp site revoke SITE",
            )
        of_problem = select(Incident).where(
            Incident.problem_id == problem.id, Incident.state == TicketState.OPEN
        )
        for incident in session.exec(of_problem).all():
            endings.end(session, incident, problem, now)
        endings.settle(session, problem, now)
        enter(session, by.name, role, problem, EntryKind.CLOSED, words, now)


# --- what the others share


def found(session: Session, number: int) -> Problem:
    """A ticket by its number.

    Raises:
        NotFound: there is none.
    """
    problem = session.get(Problem, number)
    if problem is None:
        raise NotFound(f"there is no ticket {number}", hint="see 'hsp tickets'")
    return problem


def opened(session: Session, number: int) -> Problem:
    """A ticket that is open.

    Raises:
        NotFound: there is none.
        Conflict: it is closed.
    """
    problem = found(session, number)
    if problem.state != TicketState.OPEN:
        raise Conflict(
            f"ticket {number} is closed", hint="a recurrence opens it again; a note is possible"
        )
    return problem


def worker(by: Person, problem: Problem) -> str:
    """The role in which somebody works on a ticket.

    Raises:
        NotAllowed: none of theirs does.
    """
    by.require(Permission.TICKET_NOTE)
    wanted = WORKERS[Tier(problem.tier)]
    role = next((role for role in wanted if role in by.roles), None)
    if role is None:
        raise NotAllowed(
            f"ticket {problem.id} is {problem.tier}'s",
            hint=f"ask one of these: {', '.join(wanted)}; a note is possible",
        )
    return role


def checked_words(text: str, what: str, limit: int = MAX_REASON_BYTES) -> str:
    """Words without spaces around them, cut to ``limit`` bytes.

    Raises:
        Invalid: there are none.
    """
    words = text.strip()
    if not words:
        raise Invalid(f"some words are needed: {what}")
    return first_bytes(words, limit)


def enter(
    session: Session,
    actor: str,
    role: str,
    problem: Problem,
    kind: EntryKind,
    words: str,
    now: datetime,
    *,
    reason: str = "",
) -> None:
    """Write an entry on the ticket, and the deed that it is.

    Args:
        reason: for the record, where it is not to have the words themselves.
    """
    session.add(
        TicketEntry(problem_id=problem.id or 0, at=now, by=actor, role=role, kind=kind, text=words)
    )
    events.tell(session, EventKind.TICKET, now, number=problem.id, entry=kind, tier=problem.tier)
    about = f"ticket {problem.id}"
    note(session, Deed(actor, _DEEDS[kind], about, reason or words, role), now)


_DEEDS: Mapping[EntryKind, str] = {
    EntryKind.TAKEN: "ticket.take",
    EntryKind.RAISED: "ticket.raise",
    EntryKind.NOTE: "ticket.note",
    EntryKind.CLOSED: "ticket.close",
    EntryKind.SYMPTOMS: "symptoms.record",
    EntryKind.CAUSE: "problem.cause",
    EntryKind.HOTFIX: "problem.hotfix",
    EntryKind.HANDED_OVER: "problem.hand_over",
    EntryKind.KNOWN_ISSUE: "known_issue.add",
}


def entries(session: Session, problem_id: int) -> tuple[EntryView, ...]:
    """What people did to a ticket, the oldest first."""
    wanted = select(TicketEntry).where(TicketEntry.problem_id == problem_id)
    return tuple(
        EntryView(row.at, row.by, row.role, EntryKind(row.kind), row.text)
        for row in session.exec(wanted.order_by(col(TicketEntry.id)))
    )
