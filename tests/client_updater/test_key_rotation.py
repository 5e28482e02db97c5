"""A site's key is replaced without a moment at which the site could not speak."""

import itertools
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client_updater import durable
from client_updater.identity import KEY_FILE, load_key
from client_updater.key_rotation import NEXT_KEY_FILE
from tests.client_updater.test_crashes import Died, DyingDisk
from tests.client_updater.test_support import step
from tests.simulators.control_plane import ControlPlane
from tests.simulators.power import PLAIN, Recorder, crashed, moments, write_image
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite


def key_of(site: SimulatedSite) -> str:
    """What the site signs with."""
    return load_key(site.folder / KEY_FILE).public_hex


def grow_old(site: SimulatedSite, days: float = 366) -> None:
    """Its key was made so long ago."""
    then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    os.utime(site.folder / KEY_FILE, (then, then))


def test_a_key_of_a_year_is_replaced_and_a_younger_one_stays(
    site: SimulatedSite, plane: ControlPlane
) -> None:
    first = key_of(site)
    grow_old(site, 364)
    site.poll()
    assert key_of(site) == first
    grow_old(site)
    assert site.poll().server_problem == ""
    assert key_of(site) == plane.sites["site-1"] != first
    assert not (site.folder / NEXT_KEY_FILE).exists()
    second = key_of(site)
    site.poll()
    assert key_of(site) == second


def test_the_administrator_says_how_old_a_key_may_get(
    site: SimulatedSite, plane: ControlPlane
) -> None:
    first = key_of(site)
    grow_old(site, 3000)
    site.write_policy("rotate_key_days = 0")
    site.poll()
    assert key_of(site) == first
    grow_old(site, 31)
    site.write_policy("rotate_key_days = 30")
    site.poll()
    assert key_of(site) == plane.sites["site-1"] != first


def test_a_command_replaces_it_and_a_running_agent_goes_on_with_the_new_one(
    site: SimulatedSite, plane: ControlPlane
) -> None:
    running = site.agent()
    first = key_of(site)
    done = site.command("rotate-key")
    assert (done.exit_code, key_of(site) in done.output) == (0, True), done.output
    assert key_of(site) == plane.sites["site-1"] != first
    from client_updater.poll import poll

    assert poll(running).server_problem == ""


def test_without_an_answer_the_site_says_so_and_goes_on_later(
    site: SimulatedSite, plane: ControlPlane
) -> None:
    first = key_of(site)
    plane.down = True
    done = site.command("rotate-key")
    assert (done.exit_code, "next poll" in done.output) == (65, True)
    assert "new key" in site.poll().server_problem
    plane.down = False
    assert site.poll().server_problem == ""
    assert key_of(site) == plane.sites["site-1"] != first


def test_a_server_that_knows_no_such_thing_changes_nothing(
    site: SimulatedSite, plane: ControlPlane
) -> None:
    first, honest = key_of(site), plane.handle

    def older(path: str, body: bytes) -> tuple[int, bytes]:
        return (404, b"{}") if path == "/v1/site-key" else honest(path, body)

    vars(plane)["handle"] = older
    grow_old(site)
    site.poll()
    assert plane.check_ins[-1].site_id == "site-1"
    assert key_of(site) == first
    assert not (site.folder / NEXT_KEY_FILE).exists()


def test_a_proxy_that_says_no_costs_no_key_that_the_server_has_said_yes_to(
    site: SimulatedSite, plane: ControlPlane
) -> None:
    first, honest = key_of(site), plane.handle

    def lost(path: str, body: bytes) -> tuple[int, bytes]:
        reply = honest(path, body)
        return (503, b"{}") if path == "/v1/site-key" else reply

    vars(plane)["handle"] = lost
    (site.folder / "agent.toml").write_text("tries = 1\n")
    grow_old(site)
    site.poll()
    assert plane.sites["site-1"] != first == key_of(site)
    for status in (400, 404, 422):
        vars(plane)["handle"] = lambda path, body, status=status: (status, b"{}")
        site.poll()
    del vars(plane)["handle"]
    assert site.poll().server_problem == ""
    assert key_of(site) == plane.sites["site-1"]


