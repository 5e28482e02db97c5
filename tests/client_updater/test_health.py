"""The four checks of the language, each against something well and something that is not."""

import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from client_updater import health
from client_updater.errors import StartFailed, Stopping, Unhealthy
from client_updater.running import Installed
from manifests.release import (
    Check,
    CommandCheck,
    FileAgeCheck,
    Health,
    HttpCheck,
    Release,
    ReleaseManifest,
    TcpCheck,
)
from manifests.target_paths import ReleasePath
from tests.simulators.ports import free_port
from tests.simulators.repository import SimulatedRepository
from tests.simulators.web import Status, Trickle, Web

HTTP = HttpCheck(url="http://127.0.0.1:{port}/health", expect_json={"version": "1.0", "ok": "true"})


@pytest.fixture
def web() -> Iterator[Web]:
    with Web({"/health": b'{"version": "1.0", "ok": true, "n": 3}'}) as running:
        yield running


@pytest.fixture
def manifest() -> ReleaseManifest:
    return SimulatedRepository().release("notes", "1.0", {"a": b"x"})


def _installed(manifest: ReleaseManifest, slot: Path, *checks: Check, **fields: int) -> Installed:
    watched = manifest.model_copy(update={"health": Health(checks=checks, **fields)})
    release = Release(ReleasePath.parse("releases/notes/1.0/manifest.json"), watched)
    return Installed(release, slot, {"port": "0"})


def _run(
    one: Check, slot: Path, manifest: ReleaseManifest, port: int | str, seconds: float = 2
) -> None:
    installed = Installed(_installed(manifest, slot).release, slot, {"port": str(port)})
    health.run(one, installed, seconds)


def test_http_passes_on_status_and_values(
    web: Web, manifest: ReleaseManifest, tmp_path: Path
) -> None:
    _run(HTTP, tmp_path, manifest, web.url.rpartition(":")[2])


@pytest.mark.parametrize(
    "body", [b'{"version": "0.9", "ok": true}', b'{"version": "1.0"}', b"[]", b"<html>", b""]
)
def test_http_fails_on_other_values(manifest: ReleaseManifest, tmp_path: Path, body: bytes) -> None:
    with Web({"/health": body}) as web, pytest.raises(Unhealthy):
        _run(HTTP, tmp_path, manifest, web.url.rpartition(":")[2])


@pytest.mark.parametrize(
    "fault",
    [Status(status=500), Status(status=302, headers={"Location": "/"}), Trickle(pause_seconds=1)],
)
def test_http_fails_on_another_status_and_on_silence(
    web: Web, manifest: ReleaseManifest, tmp_path: Path, fault: Status
) -> None:
    web.faults["/health"] = [fault]
    with pytest.raises(Unhealthy):
        _run(HTTP, tmp_path, manifest, web.url.rpartition(":")[2], seconds=0.3)


@pytest.mark.parametrize("port", ["80@evil.example", "x", "99999999"])
def test_http_asks_only_this_machine(manifest: ReleaseManifest, tmp_path: Path, port: str) -> None:
    with pytest.raises(Unhealthy):
        _run(HTTP, tmp_path, manifest, port, seconds=0.3)


def test_tcp(web: Web, manifest: ReleaseManifest, tmp_path: Path) -> None:
    _run(TcpCheck(port="{port}"), tmp_path, manifest, web.url.rpartition(":")[2])
    for port in (free_port(), "many", "123456789"):
        with pytest.raises(Unhealthy):
            _run(TcpCheck(port="{port}"), tmp_path, manifest, port)


def test_command_runs_in_the_slot_and_must_end_well(
    manifest: ReleaseManifest, tmp_path: Path
) -> None:
    _run(CommandCheck(command=("sh", "-c", 'test "$PWD" = "$HSP_SLOT"')), tmp_path, manifest, 1)
    for command, status in (
        (("sh", "-c", "exit 3"), 3),
        (("sh", "-c", "kill -9 $$"), -9),
        (("no-such-program",), None),
    ):
        with pytest.raises(Unhealthy) as caught:
            _run(CommandCheck(command=command), tmp_path, manifest, 1)
        assert caught.value.hook_status == status


def test_a_command_that_hangs_is_ended_with_all_it_started(
    manifest: ReleaseManifest, tmp_path: Path
) -> None:
    began = time.monotonic()
    with pytest.raises(Unhealthy, match="did not end"):
        _run(CommandCheck(command=("sh", "-c", "sleep 603 & wait")), tmp_path, manifest, 1, 0.2)
    assert time.monotonic() - began < 2
    commands = [Path(f"/proc/{pid}/cmdline") for pid in os.listdir("/proc") if pid.isdecimal()]
    assert not [c for c in commands if c.exists() and c.read_bytes() == b"sleep\x00603\x00"]


def test_file_age(manifest: ReleaseManifest, tmp_path: Path) -> None:
    check = FileAgeCheck(path="beat", max_age_seconds=60)
    with pytest.raises(Unhealthy, match="missing"):
        _run(check, tmp_path, manifest, 1)
    (tmp_path / "beat").touch()
    _run(check, tmp_path, manifest, 1)
    os.utime(tmp_path / "beat", (time.time() - 61, time.time() - 61))
    with pytest.raises(Unhealthy, match="changed"):
        _run(check, tmp_path, manifest, 1)


class Patient:
    """A program that comes up late, or goes down early."""

    def __init__(self, folder: Path, manifest: ReleaseManifest, **fields: int) -> None:
        self.paused = 0.0
        self.up = True
        check = FileAgeCheck(path="well", max_age_seconds=60)
        installed = _installed(manifest, folder, check, **fields)
        self.patient = health.Patient(installed, lambda: self.up, self.pause)

    def pause(self, seconds: float) -> None:
        """Time passes as in a dream."""
        self.paused += seconds
        time.sleep(min(seconds, 0.05))
        self.after(self.paused)

    def after(self, seconds: float) -> None:
        """What happens then."""


def test_one_good_round_after_bad_ones_is_enough(manifest: ReleaseManifest, tmp_path: Path) -> None:
    patient = Patient(tmp_path, manifest, interval_seconds=1, attempts=3)
    patient.after = lambda seconds: (tmp_path / "well").touch() if seconds > 0.3 else None  # type: ignore[method-assign]
    health.check(patient.patient)


def test_too_many_bad_rounds_are_unhealthy(manifest: ReleaseManifest, tmp_path: Path) -> None:
    with pytest.raises(Unhealthy, match="well is missing"):
        health.check(Patient(tmp_path, manifest, interval_seconds=1, attempts=2).patient)


def test_a_program_that_has_ended_is_not_waited_for(
    manifest: ReleaseManifest, tmp_path: Path
) -> None:
    patient = Patient(tmp_path, manifest, start_grace_seconds=60, attempts=100)
    patient.up = False
    began = time.monotonic()
    ended = dataclasses.replace(patient.patient, ended_with=lambda: 3)
    with pytest.raises(StartFailed) as caught:
        health.check(ended)
    assert time.monotonic() - began < 1
    assert caught.value.hook_status == 3


def test_an_order_to_stop_decides_nothing(manifest: ReleaseManifest, tmp_path: Path) -> None:
    patient = Patient(tmp_path, manifest, start_grace_seconds=60)

    def stop(seconds: float) -> None:
        raise Stopping

    patient.patient = health.Patient(patient.patient.installed, lambda: True, stop)
    with pytest.raises(Stopping):
        health.check(patient.patient)
