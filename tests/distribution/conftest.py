"""A server of each test's own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.simulators.estate_databases import VARIABLE, discard
from tests.simulators.house import Clock, House
from tests.simulators.staff import api_of
from tests.simulators.statements import share

share()

BOTH = ("sqlite", "postgresql")


@pytest.fixture
def clock() -> Clock:
    """The server's time; it moves when the test says so."""
    return Clock()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked ``both_databases`` are told on SQLite, and on a real PostgreSQL."""
    for marker, kinds in (("sqlite_only", BOTH[:1]), ("both_databases", BOTH)):
        if metafunc.definition.get_closest_marker(marker):
            metafunc.parametrize("database_kind", kinds, indirect=True)
            return


@pytest.fixture(autouse=True)
def database_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What estates of this test keep their rows in; see ``tests.simulators.estate_databases``."""
    kind = str(getattr(request, "param", "") or os.environ.get(VARIABLE, BOTH[0]))
    monkeypatch.setenv(VARIABLE, kind)
    return kind


@pytest.fixture
def house(tmp_path: Path, clock: Clock, database_kind: str) -> Iterator[House]:
    """A server over an estate of its own: a database, a directory, real keys."""
    built = House.build(tmp_path, clock)
    yield built
    built.database.close()
    discard(built.server.settings)


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    """The API in this process; a stranger's voice."""
    with api_of(house.server) as client:
        yield client
