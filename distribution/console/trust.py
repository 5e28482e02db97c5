"""Keys and expiries: which role lives how long, and who must act. The audit log beside it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from distribution.api.access import ServerDep, allowed
from distribution.audit import log
from distribution.audit.log import Filter
from distribution.console.pages import Page, page
from distribution.people.roles import Permission, Person
from distribution.repository import catalogue
from distribution.scheduling import aging
from signing.roles import BY_THE_SERVER, row_of

router = APIRouter(route_class=Page, include_in_schema=False)

RECORDS = 100

Text = Annotated[str, Query(max_length=200)]


@router.get("/keys")
def show_keys(
    request: Request, person: Annotated[Person, allowed(Permission.TRUST_READ)], server: ServerDep
) -> Response:
    """Every role that sites depend on."""
    ages = aging.ages(server.store)
    return page(
        request,
        "keys.html",
        person,
        trust=catalogue.trust_state(server.store),
        ages=ages,
        online=[age.role for age in ages if row_of(age.role) in BY_THE_SERVER],
        emergencies=aging.emergencies(server.store),
    )


@router.get("/audit")
def show_audit(
    request: Request,
    person: Annotated[Person, allowed(Permission.AUDIT_READ)],
    server: ServerDep,
    actor: Text = "",
    action: Text = "",
    about: Text = "",
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
) -> Response:
    """The newest records, or those before one of them."""
    wanted = Filter(actor.strip(), action.strip(), about.strip())
    with server.database.reading() as session:
        found = log.last(session, RECORDS, wanted, before=before)
    records = [(record, log.changes_in(record)) for record in reversed(found)]
    more = records[-1][0].seq if len(records) == RECORDS else None
    return page(request, "audit.html", person, records=records, wanted=wanted, more=more)
