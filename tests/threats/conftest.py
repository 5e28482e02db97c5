"""Sites for every story. What a thief of keys leaves behind stays, so they get sites of their own;
whoever has no key leaves nothing, so their stories follow each other at the same sites."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.simulators.statements import share
from tests.threats.fleet import Fleet, open_fleet
from tests.torture.bench import MEMORY

share()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who answers to a threat is a journey."""
    for item in items:
        if hasattr(getattr(item, "function", None), "threat"):
            item.add_marker(pytest.mark.journey)


@contextmanager
def opened(*names: str, **options: str) -> Iterator[Fleet]:
    """A fleet in memory: no story here is about the disk."""
    with TemporaryDirectory(dir=MEMORY) as folder, open_fleet(Path(folder), names, **options) as it:
        yield it


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """Three sites, for this story alone."""
    with opened("warung-1", "warung-2", "warung-3") as it:
        yield it


@pytest.fixture
def pair() -> Iterator[Fleet]:
    """Two sites, for this story alone."""
    with opened("warung-1", "warung-2") as it:
        yield it


@pytest.fixture
def shops() -> Iterator[Fleet]:
    """Two sites, which have a second product: a library, files alone."""
    with opened("toko-1", "toko-2", library="2.0") as it:
        yield it


@pytest.fixture(scope="module")
def street() -> Iterator[Fleet]:
    """Two sites that many stories use, each of which leaves them healthy."""
    with opened("warung-1", "warung-2") as it:
        yield it
