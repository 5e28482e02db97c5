"""The calendar: four weeks of windows and freezes, by client, or by site of one client."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session, col, select

from distribution.api.access import NowDep, ServerDep, allowed
from distribution.calendars import freezes
from distribution.calendars.freeze_records import Announced, Scope
from distribution.console.pages import Page, page
from distribution.control import fleet
from distribution.control.control_tables import WindowRow
from distribution.database.tables import Site
from distribution.people.roles import Permission, Person
from distribution.sites import site_search

router = APIRouter(route_class=Page, include_in_schema=False)

DAYS = 28
SITES = 300
"""Of one client, on one page."""


@dataclass
class Day:
    """What there is on one day, in UTC.

    Attributes:
        opens: when windows open; of a client's row, what came of its sites' windows, counted.
        frozen: the names of freezes that touch it.
    """

    opens: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    frozen: list[str] = field(default_factory=list)


Row = Mapping[date, Day]


@router.get("/calendar")
def show(
    request: Request,
    person: Annotated[Person, allowed(Permission.HOLD_READ)],
    server: ServerDep,
    now: NowDep,
    client: Annotated[str, Query(max_length=100)] = "",
    start: Annotated[date | None, Query(alias="from")] = None,
) -> Response:
    """From three days ago on, or from another day."""
    client = person.client or client
    first = start or now.astimezone(UTC).date() - timedelta(days=3)
    days = [first + timedelta(days=number) for number in range(DAYS)]
    with server.database.reading() as session:
        announced = freezes.visible(session, now, person.client)
        rows = _sites(session, client, days) if client else _clients(session, days)
        clients = [] if person.client else site_search.clients(session)
    _freeze(rows, announced, days, client)
    return page(
        request,
        "calendar.html",
        person,
        days=days,
        rows=rows,
        client=client,
        clients=clients,
        announced=announced,
        before=first - timedelta(days=DAYS),
        after=first + timedelta(days=DAYS),
        empty=Day(),
    )


def _bounds(days: Sequence[date]) -> tuple[datetime, datetime]:
    begin = datetime.combine(days[0], time(), UTC)
    return begin, begin + timedelta(days=len(days))


def _clients(session: Session, days: Sequence[date]) -> dict[str, dict[date, Day]]:
    """What came of every client's windows, and which ones are next."""
    begin, end = _bounds(days)
    wanted = (
        select(Site.client_id, WindowRow.starts_at, WindowRow.outcome)
        .join(Site, col(Site.id) == col(WindowRow.site_id))
        .where(col(WindowRow.starts_at) >= begin, col(WindowRow.starts_at) < end)
    )
    rows: dict[str, dict[date, Day]] = {
        name: defaultdict(Day) for name, _ in site_search.clients(session)
    }
    for client, starts_at, outcome in session.exec(wanted):
        rows.setdefault(client, defaultdict(Day))[starts_at.date()].outcomes[
            outcome or "to come"
        ] += 1
    return rows


def _sites(session: Session, client: str, days: Sequence[date]) -> dict[str, dict[date, Day]]:
    """When the windows of each site open, as the site itself last told."""
    begin, end = _bounds(days)
    wanted = select(Site).where(Site.client_id == client, col(Site.revoked_at).is_(None))
    rows: dict[str, dict[date, Day]] = {}
    for site in session.exec(wanted.order_by(col(Site.id)).limit(SITES)):
        row = rows[site.id] = defaultdict(Day)
        said = fleet.check_in_of(site)
        for window in said.policy.windows if said else ():
            for opening in window.openings(begin):
                if opening.start >= end:
                    break
                hours = (opening.end - opening.start).total_seconds() / 3600
                row[opening.start.date()].opens.append(f"{opening.start:%H:%M} {hours:g} h")
    return rows


def _freeze(
    rows: Mapping[str, dict[date, Day]],
    announced: Iterable[Announced],
    days: Sequence[date],
    client: str,
) -> None:
    begin, end = _bounds(days)
    for one in announced:
        touched = {
            day
            for blackout in one.freeze.blackouts(begin, end)
            for day in days
            if blackout.starts_at.date() <= day <= blackout.ends_at.date()
        }
        for name, row in rows.items():
            if _concerns(one, name, client):
                for day in touched:
                    row[day].frozen.append(one.freeze.name)


def _concerns(one: Announced, name: str, client: str) -> bool:
    """Whether it is for this row: a site's, or a client's."""
    match one.scope:
        case Scope.EVERYTHING:
            return True
        case Scope.CLIENT:
            return one.subject == (client or name)
        case Scope.SITE:
            return one.subject == name
        case _:
            return False
