"""The desk: a tier's queue with its clocks, one problem, and the hotfix that ends it."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from sqlmodel import Session

from distribution.api.access import NowDep, OnlineSinceDep, ServerDep, allowed
from distribution.api.languages import WishesDep
from distribution.console.pages import Page, page
from distribution.control import progress, rollouts
from distribution.control.progress import RolloutProgress
from distribution.desk import failure_table, queue, tickets
from distribution.desk.queue import QueueLine
from distribution.desk.ticket_views import Ticket, Which
from distribution.errors import UnknownRollout
from distribution.languages import Language
from distribution.people.roles import Permission, Person, Role
from distribution.repository import catalogue
from distribution.server import Server
from manifests.failures import Tier
from manifests.target_paths import Lane, ReleasePath

router = APIRouter(route_class=Page, include_in_schema=False)

ReaderDep = Annotated[Person, allowed(Permission.TICKET_READ)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]

TICKETS = 50

_OWN_TIER = {
    Role.L1: Tier.L1,
    Role.L2: Tier.L2,
    Role.L3: Tier.L3,
    Role.SECURITY_ADMINISTRATOR: Tier.SECURITY,
}


def _tier_of(person: Person) -> Tier:
    """Whose queue somebody sees first."""
    return next((tier for role, tier in _OWN_TIER.items() if role in person.roles), Tier.L1)


@router.get("/desk")
def show_desk(
    request: Request,
    person: ReaderDep,
    server: ServerDep,
    tier: Tier | None = None,
    which: Which = Which.OPEN,
    offset: Offset = 0,
) -> Response:
    """The tickets of a tier, those due first in front."""
    shown = tier or _tier_of(person)
    with server.database.reading() as session:
        found = tickets.queue(session, which, shown, offset=offset, limit=TICKETS + 1)
        return page(
            request,
            "desk.html",
            person,
            tier=shown,
            tiers=list(Tier),
            which=which,
            tickets=found[:TICKETS],
            more=offset + TICKETS if len(found) > TICKETS else None,
            open_by_tier=tickets.by_tier(session, Which.OPEN),
            unexplained=tickets.failures_unexplained(session),
        )


@router.get("/desk/sites")
def show_sites(
    request: Request,
    person: ReaderDep,
    server: ServerDep,
    now: NowDep,
    wishes: WishesDep,
    tier: Tier = Tier.L1,
    offset: Offset = 0,
) -> Response:
    """The same site by site: why not yet, what to say, and who can lift it."""
    releases = catalogue.releases(server.store)
    with server.database.reading() as session:
        lines: list[QueueLine] = queue.queue(
            session, tier, releases, now, offset=offset, language=wishes.about_nobody()
        )
    more = offset + queue.PAGE if len(lines) == queue.PAGE else None
    return page(request, "desk_sites.html", person, lines=lines, tier=tier, more=more)


@router.get("/problems/{number}")
def show_problem(
    request: Request,
    number: Annotated[int, Path(ge=1, lt=2**63)],
    person: ReaderDep,
    server: ServerDep,
) -> Response:
    """Everything that is known of it, and what this person may do."""
    with server.database.reading() as session:
        ticket = tickets.one(session, number)
        said = {
            language: failure_table.sentence(session, ticket.line.code, language)
            for language in Language
        }
    return page(request, "problem.html", person, ticket=ticket, line=ticket.line, said=said)


@router.get("/problems/{number}/hotfix")
def show_hotfix(
    request: Request,
    number: Annotated[int, Path(ge=1, lt=2**63)],
    person: Annotated[Person, allowed(Permission.PROBLEM_WORK)],
    server: ServerDep,
    now: NowDep,
    online_since: OnlineSinceDep,
) -> Response:
    """From the page at night to the last site, one step after the other."""
    with server.database.reading() as session:
        ticket = tickets.one(session, number)
        line = ticket.line
        bad = _rollout(session, line.product, line.version, online_since, now)
        fix = _fix(session, ticket, online_since, now)
        incidents = tickets.incidents_of(session, number, limit=200)
    return page(
        request,
        "hotfix.html",
        person,
        ticket=ticket,
        line=line,
        bad=bad,
        fix=fix,
        incidents=incidents,
        candidates=[] if line.hotfix else _candidates(server, ticket),
    )


def _rollout(
    session: Session, product: str, version: str, online_since: datetime, now: datetime
) -> RolloutProgress | None:
    try:
        row = rollouts.find(session, product, version)
    except UnknownRollout:
        return None
    return progress.progress_of(session, row, online_since, now)


def _fix(
    session: Session, ticket: Ticket, online_since: datetime, now: datetime
) -> RolloutProgress | None:
    if not ticket.line.hotfix:
        return None
    path = ReleasePath.parse(ticket.line.hotfix)
    return _rollout(session, path.product, path.version, online_since, now)


def _candidates(server: Server, ticket: Ticket) -> list[str]:
    """Emergency releases of the product that were signed after the problem was seen."""
    since = ticket.line.opened_at - timedelta(minutes=5)
    if not ticket.line.product:
        return []
    return [
        release.path.version
        for release in catalogue.releases(server.store, ticket.line.product)
        if release.path.lane is not Lane.RELEASES and release.manifest.issued_at >= since
    ]
