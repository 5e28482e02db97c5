"""Units of systemd, with a ``systemctl`` that writes down what it was asked."""

from pathlib import Path

import pytest

from client_updater import units
from client_updater.errors import StartFailed
from manifests.install import SlotInstall, SystemdUnit
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite

UNIT = {"install": SlotInstall(service=SystemdUnit(unit="notes.service"))}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of what was asked; its neighbour ``fail`` makes it refuse."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text(
        f'#!/bin/sh\necho "$@" >> {tools}/asked\n'
        f"test ! -e {tools}/fail || {{ echo 'Unit is masked.' >&2; exit 5; }}\n"
    )
    (tools / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    return tools / "asked"


def test_a_release_restarts_its_unit_once_and_a_poll_looks_after_it(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane, asked: Path
) -> None:
    repository.release("notes", "1.0", {"a": b"1"}, **UNIT)
    repository.roll_out("notes", "1.0")
    site.poll()
    repository.release("notes", "2.0", {"a": b"2"}, **UNIT)
    repository.roll_out("notes", "2.0")
    site.poll()
    assert plane.phases("2.0")[-1] == "confirmed"
    assert asked.read_text().splitlines().count("restart notes.service") == 2


def test_a_unit_that_systemd_neither_starts_nor_stops_pages_a_person(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane, asked: Path
) -> None:
    repository.release("notes", "1.0", {"a": b"1"}, **UNIT)
    repository.roll_out("notes", "1.0")
    asked.with_name("fail").touch()
    site.poll()
    assert (plane.received[-1].phase, plane.received[-1].code) == ("revert_failed", "revert_failed")
    assert "Unit is masked" in plane.received[-1].detail


def test_a_machine_without_systemd_is_a_failed_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StartFailed, match="cannot be run"):
        units.restart("notes.service")


def test_a_systemctl_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "systemctl").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(units, "DEADLINE_SECONDS", 0.2)
    with pytest.raises(StartFailed, match="did not end"):
        units.restart("notes.service")
