"""Sites for staff: the list, one site, why it does not get a release yet, and the figures."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query

from distribution.api import examples
from distribution.api.access import NowDep, OnlineSinceDep, OwnSiteDep, ServerDep, allowed
from distribution.api.answers import errors
from distribution.api.languages import WishesDep
from distribution.api.rollouts import Reason, reason_body, says
from distribution.calendars import openings
from distribution.calendars.openings import WindowRecord
from distribution.control import explanation
from distribution.control.explanation import Explanation
from distribution.control.rollouts import Word
from distribution.people.roles import Permission, Person
from distribution.repository import catalogue
from distribution.repository.catalogue import TrustState
from distribution.sites import site_identity, site_records
from distribution.sites.site_records import Overview, SiteDetails, SiteRecord

router = APIRouter(tags=["fleet"])

ReaderDep = Annotated[Person, allowed(Permission.FLEET_READ)]
Limit = Annotated[int, Query(ge=1, le=1000)]


@dataclass(frozen=True)
class SitePage:
    """Some sites in the order of their names; ``next`` is the ``after`` of the next page."""

    sites: list[SiteRecord]
    next: str | None


@router.get(
    "/v1/overview",
    summary="The fleet in a few figures",
    responses={**examples.answer(examples.OVERVIEW, "The figures."), **errors(401, 503)},
)
def overview(
    server: ServerDep, _: ReaderDep, online_since: OnlineSinceDep, now: NowDep
) -> Overview:
    """Sites, receipts, tickets by tier, and failures without a ticket, which should be 0."""
    with server.database.reading() as session:
        return site_records.overview(session, online_since, now)


@router.get(
    "/v1/trust",
    summary="The newest trust metadata and when it expires",
    responses={**examples.answer(examples.TRUST, "The newest."), **errors(401, 503)},
)
def trust(server: ServerDep, _: Annotated[Person, allowed(Permission.TRUST_READ)]) -> TrustState:
    """The root's hash is what an administrator compares an invitation with."""
    return catalogue.trust_state(server.store)


@router.get(
    "/v1/sites",
    summary="List sites",
    responses={**examples.answer(examples.SITE_PAGE, "A page."), **errors(401, 422, 503)},
)
def list_sites(
    server: ServerDep,
    person: Annotated[Person, allowed(Permission.SITE_READ)],
    online_since: OnlineSinceDep,
    client: str | None = None,
    after: str = "",
    limit: Limit = 200,
) -> SitePage:
    """In the order of their names, as of their latest check-ins."""
    if person.client and client not in (None, person.client):
        return SitePage([], None)
    client = person.client or client
    with server.database.reading() as session:
        found = site_records.page(
            session, online_since, client=client, after=after, limit=limit + 1
        )
    more = found[limit - 1].site_id if len(found) > limit else None
    return SitePage(found[:limit], more)


@router.get(
    "/v1/sites/{site_id}",
    summary="One site",
    responses={**examples.answer(examples.SITE_DETAILS, "The site."), **errors(401, 404, 503)},
)
def show_site(site_id: OwnSiteDep, server: ServerDep, online_since: OnlineSinceDep) -> SiteDetails:
    """With its latest check-in and its newest attempts."""
    with server.database.reading() as session:
        return site_records.details(session, site_id, online_since)


@router.post(
    "/v1/sites/{site_id}/revoke",
    summary="Believe a site's key no more",
    responses={
        **examples.answer(examples.SITE_DETAILS, "Revoked."),
        **errors(401, 403, 404, 409, 413, 422, 503),
    },
    openapi_extra=reason_body(Reason, examples.REASON),
)
def revoke_site(
    site_id: str,
    word: Annotated[Word, says(Permission.SITE_REVOKE)],
    server: ServerDep,
    online_since: OnlineSinceDep,
    now: NowDep,
) -> SiteDetails:
    """From its next message on. What it runs goes on running; a new invitation lets it in again."""
    site_identity.revoke(server.database, site_id, word, now)
    with server.database.reading() as session:
        return site_records.details(session, site_id, online_since)


@router.get(
    "/v1/sites/{site_id}/windows",
    summary="What came of a site's maintenance windows",
    responses={**examples.answer([examples.WINDOW], "Newest first."), **errors(401, 404, 503)},
)
def site_windows(site_id: OwnSiteDep, server: ServerDep, limit: Limit = 100) -> list[WindowRecord]:
    """Used, unused, missed or overrun; the outcome is empty for one that is to come."""
    with server.database.reading() as session:
        return openings.of_site(session, site_id, limit)


@router.get(
    "/v1/sites/{site_id}/explain",
    summary="Why a site does not get a release yet",
    responses={**examples.answer(examples.EXPLANATION, "Gate by gate."), **errors(401, 404, 503)},
)
def explain_site(
    site_id: OwnSiteDep,
    server: ServerDep,
    now: NowDep,
    wishes: WishesDep,
    product: str | None = None,
) -> list[Explanation]:
    """Every gate with its answer, until when, and who can lift it; newest release first.

    The sentence is for the site's client, in the language that you ask for or else in theirs.
    """
    releases = catalogue.releases(server.store, product)
    with server.database.reading() as session:
        language = wishes.about_site(session, site_id)
        return explanation.explain(session, site_id, releases, now, language)