def test_what_waits_to_be_sent_is_sealed_again(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    plane.steps = [step("verify")]
    site.poll()
    honest = plane.handle

    def deaf(path: str, body: bytes) -> tuple[int, bytes]:
        return (503, b"{}") if path in ("/v1/reports", "/v1/step-results") else honest(path, body)

    vars(plane)["handle"] = deaf
    (site.folder / "agent.toml").write_text("tries = 1\n")
    repository.release("notes", "1.0", {"a": b"1"})
    repository.roll_out("notes", "1.0")
    plane.steps = [step("verify")]
    site.poll()
    grow_old(site)
    site.poll()
    del vars(plane)["handle"]
    assert site.poll().server_problem == ""
    assert plane.phases() == ["downloading", "activating", "confirmed"]
    assert len(plane.step_results) == 2
    assert list((site.folder / "outbox").glob("*.dsse")) == []


class Change:
    """A site whose key is due, with reports that wait, copied for each case."""

    def __init__(self, site: SimulatedSite, folder: Path) -> None:
        self.site, self.plane, self.base = site, site.plane, folder / "base"
        grow_old(site)
        shutil.copytree(site.folder, self.base, symlinks=True)
        self.base.chmod(0o700)
        self.first = key_of(site)
        self.disk = durable.disk

    def fresh(self, image: object = None) -> None:
        """Back to before, with another disk if it is given."""
        shutil.rmtree(self.site.folder)
        if image is None:
            shutil.copytree(self.base, self.site.folder, symlinks=True)
        else:
            write_image(image, self.site.folder)  # type: ignore[arg-type]
        self.plane.sites["site-1"] = self.first
        self.plane.former.clear()
        self.plane.check_ins.clear()

    def check_speaks(self) -> None:
        """The next poll is heard, and in the end both sides know one key."""
        assert self.site.poll().server_problem == ""
        assert len(self.plane.check_ins) >= 1
        assert key_of(self.site) == self.plane.sites["site-1"]
        assert not (self.site.folder / NEXT_KEY_FILE).exists()


@pytest.fixture
def change(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane, tmp_path: Path
) -> Iterator[Change]:
    repository.release("notes", "1.0", {"a": b"1"})
    repository.roll_out("notes", "1.0")
    plane.down = True
    (site.folder / "agent.toml").write_text("tries = 1\n")
    site.poll()
    plane.down = False
    change = Change(site, tmp_path)
    yield change
    durable.disk = change.disk


def test_wherever_the_agent_dies_in_a_change_it_speaks_afterwards(change: Change) -> None:
    changed_by_then = 0
    for operation in itertools.count(1):
        change.fresh()
        durable.disk = dying = DyingDisk(operation)
        try:
            change.site.poll()
        except Died:
            pass
        finally:
            durable.disk = change.disk
        changed_by_then += change.plane.sites["site-1"] != change.first
        change.check_speaks()
        if dying.count < operation:
            break
    assert changed_by_then > 5, "it died with the new key known and without it"
    assert operation - changed_by_then > 3


def test_wherever_the_power_goes_in_a_change_it_speaks_afterwards(change: Change) -> None:
    accepted: list[int] = []
    honest = change.plane.handle

    def noting(path: str, body: bytes) -> tuple[int, bytes]:
        reply = honest(path, body)
        if path == "/v1/site-key":
            accepted.append(time.monotonic_ns())
        return reply

    vars(change.plane)["handle"] = noting
    change.fresh()
    recorder = Recorder(change.site.folder, ["metadata"])
    recorder.install()
    change.site.poll()
    durable.disk = change.disk
    del vars(change.plane)["handle"]
    second, calls = key_of(change.site), recorder.calls
    tried = set()
    for number, top in moments(change.base, calls):
        earlier = number > 0 and calls[number - 1].at > accepted[0]
        later = number < len(calls) and calls[number].at < accepted[0]
        for loss, known in itertools.product(PLAIN, {earlier, not later}):
            image = crashed(top, loss)
            if (image, known) in tried:
                continue
            tried.add((image, known))
            change.fresh(image)
            if known:
                change.plane.sites["site-1"] = second
                change.plane.former[change.first] = second
            change.check_speaks()
    assert len(tried) > 20
