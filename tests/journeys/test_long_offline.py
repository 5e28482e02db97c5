"""A site that was switched off for over a year, while every key changed, comes back by itself."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import TOP, SimulatedRepository
from tests.simulators.site import SimulatedSite
from tests.simulators.web import Web

THIRTEEN_MONTHS = timedelta(days=396)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SimulatedSite]:
    """One that runs 1.0."""
    repository = SimulatedRepository(["notes"])
    with Web(repository.files) as web, ControlPlane() as plane:
        made = SimulatedSite(tmp_path / "state", repository, web, plane).enrol()
        repository.release("notes", "1.0", {"app.py": b"old"})
        repository.roll_out("notes", "1.0")
        assert made.poll().problem == ""
        yield made
        made.close()


@pytest.mark.journey
def test_thirteen_months_and_five_roots_later_one_poll_brings_a_site_back(
    site: SimulatedSite,
) -> None:
    repository = site.repository
    later = datetime.now(UTC).replace(microsecond=0) + THIRTEEN_MONTHS
    for month in range(5):
        repository.now += THIRTEEN_MONTHS / 5
        repository.rotate(*TOP[: 1 + month % len(TOP)])
    repository.now = later
    repository.sign_root()
    repository.sign_targets("targets")
    repository.release("notes", "2.0", {"app.py": b"new"})
    repository.roll_out("notes", "2.0")

    with time_machine.travel(later, tick=True):
        last = site.poll()

    assert last.problem == ""
    assert site.current() == "2.0"
    assert last.root_version == repository.versions["root"] > 5
