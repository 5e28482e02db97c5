"""The two roles in a real PostgreSQL: each does all of its own work, and none of the other's."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlmodel import select

from distribution.control import rollouts
from distribution.database.sessions import Database
from distribution.database.tables import Receipt
from distribution.scheduling import lease, scheduler
from distribution.server import Server
from infra.postgres import roles
from manifests.rollout import RolloutState
from tests.simulators.estate_databases import VARIABLE
from tests.simulators.house import PRODUCT, Clock, House, schedule
from tests.simulators.staff import api_of, token_of


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A server on PostgreSQL, with the roles of ``roles.sql``."""
    monkeypatch.setenv(VARIABLE, "postgresql")
    built = House.build(tmp_path, Clock())
    roles.apply(built.server.settings.database_url, {"hsp_api": "a", "hsp_scheduler": "s"})
    yield built
    built.database.close()


def as_role(house: House, role: str) -> Server:
    """The same server, in the database as that role."""
    url = url_of(house, role)
    database = Database.open(house.server.settings.model_copy(update={"database_url": url}))
    return replace(house.server, database=database)


def url_of(house: House, role: str) -> str:
    """Of the same database."""
    url = house.server.settings.database_url
    assert "//hsp@" in url
    return url.replace("//hsp@", f"//{role}@")


def test_api_and_scheduler_do_their_work_as_their_roles(house: House) -> None:
    owner, api, signer = house.server, as_role(house, "hsp_api"), as_role(house, "hsp_scheduler")
    ani = api_of(api, token_of(owner.database, "ani", house.clock.now))
    house.start("2.0", schedule(10_000))
    house.server = api
    sites = house.sites(3)
    sites[0].confirms()
    for site in sites[1:]:
        site.fails()
    held = lease.take(signer.database, lease.new_holder(), timedelta(minutes=1), signer.clock())
    assert held is not None
    for step in (*scheduler.STEPS, *scheduler.SLOW_STEPS):
        step(signer, house.clock.forward(400))
    with owner.database.reading() as session:
        assert rollouts.find(session, PRODUCT, "2.0").state == RolloutState.PAUSED
        receipts = session.exec(select(Receipt)).all()
        assert all(one.processed_at is not None for one in receipts)
    found = ani.get("/v1/tickets").json()["tickets"]
    number = next(one["number"] for one in found if one["code"] == "unhealthy")
    note = {"text": "we are looking into it"}
    assert ani.post(f"/v1/tickets/{number}/note", json=note).status_code == 200
    assert ani.post("/v1/rollouts/app/2.0/stop", json={"reason": "it fails"}).status_code == 200
    for server in (api, signer):
        server.database.close()


NOBODY = ("UPDATE auditrow SET reason = ''", "DELETE FROM auditrow")
REFUSED = {
    "hsp_scheduler": (
        "INSERT INTO receipt (site_id) VALUES ('x')",
        "UPDATE receipt SET envelope = ''",
        "UPDATE receipt SET sha256 = ''",
        "DELETE FROM receipt",
        "INSERT INTO stepresultrow (step_id) VALUES ('x')",
        "INSERT INTO site (id) VALUES ('x')",
        "INSERT INTO rolegrant (account) VALUES ('x')",
        "INSERT INTO apitoken (id) VALUES (1)",
        "UPDATE account SET disabled_at = NULL",
        "TRUNCATE receipt",
        "CREATE TABLE mine (x int)",
        "ALTER TABLE receipt DISABLE TRIGGER ALL",
        *NOBODY,
    ),
    "hsp_api": (
        "UPDATE receipt SET processed_at = NULL",
        "DELETE FROM receipt",
        "INSERT INTO checkpointrow (seq) VALUES (1)",
        "UPDATE lease SET fence = 0",
        "DELETE FROM publishedrole",
        "DROP TABLE receipt",
        "CREATE TABLE mine (x int)",
        "UPDATE alembic_version SET version_num = ''",
        *NOBODY,
    ),
}


def test_neither_does_what_is_not_its_own(house: House) -> None:
    for role, statements in REFUSED.items():
        with psycopg.connect(url_of(house, role), autocommit=True) as connection:
            for statement in statements:
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(statement.encode())


def test_whoever_is_not_the_owner_is_told_so(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HSP_API_PASSWORD", raising=False)
    assert roles.main() == 78
    monkeypatch.setenv("HSP_DATABASE_URL", url_of(house, "hsp_api"))
    for variable in roles.ROLES.values():
        monkeypatch.setenv(variable, "secret")
    assert roles.main() == 75
    assert "run it as the tables' owner" in capsys.readouterr().err
    monkeypatch.setenv("HSP_DATABASE_URL", house.server.settings.database_url)
    assert roles.main() == 0
