"""A server of each test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators.house import Clock, House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A server over an estate of its own: SQLite, a directory, real keys, a clock."""
    built = House.build(tmp_path, Clock())
    yield built
    built.database.close()
