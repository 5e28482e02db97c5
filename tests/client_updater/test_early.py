"""What waits for nothing but the site's window is fetched ahead of it; nothing else is."""

from datetime import UTC, datetime, timedelta

import pytest

from manifests.rollout import RolloutState, Wave
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite
from tests.simulators.web import Web


def _window(hours: float) -> str:
    starts = datetime.now(UTC) + timedelta(hours=hours)
    return f"""
[[windows]]
zone = "UTC"
starts = {starts:%Y-%m-%dT%H:%M:%S}
duration_seconds = 7200
"""


@pytest.fixture
def offered(site: SimulatedSite, repository: SimulatedRepository) -> SimulatedSite:
    """It runs 1.0; 2.0 is open for it, and its window opens in an hour."""
    repository.release("notes", "1.0", {"a": b"1"})
    repository.roll_out("notes", "1.0")
    site.poll()
    site.write_policy(_window(1))
    repository.release("notes", "2.0", {"a": b"2" * 5000})
    repository.roll_out("notes", "2.0")
    return site


def _fetched(web: Web) -> int:
    return len(web.asked("2.0.tar.zst"))


def test_it_is_staged_before_the_window_and_installed_in_it(
    offered: SimulatedSite, web: Web
) -> None:
    last = offered.poll()
    status = last.products[0]
    assert (status.decision, status.gate, offered.current()) == ("wait", "window_open", "1.0")
    assert (offered.folder / "slots/notes/2.0/a").is_file()
    offered.poll()
    assert (_fetched(web), offered.current()) == (1, "1.0")

    offered.write_policy("")
    offered.poll()
    assert (_fetched(web), offered.current()) == (1, "2.0")


def test_a_window_that_is_far_away_can_wait(offered: SimulatedSite, web: Web) -> None:
    offered.write_policy(_window(30))
    offered.poll()
    assert _fetched(web) == 0


def test_a_wave_that_is_shut_opens_no_download(
    offered: SimulatedSite, repository: SimulatedRepository, web: Web
) -> None:
    later = datetime.now(UTC) + timedelta(hours=2)
    repository.roll_out("notes", "2.0", waves=(Wave(opens_at=later, up_to_basis_points=10_000),))
    offered.poll()
    assert _fetched(web) == 0


def test_a_pause_and_a_brake_hold_downloads_too(
    offered: SimulatedSite, repository: SimulatedRepository, web: Web
) -> None:
    repository.roll_out("notes", "2.0", state=RolloutState.PAUSED)
    offered.poll()
    repository.roll_out("notes", "2.0")
    brake = '[brake]\nby = "ani"\nat = 2026-01-01T00:00:00Z\nreason = "stocktaking"\n'
    offered.write_policy(brake + _window(1))
    offered.poll()
    assert _fetched(web) == 0


def test_what_is_stopped_while_it_waits_is_given_back(
    offered: SimulatedSite, repository: SimulatedRepository
) -> None:
    offered.poll()
    repository.roll_out("notes", "2.0", state=RolloutState.STOPPED)
    offered.poll()
    assert not (offered.folder / "slots/notes/2.0").exists()
    offered.write_policy("")
    offered.poll()
    assert offered.current() == "1.0"
