"""After a version was found healthy: watched for a while, reverted late, kept in the end.

And versions that need a restart of the machine, which is a new boot id.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import client_updater.agent
from client_updater.processes import look_at
from client_updater.status import LastPoll
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import PROGRAM, SimulatedSite, program_fields

SOAK = 3600
FRAIL = PROGRAM.replace(
    b"        self.send_response(200)",
    b"        ill = os.path.exists(os.environ['HSP_SLOT'] + '/../ill')\n"
    b"        self.send_response(500 if ill else 200)",
)


class Time:
    """The site's clock and its machine's boots."""

    def __init__(self, site: SimulatedSite, monkeypatch: pytest.MonkeyPatch) -> None:
        self.site, self.patch = site, monkeypatch
        self.ahead = timedelta()

    def poll(self, later: float = 0) -> LastPoll:
        """A poll of a new agent, so many seconds later."""
        self.ahead += timedelta(seconds=later)
        return self.site.poll(clock=lambda: datetime.now(UTC) + self.ahead)

    def reboot(self, name: str = "another-boot") -> None:
        """Every program is gone; the kernel calls the boot otherwise."""
        self.site.close()
        self.patch.setattr(client_updater.agent, "boot_id", lambda: name)


@pytest.fixture
def time(
    site: SimulatedSite, repository: SimulatedRepository, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Time]:
    repository.release("notes", "1.0", {"app.py": PROGRAM}, **program_fields())
    repository.roll_out("notes", "1.0")
    site.poll()
    yield Time(site, monkeypatch)


def offer(repository: SimulatedRepository, version: str, **more: Any) -> None:
    soak = more.pop("soak_seconds", SOAK)
    fields = program_fields(soak_seconds=soak, attempts=more.pop("attempts", 10))
    repository.release("notes", version, {"app.py": FRAIL}, **fields, **more)
    repository.roll_out("notes", version)


def ill(site: SimulatedSite) -> None:
    (site.folder / "slots/notes/ill").touch()


def test_a_healthy_version_is_kept_when_its_soak_is_over(
    time: Time, site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    offer(repository, "2.0")
    last = time.poll()
    assert plane.phases("2.0") == ["downloading", "activating", "confirming"]
    status = last.products[0]
    assert (status.decision, status.gate) == ("wait", "confirmed")
    assert status.until is not None
    time.poll(later=SOAK / 2)
    assert plane.phases("2.0")[-1] == "confirming"
    time.poll(later=SOAK / 2 + 1)
    assert plane.phases("2.0") == ["downloading", "activating", "confirming", "confirmed"]
    assert site.answer()["version"] == "2.0"


def test_a_late_failure_reverts_also_across_restarts_of_the_agent(
    time: Time, site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    offer(repository, "2.0", attempts=2)
    time.poll()
    ill(site)
    time.poll(later=SOAK - 60)
    assert plane.phases("2.0")[-1] == "reverted"
    assert (plane.received[-1].code, site.answer()["version"]) == ("unhealthy", "1.0")


def test_a_program_that_ends_in_its_soak_is_reverted(
    time: Time, site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    offer(repository, "2.0")
    time.poll()
    site.close()
    time.poll(later=60)
    assert (plane.received[-1].phase, plane.received[-1].code) == ("reverted", "start_failed")
    assert site.answer()["version"] == "1.0"


def test_a_restart_of_the_machine_is_no_failure_of_the_version(
    time: Time, site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    offer(repository, "2.0")
    time.poll()
    time.reboot()
    time.poll(later=60)
    assert site.answer()["version"] == "2.0"
    time.poll(later=SOAK)
    assert plane.phases("2.0")[-1] == "confirmed"


def test_a_machine_that_restarts_all_the_time_is_back_on_the_old_version(
    time: Time, site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    offer(repository, "2.0")
    time.poll()
    for number in range(3):
        time.reboot(f"boot-{number}")
        time.poll(later=60)
    assert plane.phases("2.0")[-1] == "reverted"
    assert site.answer()["version"] == "1.0"


def test_a_newer_version_waits_for_the_soak(
    time: Time, site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    offer(repository, "2.0")
    time.poll()
    offer(repository, "3.0", soak_seconds=0)
    time.poll(later=60)
    assert site.current() == "2.0"
    time.poll(later=SOAK)
    assert site.current() == "3.0"
    assert plane.phases("2.0")[-1] == plane.phases("3.0")[-1] == "confirmed"


def test_a_clock_that_is_set_back_does_not_make_the_soak_longer(
    time: Time, site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    time.ahead = timedelta(hours=5)
    offer(repository, "2.0")
    time.site.poll(clock=lambda: datetime.now(UTC))
    (attempt,) = site.agent().journal.unfinished()
    late = attempt.model_copy(update={"soak_until": datetime.now(UTC) + timedelta(days=300)})
    site.agent().journal.note(late)
    time.ahead = timedelta()
    time.poll()
    time.poll(later=SOAK + 1)
    assert plane.phases("2.0")[-1] == "confirmed"


def test_the_administrator_reverts_in_the_soak(
    time: Time, site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    offer(repository, "2.0")
    time.poll()
    assert site.command("revert", "notes").exit_code == 0
    assert site.answer()["version"] == "1.0"
    time.poll()
    assert (plane.received[-1].phase, site.current()) == ("reverted", "1.0")


def test_a_version_that_needs_a_restart_waits_for_it_and_is_checked_after_it(
    time: Time, site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    offer(repository, "2.0", reboot_required=True, soak_seconds=0)
    last = time.poll()
    assert "when this machine is restarted" in last.products[0].reason
    assert plane.phases("2.0") == ["downloading", "activating", "confirming"]
    for _ in range(2):
        time.poll(later=600)
    assert plane.phases("2.0")[-1] == "confirming"
    time.reboot()
    time.poll()
    assert plane.phases("2.0")[-1] == "confirmed"
    assert site.answer()["version"] == "2.0"


def test_a_version_that_is_not_well_after_the_restart_is_reverted(
    time: Time, site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    offer(repository, "2.0", reboot_required=True, attempts=1)
    time.poll()
    ill(site)
    time.reboot()
    time.poll()
    assert plane.phases("2.0")[-1] == "reverted"
    assert site.answer()["version"] == "1.0"


def test_the_old_program_goes_on_until_the_restart(
    time: Time, site: SimulatedSite, repository: SimulatedRepository
) -> None:
    offer(repository, "2.0", reboot_required=True)
    before = site.answer()["pid"]
    time.poll()
    time.poll(later=600)
    assert site.answer()["version"] == "1.0"
    assert look_at(before)
