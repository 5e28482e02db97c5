"""The story of a repository, told once for all tests here, and two clients that read it."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulators.every_shape import told
from tests.simulators.served import Served
from tests.simulators.shapes import History
from tests.simulators.tuf_js import READERS, Reader

NewReader = Callable[[], Reader]


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """A repository to which everything was done."""
    history = told(tmp_path_factory.mktemp("history"))
    yield history
    history.house.database.close()


@pytest.fixture(scope="session")
def listening(history: History) -> Iterator[Served]:
    """The product's web server."""
    with Served(history.house.server) as served:
        yield served


@pytest.fixture
def served(listening: Served) -> Iterator[Served]:
    """The same, for one test, which says what it serves."""
    listening.answers.clear()
    yield listening
    listening.before = lambda path: None


@pytest.fixture(params=READERS)
def client(request: pytest.FixtureRequest) -> str:
    """Which client it is."""
    return str(request.param)


@pytest.fixture
def new_reader(client: str, history: History, served: Served, tmp_path: Path) -> NewReader:
    """A client that knows nothing yet but the first root."""
    numbers = itertools.count()

    def new() -> Reader:
        return READERS[client](tmp_path / f"client-{next(numbers)}", served.url, history.root)

    return new
