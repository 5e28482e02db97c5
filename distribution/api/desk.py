"""Tickets for staff: the lists, one ticket, what people do to it, and the queue of a tier."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from distribution.api import desk_examples, examples
from distribution.api.access import NowDep, ServerDep, allowed, body_of
from distribution.api.answers import errors
from distribution.api.languages import WishesDep
from distribution.api.rollouts import MAX_BODY_BYTES, Number, Reason, reason_body
from distribution.database.columns import BIGGEST
from distribution.desk import queue as queues
from distribution.desk import symptoms, ticket_work, tickets
from distribution.desk.queue import LineKind, QueueLine
from distribution.desk.symptoms import SymptomsView, Told
from distribution.desk.ticket_views import IncidentView, Ticket, TicketLine, Which
from distribution.languages import Language
from distribution.people.roles import Permission, Person
from distribution.repository import catalogue
from distribution.server import Server
from manifests.documents import parse_json, validated
from manifests.failures import Tier

router = APIRouter(tags=["tickets"])

BodyDep = Annotated[bytes, Depends(body_of(MAX_BODY_BYTES))]
Offset = Annotated[int, Query(ge=0, le=BIGGEST)]
Limit = Annotated[int, Query(ge=1, le=500)]
WorkerDep = Annotated[Person, allowed(Permission.TICKET_NOTE)]
ReaderDep = Annotated[Person, allowed(Permission.TICKET_READ)]

M = TypeVar("M", bound=BaseModel)

READS = errors(401, 404, 422, 503)
TICKET = {
    **examples.answer(desk_examples.TICKET, "The ticket."),
    **errors(401, 403, 404, 409, 413, 422, 503),
}


class Nothing(BaseModel):
    """There is nothing to say."""


class Note(BaseModel):
    """What to write."""

    text: Annotated[str, Field(min_length=1, max_length=ticket_work.MAX_NOTE_BYTES)]


class CustomerTold(Told):
    """What a customer told, and which ticket it goes with."""

    ticket: Annotated[int, Field(ge=0, le=BIGGEST)] = 0
    """0: the site's only open one, if there is just one."""
    opens: bool = False
    """Whether it opens a ticket of its own."""


@dataclass(frozen=True)
class TicketList:
    """Tickets, and the proof that every failure has one."""

    tickets: list[TicketLine]
    by_tier: dict[Tier, int]
    failures_unexplained: int


@dataclass(frozen=True)
class Queue:
    """Lines of a tier's queue, and how many there are of each kind."""

    lines: list[QueueLine]
    size: dict[LineKind, int]


def given(model: type[M], body: bytes) -> M:
    """What somebody sends, read after they were asked who they are.

    Raises:
        ManifestError: not of that shape.
    """
    return validated(model, parse_json(body or b"{}", "the body"), strict=True)


def ticket_of(server: Server, number: int, language: Language) -> Ticket:
    """A ticket as it is now."""
    with server.database.reading() as session:
        return tickets.one(session, number, language)


# --- reading


@router.get(
    "/v1/tickets",
    summary="List tickets",
    responses={**examples.answer(desk_examples.TICKETS, "Due first."), **errors(401, 422, 503)},
)
def list_tickets(
    server: ServerDep,
    _: ReaderDep,
    wishes: WishesDep,
    tier: Tier | None = None,
    state: Which = Which.OPEN,
    offset: Offset = 0,
    limit: Limit = tickets.PAGE,
) -> TicketList:
    """Problems with how many sites have them; those due first in front."""
    language = wishes.about_nobody()
    with server.database.reading() as session:
        return TicketList(
            tickets=tickets.queue(
                session, state, tier, offset=offset, limit=limit, language=language
            ),
            by_tier=tickets.by_tier(session, state),
            failures_unexplained=tickets.failures_unexplained(session),
        )


@router.get(
    "/v1/tickets/{number}",
    summary="One ticket",
    responses={**examples.answer(desk_examples.TICKET, "With everything on it."), **READS},
)
def show_ticket(number: Number, server: ServerDep, _: ReaderDep, wishes: WishesDep) -> Ticket:
    """Owner and clock, known issue, notes, what customers told, news, and who runs its version."""
    return ticket_of(server, number, wishes.about_nobody())


@router.get(
    "/v1/tickets/{number}/incidents",
    summary="The sites that have it",
    responses={**examples.answer([desk_examples.INCIDENT], "Open ones first."), **READS},
)
def list_incidents(
    number: Number,
    server: ServerDep,
    _: ReaderDep,
    offset: Offset = 0,
    limit: Limit = tickets.PAGE,
) -> list[IncidentView]:
    """Those of the tickets that a stopped rollout gathers, too."""
    with server.database.reading() as session:
        ticket_work.found(session, number)
        return list(tickets.incidents_of(session, number, offset=offset, limit=limit))


