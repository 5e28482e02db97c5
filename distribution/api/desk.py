"""Tickets for staff."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter

from distribution.api import examples
from distribution.api.access import ServerDep, allowed
from distribution.api.answers import errors
from distribution.desk import tickets
from distribution.desk.tickets import Ticket, Which
from distribution.people.roles import Permission, Person
from manifests.failures import Tier

router = APIRouter(tags=["tickets"])


@dataclass(frozen=True)
class TicketList:
    """Tickets, and the proof that every failure has one."""

    tickets: list[Ticket]
    by_tier: dict[Tier, int]
    failures_unexplained: int


@router.get(
    "/v1/tickets",
    summary="List tickets",
    responses={**examples.answer(examples.TICKETS, "Due first."), **errors(401, 422, 503)},
)
def list_tickets(
    server: ServerDep,
    _: Annotated[Person, allowed(Permission.TICKET_READ)],
    tier: Tier | None = None,
    state: Which = Which.OPEN,
) -> TicketList:
    """Problems with the sites that have them; those due first in front."""
    with server.database.reading() as session:
        return TicketList(
            tickets=tickets.queue(session, state, tier),
            by_tier=tickets.by_tier(session, state),
            failures_unexplained=tickets.failures_unexplained(session),
        )
