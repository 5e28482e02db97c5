"""The agent as its own product: a new one takes over, or the launcher goes back to the old one."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite
from tests.simulators.web import Web

ROOT = Path(__file__).parents[2]
LAUNCHER = ROOT / "infra/systemd/hsp-updater-launcher"
PRODUCT = "hsp-updater"
AGENT = f"""\
#!{sys.executable}
import sys
sys.path.insert(0, {str(ROOT)!r})
from client_updater.cli import main
main()
""".encode()
DEADLY = b"#!/bin/sh\nexit 3\n"
DEAF = b"#!/bin/sh\nexec sleep 1000\n"
MUTE = AGENT.replace(b"main()\n", b"sys.exit(0)\n")


@pytest.fixture
def repository() -> SimulatedRepository:
    return SimulatedRepository([PRODUCT])


class Machine:
    """A site whose agent is started by the launcher."""

    def __init__(self, site: SimulatedSite, folder: Path) -> None:
        self.site, self.repository, self.plane = site, site.repository, site.plane
        self.base = folder / "machines-own"
        self.base.write_bytes(AGENT)
        self.base.chmod(0o755)

    def environment(self, **more: str) -> dict[str, str]:
        """What the unit sets."""
        return {
            **os.environ,
            "HSP_UPDATER_STATE": str(self.site.folder),
            "HSP_UPDATER_BASE": str(self.base),
            "HSP_UPDATER_PAUSE": "0.1",
            **more,
        }

    def launch(self, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """One start."""
        return subprocess.run(
            [LAUNCHER, *words],
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def offer(self, version: str, agent: bytes = AGENT) -> None:
        """Release an agent and roll it out."""
        self.repository.release(PRODUCT, version, {"hsp-updater": agent})
        self.repository.roll_out(PRODUCT, version)

    @property
    def current(self) -> str | None:
        """Where the link points."""
        link = self.site.folder / "slots" / PRODUCT / "current"
        return os.readlink(link) if link.is_symlink() else None


@pytest.fixture
def machine(
    tmp_path: Path, repository: SimulatedRepository, web: Web, plane: ControlPlane
) -> Iterator[Machine]:
    site = SimulatedSite(tmp_path / "state", repository, web, plane, products=(PRODUCT,))
    yield Machine(site.enrol(), tmp_path)
    site.close()


def test_a_new_agent_takes_over_and_confirms_itself_by_polling(
    machine: Machine, plane: ControlPlane
) -> None:
    machine.offer("1.0")
    machine.launch("once")
    assert machine.current == "1.0"
    assert plane.phases("1.0")[-1] == "confirming", "the old one cannot vouch for the new one"
    assert "when this agent is restarted" in plane.check_ins[-1].products[0].reason
    machine.launch("once")
    machine.launch("once")
    assert plane.phases("1.0") == ["downloading", "activating", "confirming", "confirmed"]
    assert (machine.site.folder / "launcher/confirmed").read_text() == "1.0"
    machine.offer("2.0")
    for _ in range(3):
        machine.launch("once")
    assert plane.phases("2.0")[-1] == "confirmed"
    assert "2.0" in machine.launch("status").stdout


@pytest.mark.parametrize("agent", [DEADLY, MUTE], ids=["it dies", "it does nothing"])
@pytest.mark.parametrize("before", ["1.0", None], ids=["from a slot", "from the machine's own"])
def test_an_agent_that_does_not_work_is_gone_after_three_starts(
    machine: Machine, plane: ControlPlane, agent: bytes, before: str | None
) -> None:
    if before:
        machine.offer(before)
        for _ in range(3):
            machine.launch("once")
    machine.offer("2.0", agent)
    machine.launch("once")
    assert machine.current == "2.0"
    for _ in range(3):
        machine.launch("once")
    assert machine.current == "2.0"
    machine.launch("once")
    assert machine.current == before
    last = plane.received[-1]
    assert (last.phase, last.code) == ("reverted" if before else "failed", "start_failed")
    machine.launch("once")
    assert machine.current == before, "it is not tried again"


def test_an_agent_without_a_server_is_not_confirmed(machine: Machine, plane: ControlPlane) -> None:
    machine.offer("1.0")
    machine.launch("once")
    plane.down = True
    for _ in range(3):
        machine.launch("once")
    assert machine.current == "1.0"
    plane.down = False
    machine.launch("once")
    assert machine.current is None, "it had its three starts"


def test_an_agent_that_its_administrator_reverted_stays_the_one_before(machine: Machine) -> None:
    for version in ("1.0", "2.0"):
        machine.offer(version)
        for _ in range(3):
            machine.launch("once")
    assert machine.current == "2.0"
    assert machine.launch("revert", PRODUCT).returncode == 0
    for _ in range(5):
        machine.launch("once")
        assert machine.current == "1.0"


def test_a_loop_hands_over_by_itself_and_ends_when_told(
    machine: Machine, plane: ControlPlane
) -> None:
    plane.answer = plane.answer.model_copy(update={"poll_seconds": 1})
    machine.offer("1.0")
    with subprocess.Popen(
        [LAUNCHER, "run"],
        env=machine.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as running:
        deadline = time.monotonic() + 60
        while "confirmed" not in plane.phases("1.0") and time.monotonic() < deadline:
            time.sleep(0.1)
        running.terminate()
        output = running.communicate(timeout=30)[0].decode()
    assert "confirmed" in plane.phases("1.0"), output
    assert "takes over" in output
    assert running.returncode == 0


def test_an_agent_that_hangs_is_ended_and_put_back(machine: Machine, plane: ControlPlane) -> None:
    machine.offer("1.0", DEAF)
    machine.launch("once")
    for _ in range(3):
        assert "neither polls" in machine.launch("once", HSP_UPDATER_PATIENCE="0.3").stdout
    machine.launch("once")
    assert machine.current is None


def test_without_its_launcher_an_agent_does_not_replace_itself(
    machine: Machine, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HSP_UPDATER_SLOT", raising=False)
    machine.offer("1.0")
    machine.site.poll()
    assert plane.received[-1].phase == "refused"
    assert "hsp-updater-launcher" in plane.received[-1].detail
