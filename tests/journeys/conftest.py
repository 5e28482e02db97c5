"""Every journey gets a village of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators.statements import share
from tests.simulators.village import Village, open_village

share()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is a journey."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.journey)


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    """A server that listens, people with keys, and no site yet."""
    with open_village(tmp_path) as built:
        yield built
