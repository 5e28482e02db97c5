"""A server of each test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators.house import Clock, House


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
