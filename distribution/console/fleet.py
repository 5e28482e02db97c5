"""The fleet: figures, a filter, and rows that go on as one scrolls. Clients, one line each."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from distribution.api.access import NowDep, OnlineSinceDep, ServerDep, allowed
from distribution.console.pages import Page, page
from distribution.people.roles import Permission, Person
from distribution.sites import site_search
from distribution.sites.site_search import Figures, Moment, SiteState, Wanted

router = APIRouter(route_class=Page, include_in_schema=False)

ROWS = 100

ReaderDep = Annotated[Person, allowed(Permission.SITE_READ)]
Text = Annotated[str, Query(max_length=100)]


def _wanted(
    person: ReaderDep,
    q: Text = "",
    client: Text = "",
    state: Text = "",
    runs: Text = "",
    only: Annotated[str, Query(max_length=20_000)] = "",
) -> Wanted:
    """What the address asks for; a customer always for what is theirs."""
    product, _, version = runs.partition(" ")
    return Wanted(
        text=q.strip(),
        client=person.client or client,
        state=SiteState(state) if state in [*SiteState] else None,
        product=product,
        version=version,
        only=tuple(only.split(",")[:100]) if only else None,
    )


WantedDep = Annotated[Wanted, Depends(_wanted)]


@router.get("/fleet")
def show_fleet(
    request: Request,
    person: ReaderDep,
    wanted: WantedDep,
    server: ServerDep,
    now: NowDep,
    online_since: OnlineSinceDep,
) -> Response:
    """The whole page."""
    at = Moment(now, online_since)
    with server.database.reading() as session:
        clients = site_search.by_client(session, at, person.client)
        sites = site_search.found(session, wanted, at, limit=ROWS)
        whole = Figures.added(clients.values())
        return page(
            request,
            "fleet.html",
            person,
            wanted=wanted,
            sites=sites,
            matching=len(sites)
            if len(sites) < ROWS
            else site_search.matching(session, wanted, at, clients),
            total=whole.sites,
            states=whole.states,
            versions=site_search.versions(session, person.client),
            clients=[] if person.client else _named(clients),
            query=request.url.query,
            rows=ROWS,
        )


def _named(clients: Mapping[str, Figures]) -> list[tuple[str, int]]:
    """Those that have a site which is not revoked, with how many."""
    return [(name, one.sites) for name, one in clients.items() if one.sites]


@router.get("/fleet/rows")
def show_rows(
    request: Request,
    person: ReaderDep,
    wanted: WantedDep,
    server: ServerDep,
    now: NowDep,
    online_since: OnlineSinceDep,
    after: Text = "",
) -> Response:
    """The rows behind one of them, or some of them anew."""
    at = Moment(now, online_since)
    with server.database.reading() as session:
        sites = site_search.found(session, wanted, at, after=after, limit=ROWS)
    query = "&".join(part for part in request.url.query.split("&") if not part.startswith("after="))
    args = {"sites": sites, "query": query, "rows": ROWS, "wanted": wanted}
    return page(request, "fleet_rows.html", person, **args)


@router.get("/clients")
def show_clients(
    request: Request,
    person: ReaderDep,
    server: ServerDep,
    now: NowDep,
    online_since: OnlineSinceDep,
) -> Response:
    """Every client, with its sites in figures."""
    at = Moment(now, online_since)
    with server.database.reading() as session:
        found = site_search.by_client(session, at, person.client)
        clients = [(name, one.sites, one.states) for name, one in found.items() if one.sites]
    return page(request, "clients.html", person, clients=clients)
