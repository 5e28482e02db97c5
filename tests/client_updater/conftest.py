"""A signed repository, a web server for it, a control plane and one enrolled site."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from client_updater import durable
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite
from tests.simulators.web import Web


class QuickDisk(durable.Disk):
    """Does everything but wait for the platter: no test here can cut the power."""

    fsync = staticmethod(lambda fd: None)


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "disk", QuickDisk())


@pytest.fixture
def repository() -> SimulatedRepository:
    """With the product "notes"."""
    return SimulatedRepository()


@pytest.fixture
def web(repository: SimulatedRepository) -> Iterator[Web]:
    """Serves the repository."""
    with Web(repository.files) as running:
        yield running


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """Takes check-ins and reports."""
    with ControlPlane() as running:
        yield running


@pytest.fixture
def newcomer(
    tmp_path: Path, repository: SimulatedRepository, web: Web, plane: ControlPlane
) -> Iterator[SimulatedSite]:
    """A site that has not joined yet."""
    site = SimulatedSite(tmp_path / "state", repository, web, plane)
    yield site
    site.close()


@pytest.fixture
def site(newcomer: SimulatedSite) -> SimulatedSite:
    """A site that has joined."""
    return newcomer.enrol()
