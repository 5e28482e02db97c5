"""A server of each test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.simulators.house import Clock, House
from tests.simulators.staff import api_of


@pytest.fixture
def clock() -> Clock:
    """The server's time; it moves when the test says so."""
    return Clock()


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> Iterator[House]:
    """A server over an estate of its own: SQLite, a directory, real keys."""
    built = House.build(tmp_path, clock)
    yield built
    built.database.close()


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    """The API in this process; a stranger's voice."""
    with api_of(house.server) as client:
        yield client
