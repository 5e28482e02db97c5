"""A fleet of any size, written as rows: what the check-ins of so many sites would leave."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from distribution.database import Database
from distribution.tables import Client, Site, SiteProduct
from manifests.check_in import CheckIn, ProductStatus
from manifests.rollout import Ring
from manifests.site import InstalledProduct, SitePolicy, SiteProfile

PRODUCT = "app"
SITES_OF_A_CLIENT = 100
_BATCH = 5000


def fill(database: Database, sites: int, now: datetime) -> None:
    """Nine in ten run 2.0, one in fifty is silent, one in a hundred says that its disk is full."""
    clients = (sites + SITES_OF_A_CLIENT - 1) // SITES_OF_A_CLIENT
    with database.engine.begin() as connection:
        named = [{"id": f"client-{number:04}", "created_at": now} for number in range(clients)]
        connection.execute(insert(Client), named)
        for batch in _batches(sites, now):
            connection.execute(insert(Site), [site for site, _ in batch])
            connection.execute(insert(SiteProduct), [product for _, product in batch])


def _batches(sites: int, now: datetime) -> Iterator[list[tuple[dict[str, Any], dict[str, Any]]]]:
    for first in range(0, sites, _BATCH):
        yield [_site(number, now) for number in range(first, min(first + _BATCH, sites))]


def _site(number: int, now: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    name, client = f"site-{number:06}", f"client-{number // SITES_OF_A_CLIENT:04}"
    ring = Ring.PILOT if number % 100 == 0 else Ring.BROAD
    profile = SiteProfile(site_id=name, client_id=client, ring=ring, products=(PRODUCT,))
    version = "1.0" if number % 10 == 3 else "2.0"
    problem = "disk_full" if number % 100 == 7 else ""
    seen = now - timedelta(hours=5 if number % 50 == 1 else 0, seconds=number % 300)
    status = ProductStatus(
        product=PRODUCT,
        installed=InstalledProduct(version=version),
        candidate=f"releases/{PRODUCT}/2.0/manifest.json",
        decision="stay" if version == "2.0" else "wait",
        gate="newer" if version == "2.0" else "window_open",
        reason="the site runs 2.0 already" if version == "2.0" else "the site's window is closed",
    )
    said = CheckIn(
        site_id=name,
        at=seen,
        boot_id="boot",
        agent_version="1",
        ring=ring,
        policy=SitePolicy(),
        products=(status,),
        problem=problem,
    )
    site = {
        "id": name,
        "client_id": client,
        "profile": json.dumps(profile.model_dump(mode="json")),
        "public_key": f"{number:064x}",
        "enrolled_at": now,
        "last_seen": seen,
        "expected_by": None,
        "check_in": said.to_bytes().decode(),
        "root_version": 1,
        "timestamp_version": 1,
        "problem": problem,
        "hold": "",
        "place_base": 0,
        "revoked_at": None,
    }
    product = {
        "site_id": name,
        "product": PRODUCT,
        "version": version,
        "candidate": status.candidate,
        "decision": status.decision,
        "gate": status.gate,
        "reason": status.reason,
        "lifted_by": "",
        "until": None,
    }
    return site, product
