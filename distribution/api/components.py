"""Components for staff: what a site is made of, and which sites run a vulnerable one."""

from typing import Annotated

from fastapi import APIRouter, Query

from distribution.api import examples
from distribution.api.access import NowDep, OwnSiteDep, ServerDep, allowed
from distribution.api.answers import errors
from distribution.people.roles import Permission, Person
from distribution.sites import component_index, components
from distribution.sites.components import Affected, ProductBill
from manifests.component_range import ComponentRange

router = APIRouter(tags=["components"])

PRODUCT_BILL: examples.Example = {
    "product": "kasir",
    "version": "2.1.0",
    "components": [{"name": "openssl", "version": "3.0.13", "purl": "pkg:generic/openssl@3.0.13"}],
    "unknown": "",
}

AFFECTED: examples.Example = {
    "sites": [
        {
            "site_id": "warung-jakarta",
            "client_id": "warung",
            "last_seen": examples.MOMENT,
            "product": "kasir",
            "version": "2.1.0",
            "component": "openssl",
            "component_version": "3.0.13",
        }
    ],
    "unknown": [{"product": "lab", "version": "1.0", "sites": 2, "why": "it carries no SBOM"}],
}

Wanted = Annotated[
    str,
    Query(
        max_length=500,
        description="A name or a package URL, and which versions of it.",
        examples=["openssl<3.0.14"],
    ),
]


@router.get(
    "/v1/sites/{site_id}/components",
    summary="What a site is made of",
    responses={**examples.answer([PRODUCT_BILL], "By product."), **errors(401, 404, 503)},
)
def site_components(site_id: OwnSiteDep, server: ServerDep, now: NowDep) -> list[ProductBill]:
    """From the SBOMs of what it said it runs; `unknown` says why there are none."""
    component_index.bring_up_to_date(server.database, server.store, now)
    with server.database.reading() as session:
        return components.of_site(session, site_id)


@router.get(
    "/v1/affected",
    summary="Which sites run a component",
    responses={**examples.answer(AFFECTED, "By site."), **errors(401, 404, 422, 503)},
)
def affected(
    component: Wanted,
    server: ServerDep,
    _: Annotated[Person, allowed(Permission.FLEET_READ)],
    now: NowDep,
) -> Affected:
    """And of which versions nobody can tell, because their releases carry no SBOM."""
    wanted = ComponentRange.parse(component)
    component_index.bring_up_to_date(server.database, server.store, now)
    with server.database.reading() as session:
        return components.affected(session, wanted)
