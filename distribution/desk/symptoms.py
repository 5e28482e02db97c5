"""What a customer told the first line, in fields: enough to compare, and no more of a person.

Kept for ``KEPT`` and then forgotten. A record goes with an incident of its site where there is
one; it opens one of its own only if whoever records it says so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field
from sqlalchemy import or_
from sqlmodel import Session, col, select

from distribution.audit import AUTOMATIC, Deed, note
from distribution.control.explanation import known_site
from distribution.database.sessions import Database
from distribution.database.tables import Incident, Problem
from distribution.desk import endings, incidents, ticket_work
from distribution.desk.opening import Sighting
from distribution.desk.tables import SymptomsRow
from distribution.desk.ticket_work import EntryKind
from distribution.errors import Conflict, Invalid
from distribution.people.roles import Permission, Person
from manifests.documents import Part, UtcDatetime
from manifests.failures import FailureCode

KEPT = timedelta(days=180)
BATCH = 200


class Channel(StrEnum):
    """How they told us."""

    EMAIL = "email"
    CHAT = "chat"
    TELEPHONE = "telephone"


class Sees(StrEnum):
    """What they see."""

    DOES_NOT_START = "does-not-start"
    SLOW = "slow"
    WRONG_DATA = "wrong-data"
    ERROR_MESSAGE = "error-message"
    PRINTING = "printing"
    NETWORK = "network"
    OTHER = "other"


class Urgency(StrEnum):
    """How bad it is for them."""

    CAN_WAIT = "can-wait"
    HINDERS = "hinders"
    STANDSTILL = "standstill"


class Told(Part):
    """What a customer told us. Everything but what they see, and how they told it, may be left out.

    ``places``: how many work places are affected.
    """

    channel: Channel
    sees: Annotated[tuple[Sees, ...], Field(min_length=1, max_length=len(Sees))]
    caller: Annotated[str, Field(max_length=80)] = ""
    number_on_file: bool = False
    began_at: UtcDatetime | None = None
    exact_words: Annotated[str, Field(max_length=2000)] = ""
    places: Annotated[int, Field(ge=0, le=100_000)] | None = None
    changed: Annotated[str, Field(max_length=1000)] = ""
    urgency: Urgency = Urgency.HINDERS


@dataclass(frozen=True)
class SymptomsView:
    """A record as staff see it; ``ticket`` is empty where it goes with none."""

    number: int
    site_id: str
    ticket: int | None
    recorded_by: str
    at: datetime
    caller: str
    number_on_file: bool
    channel: Channel
    began_at: datetime | None
    sees: tuple[Sees, ...]
    exact_words: str
    places: int | None
    changed: str
    urgency: Urgency


def record(
    database: Database,
    by: Person,
    site_id: str,
    told: Told,
    now: datetime,
    *,
    ticket: int = 0,
    opens: bool = False,
) -> SymptomsView:
    """Write down what a customer told.

    Args:
        ticket: which one of the site it goes with; 0: its only open one, if there is just one.
        opens: whether it opens a ticket of its own.

    Raises:
        NotAllowed: this person writes on no tickets.
        NotFound: no such site, no such ticket.
        Conflict: the ticket is not about this site.
        Invalid: both a ticket and a new one; it began after now.
        Unavailable: the database does not answer.
    """
    role = by.require(Permission.TICKET_NOTE)
    if ticket and opens:
        raise Invalid("a record goes with a ticket or opens one, not both")
    if told.began_at is not None and told.began_at > now + timedelta(minutes=5):
        raise Invalid("what a customer tells of began before now", hint="moments are in UTC")
    with database.writing() as session:
        known_site(session, site_id)
        incident = _incident(session, site_id, told, now, ticket=ticket, opens=opens)
        row = SymptomsRow(
            site_id=site_id,
            incident_id=incident.id if incident is not None else None,
            recorded_by=by.name,
            at=now,
            **{**told.model_dump(exclude={"sees"}), "sees": " ".join(told.sees)},
        )
        session.add(row)
        session.flush()
        problem = session.get_one(Problem, incident.problem_id) if incident is not None else None
        reason = f"told by {told.channel}"
        if problem is not None:
            words, kind = _in_words(told), EntryKind.SYMPTOMS
            ticket_work.enter(session, by.name, role, problem, kind, words, now, reason=reason)
        else:
            note(session, Deed(by.name, "symptoms.record", f"site {site_id}", reason, role), now)
        return _view(row, problem.id if problem is not None else None)


def _incident(
    session: Session, site_id: str, told: Told, now: datetime, *, ticket: int, opens: bool
) -> Incident | None:
    if opens:
        seen = Sighting(site_id, FailureCode.REPORTED_BY_CUSTOMER, _in_words(told), now)
        return incidents.record(session, seen)
    if ticket:
        return _of_ticket(session, site_id, ticket)
    found = session.exec(endings.open_incidents(site_id).limit(2)).all()
    return found[0][0] if len(found) == 1 else None


def _of_ticket(session: Session, site_id: str, ticket: int) -> Incident:
    problem = ticket_work.found(session, ticket)
    wanted = (
        select(Incident)
        .join(Problem, col(Problem.id) == col(Incident.problem_id))
        .where(or_(col(Problem.id) == problem.id, col(Problem.part_of_id) == problem.id))
        .where(Incident.site_id == site_id)
        .order_by(col(Incident.state).desc(), col(Incident.id).desc())
    )
    found = session.exec(wanted).first()
    if found is None:
        raise Conflict(
            f"ticket {ticket} is not about site {site_id}",
            hint="leave the ticket out, or open one of the record's own",
        )
    return found


def _in_words(told: Told) -> str:
    """Without anything that a person said or is called."""
    seen = ", ".join(each.replace("-", " ") for each in told.sees)
    where = f", at {told.places} places" if told.places else ""
    return f"the customer says by {told.channel}: {seen}{where} ({told.urgency})"


def of_problem(session: Session, problems: list[int], limit: int = 50) -> tuple[SymptomsView, ...]:
    """The records that go with these tickets, newest first."""
    wanted = (
        select(SymptomsRow, Incident.problem_id)
        .join(Incident, col(Incident.id) == col(SymptomsRow.incident_id))
        .where(col(Incident.problem_id).in_(problems))
        .order_by(col(SymptomsRow.id).desc())
        .limit(limit)
    )
    return tuple(_view(row, number) for row, number in session.exec(wanted))


def of_site(session: Session, site_id: str, limit: int = 50) -> tuple[SymptomsView, ...]:
    """What a site's people told, newest first.

    Raises:
        NotFound: no such site.
    """
    known_site(session, site_id)
    wanted = (
        select(SymptomsRow, Incident.problem_id)
        .join(Incident, col(Incident.id) == col(SymptomsRow.incident_id), isouter=True)
        .where(SymptomsRow.site_id == site_id)
        .order_by(col(SymptomsRow.id).desc())
        .limit(limit)
    )
    return tuple(_view(row, number) for row, number in session.exec(wanted))


def _view(row: SymptomsRow, ticket: int | None) -> SymptomsView:
    return SymptomsView(
        number=row.id or 0,
        site_id=row.site_id,
        ticket=ticket,
        recorded_by=row.recorded_by,
        at=row.at,
        caller=row.caller,
        number_on_file=row.number_on_file,
        channel=Channel(row.channel),
        began_at=row.began_at,
        sees=tuple(Sees(each) for each in row.sees.split()),
        exact_words=row.exact_words,
        places=row.places,
        changed=row.changed,
        urgency=Urgency(row.urgency),
    )


def forget_old(database: Database, now: datetime) -> int:
    """Delete what was kept for long enough; how many that were.

    Raises:
        Unavailable: the database does not answer.
    """
    old = select(SymptomsRow).where(col(SymptomsRow.at) < now - KEPT).limit(BATCH)
    done = 0
    while True:
        with database.reading() as session:
            if session.exec(old).first() is None:
                return done
        with database.writing() as session:
            found = session.exec(old).all()
            for row in found:
                session.delete(row)
            what, why = f"{len(found)} records of symptoms", f"older than {KEPT.days} days"
            note(session, Deed(AUTOMATIC, "symptoms.forget", what, why), now)
            done += len(found)