@router.get(
    "/v1/desk/queue",
    summary="The queue of a tier, site by site",
    responses={**examples.answer(desk_examples.QUEUE, "Due first."), **errors(401, 422, 503)},
)
def show_queue(
    server: ServerDep,
    _: ReaderDep,
    wishes: WishesDep,
    now: NowDep,
    tier: Tier = Tier.L1,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = queues.PAGE,
) -> Queue:
    """What is wrong at each site, what to say, why it does not get a release, who can lift that."""
    releases, language = catalogue.releases(server.store), wishes.about_nobody()
    with server.database.reading() as session:
        lines = queues.queue(
            session, tier, releases, now, offset=offset, limit=limit, language=language
        )
        return Queue(lines, queues.size(session, tier, now))


# --- working


def _doc(model: type[BaseModel], example: object) -> dict[str, Any]:
    return reason_body(model, example)


@router.post(
    "/v1/tickets/{number}/take",
    summary="Take a ticket",
    responses=TICKET,
    openapi_extra=_doc(Nothing, {}),
)
def take(
    number: Number,
    person: WorkerDep,
    body: BodyDep,
    server: ServerDep,
    wishes: WishesDep,
    now: NowDep,
) -> Ticket:
    """Its clock stands still, and everybody sees who has it. By its tier, or a higher one."""
    given(Nothing, body)
    ticket_work.take(server.database, person, number, now)
    return ticket_of(server, number, wishes.about_nobody())


@router.post(
    "/v1/tickets/{number}/raise",
    summary="Raise a ticket",
    responses=TICKET,
    openapi_extra=_doc(Reason, {"reason": "the customer's till stands still"}),
)
def raise_ticket(
    number: Number,
    person: WorkerDep,
    body: BodyDep,
    server: ServerDep,
    wishes: WishesDep,
    now: NowDep,
) -> Ticket:
    """To the next tier, which gets a clock of its own."""
    ticket_work.raise_one(server.database, person, number, given(Reason, body).reason, now)
    return ticket_of(server, number, wishes.about_nobody())


@router.post(
    "/v1/tickets/{number}/note",
    summary="Write a note",
    responses=TICKET,
    openapi_extra=_doc(Note, {"text": "They restarted the printer; it did not help."}),
)
def write_note(
    number: Number,
    person: WorkerDep,
    body: BodyDep,
    server: ServerDep,
    wishes: WishesDep,
    now: NowDep,
) -> Ticket:
    """For the next one who reads the ticket."""
    ticket_work.write_note(server.database, person, number, given(Note, body).text, now)
    return ticket_of(server, number, wishes.about_nobody())


@router.post(
    "/v1/tickets/{number}/close",
    summary="Close a ticket",
    responses=TICKET,
    openapi_extra=_doc(Reason, {"reason": "the customer says that it works"}),
)
def close(
    number: Number,
    person: WorkerDep,
    body: BodyDep,
    server: ServerDep,
    wishes: WishesDep,
    now: NowDep,
) -> Ticket:
    """Security's tickets, and what a customer told; all others end by themselves."""
    ticket_work.close(server.database, person, number, given(Reason, body).reason, now)
    return ticket_of(server, number, wishes.about_nobody())


# --- what customers tell


@router.get(
    "/v1/sites/{site_id}/symptoms",
    summary="What a site's people told",
    responses={**examples.answer([desk_examples.SYMPTOMS], "Newest first."), **READS},
)
def list_symptoms(site_id: str, server: ServerDep, _: ReaderDep) -> list[SymptomsView]:
    """Kept for 180 days."""
    with server.database.reading() as session:
        return list(symptoms.of_site(session, site_id))


@router.post(
    "/v1/sites/{site_id}/symptoms",
    summary="Record what a customer told",
    responses={
        **examples.answer(desk_examples.SYMPTOMS, "Recorded."),
        **errors(401, 403, 404, 409, 413, 422, 503),
    },
    openapi_extra=_doc(CustomerTold, desk_examples.TOLD),
)
def record_symptoms(
    site_id: str, person: WorkerDep, body: BodyDep, server: ServerDep, now: NowDep
) -> SymptomsView:
    """Field by field. It goes with a ticket of the site, or opens one if you say so."""
    told = given(CustomerTold, body)
    alone = Told.model_validate(told.model_dump(exclude={"ticket", "opens"}))
    args = server.database, person, site_id, alone, now
    return symptoms.record(*args, ticket=told.ticket, opens=told.opens)
