"""One site: what it runs, why it waits, what happened there, and what may be asked of it."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from distribution.api.access import NowDep, OnlineSinceDep, OwnSiteDep, ServerDep, allowed
from distribution.api.languages import WishesDep
from distribution.calendars import openings
from distribution.console import site_parts
from distribution.console.pages import Page, page
from distribution.console.site_parts import TicketLine
from distribution.control import brakes, explanation
from distribution.control.brakes import Scope
from distribution.desk import diagnostics, remote_steps, symptoms
from distribution.languages import Language
from distribution.people.roles import Permission, Person
from distribution.repository import catalogue
from distribution.sites import components, site_records

router = APIRouter(route_class=Page, include_in_schema=False)

ReaderDep = Annotated[Person, allowed(Permission.SITE_READ)]

WINDOWS = 40
STEPS = 20

_WORKS = Permission.TICKET_NOTE


@router.get("/sites/{site_id}")
def show(
    request: Request,
    site_id: OwnSiteDep,
    person: ReaderDep,
    server: ServerDep,
    online_since: OnlineSinceDep,
) -> Response:
    """The whole page; why it waits comes after it, since that reads the repository."""
    remote = person.may(Permission.SITE_REMOTE)
    with server.database.reading() as session:
        details = site_records.details(session, site_id, online_since)
        on = brakes.listed(session, client=person.client)
        return page(
            request,
            "site.html",
            person,
            details=details,
            site=details.site,
            windows=openings.of_site(session, site_id, WINDOWS),
            brakes=[b for b in on if (b.scope, b.target) in _places(details.site)],
            tickets=_tickets(session, site_id, person),
            bills=components.of_site(session, site_id),
            receipts=site_parts.receipts(session, site_id),
            steps=remote_steps.listed(session, site_id, STEPS) if remote else [],
            bundles=diagnostics.listed(session, site_id, STEPS) if remote else [],
            symptoms=symptoms.of_site(session, site_id) if person.may(_WORKS) else (),
        )


def _tickets(session: Session, site_id: str, person: Person) -> Sequence[TicketLine]:
    return site_parts.tickets(session, site_id) if person.may(Permission.TICKET_READ) else ()


def _places(site: site_records.SiteRecord) -> set[tuple[Scope, str]]:
    return {(Scope.SITE, site.site_id), (Scope.CLIENT, site.client_id)}


@router.get("/sites/{site_id}/explain")
def explain(
    request: Request,
    site_id: OwnSiteDep,
    person: ReaderDep,
    server: ServerDep,
    now: NowDep,
    wishes: WishesDep,
) -> Response:
    """Gate by gate, for the newest releases of what it has, with what its client may hear."""
    releases = catalogue.releases(server.store)
    with server.database.reading() as session:
        wanted = tuple(Language) if person.may(_WORKS) else (wishes.about_site(session, site_id),)
        said = {each: explanation.explain(session, site_id, releases, now, each) for each in wanted}
    found = next(iter(said.values()))
    sentences = [
        {each: lines[at].sentence for each, lines in said.items()} for at in range(len(found))
    ]
    return page(request, "site_explain.html", person, found=found, said=sentences)


@router.get("/sites/{site_id}/diagnostics/{step_id}")
def show_diagnostics(
    request: Request,
    site_id: str,
    step_id: str,
    person: Annotated[Person, allowed(Permission.SITE_REMOTE)],
    server: ServerDep,
) -> Response:
    """What the site sent: redacted and signed there."""
    with server.database.reading() as session:
        bundle = diagnostics.view(session, site_id, step_id)
    return page(request, "diagnostics.html", person, bundle=bundle)
