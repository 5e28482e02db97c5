"""One client: its sites in figures, and its month, as the report has it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from distribution.api.access import NowDep, OnlineSinceDep, ServerDep, allowed
from distribution.api.languages import WishesDep
from distribution.client_reports.month import month as month_of
from distribution.client_reports.period import Period, zone_of_client
from distribution.client_reports.wording import sheet_of
from distribution.console.pages import Page, page
from distribution.people.roles import Permission, Person
from distribution.sites import clients, site_search
from distribution.sites.site_search import Moment

router = APIRouter(route_class=Page, include_in_schema=False)

MONTHS = 12


@router.get("/clients/{client_id}")
def show(
    request: Request,
    client_id: str,
    person: Annotated[Person, allowed(Permission.SITE_READ)],
    server: ServerDep,
    now: NowDep,
    online_since: OnlineSinceDep,
    wishes: WishesDep,
    month: Annotated[str, Query(max_length=7)] = "",
) -> Response:
    """The report of a month, in the language that its reader asks for."""
    with server.database.reading() as session:
        clients.known(session, client_id, person.client)
        language = wishes.about_client(session, client_id)
        period = Period.parse(month or f"{now:%Y-%m}", zone_of_client(session, client_id))
        report = month_of(session, client_id, period, now, language)
        states = site_search.by_state(session, client_id, Moment(now, online_since))
    return page(
        request,
        "client.html",
        person,
        client=client_id,
        month=str(period),
        months=_months(now),
        sheet=sheet_of(report, language),
        states=states,
    )


def _months(now: datetime) -> list[str]:
    """The latest ones, newest first."""
    found, year, month = [], now.year, now.month
    for _ in range(MONTHS):
        found.append(f"{year}-{month:02}")
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
    return found
