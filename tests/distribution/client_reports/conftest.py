"""One November for every test that only reads it."""

from collections.abc import Iterator

import pytest

from tests.distribution.client_reports.story import Story, tell
from tests.simulators.house import Clock, House


@pytest.fixture(scope="package")
def november(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """What happened; read it, and change nothing."""
    house = House.build(tmp_path_factory.mktemp("november"), Clock())
    yield tell(house)
    house.database.close()
