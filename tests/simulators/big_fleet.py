"""A fleet of any size, written as rows: what the check-ins of so many sites would leave.

Documents are made once for each kind of site, and differ by its name: a hundred thousand sites are
there in seconds. PostgreSQL gets them by COPY.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlmodel import SQLModel

from distribution.database.engines import is_postgres
from distribution.database.sessions import Database
from distribution.database.tables import Client, Site, SiteProduct
from manifests.check_in import CheckIn, ProductStatus
from manifests.documents import to_json
from manifests.rollout import Ring
from manifests.site import InstalledProduct, SitePolicy, SiteProfile

PRODUCT = "app"
SITES_OF_A_CLIENT = 100
_BATCH = 5000
_NAME, _CLIENT = "site-name-here", "client-name-here"

Rows = list[dict[str, Any]]


def fill(database: Database, sites: int, now: datetime) -> None:
    """Nine in ten run 2.0, one in fifty is silent, one in a hundred says that its disk is full."""
    clients = (sites + SITES_OF_A_CLIENT - 1) // SITES_OF_A_CLIENT
    named = [{"id": f"client-{number:04}", "created_at": now} for number in range(clients)]
    with database.engine.begin() as connection:
        _insert(connection, Client, named)
        for first in range(0, sites, _BATCH):
            made = [_site(number, now) for number in range(first, min(first + _BATCH, sites))]
            _insert(connection, Site, [site for site, _ in made])
            _insert(connection, SiteProduct, [product for _, product in made])
    if is_postgres(database.engine):
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as one:
            one.exec_driver_sql("ANALYZE")  # as autovacuum has done in a database that lives


def _insert(connection: Connection, kind: type[SQLModel], rows: Rows) -> None:
    table: Table = kind.__table__  # type: ignore[attr-defined]
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), rows)
        return
    defaults = {each.name: each.default.arg for each in table.columns if each.default is not None}
    names = [each.name for each in table.columns]
    words = f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
    cursor = connection.connection.cursor()
    with cursor.copy(words) as copy:  # type: ignore[attr-defined] # psycopg's own
        for row in rows:
            copy.write_row([{**defaults, **row}.get(name) for name in names])


def _site(number: int, now: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    name, client = f"site-{number:06}", f"client-{number // SITES_OF_A_CLIENT:04}"
    ring = Ring.PILOT if number % 100 == 0 else Ring.BROAD
    version = "1.0" if number % 10 == 3 else "2.0"
    problem = "disk_full" if number % 100 == 7 else ""
    seen = now - timedelta(hours=5 if number % 50 == 1 else 0, seconds=number % 300)
    profile, check_in, status = _documents(ring, version, problem, now)
    site = {
        "id": name,
        "client_id": client,
        "profile": profile.replace(_NAME, name).replace(_CLIENT, client),
        "public_key": f"{number:064x}",
        "enrolled_at": now,
        "last_seen": seen,
        "expected_by": None,
        "check_in": check_in.replace(_NAME, name),
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


@lru_cache
def _documents(
    ring: Ring, version: str, problem: str, now: datetime
) -> tuple[str, str, ProductStatus]:
    """Profile and check-in of such a site, and what it says of its product."""
    profile = SiteProfile(site_id=_NAME, client_id=_CLIENT, ring=ring, products=(PRODUCT,))
    status = ProductStatus(
        product=PRODUCT,
        installed=InstalledProduct(version=version),
        candidate=f"releases/{PRODUCT}/2.0/manifest.json",
        decision="stay" if version == "2.0" else "wait",
        gate="newer" if version == "2.0" else "window_open",
        reason="the site runs 2.0 already" if version == "2.0" else "the site's window is closed",
    )
    said = CheckIn(
        site_id=_NAME,
        at=now,
        boot_id="boot",
        agent_version="1",
        ring=ring,
        policy=SitePolicy(),
        products=(status,),
        problem=problem,
    )
    plain = to_json(profile.model_dump(mode="json")).decode()
    return plain, said.to_bytes().decode(), status
