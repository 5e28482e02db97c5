"""The systemd units: systemd finds nothing wrong, and the sandbox is what it is meant to be."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "infra/systemd"
NAMES = ("hsp-updater.service", "hsp-updater-once.service", "hsp-updater.timer")
SERVICES = NAMES[:2]
RESTRICTIONS = (
    *("CapabilityBoundingSet", "LockPersonality", "NoNewPrivileges", "Private", "Protect"),
    *("RestrictA", "RestrictN", "RestrictR", "RestrictS", "SystemCall"),
)


def settings(path: Path) -> dict[str, list[str]]:
    """Every assignment of a unit, by name."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as a machine has them, with a program where they name one."""
    program = tmp_path / "hsp-updater"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in NAMES:
        text = (UNITS / name).read_text().replace("/usr/bin/hsp-updater", str(program))
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("drop_in", [None, "packages.conf", "data.conf.example"])
def test_systemd_finds_nothing_wrong(installed: Path, drop_in: str | None) -> None:
    if drop_in is not None:
        (installed / "hsp-updater.service.d").mkdir()
        target = installed / "hsp-updater.service.d" / drop_in.removesuffix(".example")
        shutil.copy(UNITS / "hsp-updater.service.d" / drop_in, target)
    checked = subprocess.run(
        ["systemd-analyze", "verify", *(str(installed / name) for name in NAMES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_the_sandbox_lets_through_only_what_is_needed(name: str) -> None:
    unit = settings(UNITS / name)
    for switch in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices"):
        assert unit[switch] == ["yes"]
    assert unit["ProtectSystem"] == ["strict"]
    assert unit["KillMode"] == ["process"], "programs outlive the agent"
    assert "CAP_SYS_ADMIN" not in unit["CapabilityBoundingSet"][0]


def test_the_two_services_differ_only_in_how_often_they_poll() -> None:
    loop, once = (settings(UNITS / name) for name in SERVICES)
    own = {"Type", "ExecStart", "Restart", "RestartSec", "StartLimitIntervalSec", "Description"}
    own |= {"TimeoutStartSec", "WantedBy"}
    assert {k: v for k, v in loop.items() if k not in own} == {
        k: v for k, v in once.items() if k not in own
    }
    assert settings(UNITS / "hsp-updater.timer")["Unit"] == ["hsp-updater-once.service"]


def test_the_drop_in_for_packages_takes_back_every_restriction() -> None:
    loop = settings(UNITS / "hsp-updater.service")
    lifted = settings(UNITS / "hsp-updater.service.d/packages.conf")
    kept = {"ProtectClock", "SystemCallArchitectures"}
    restricting = {name for name in loop if name.startswith(RESTRICTIONS)}
    assert restricting - kept <= set(lifted)


def test_the_launcher_can_be_executed_and_needs_no_package() -> None:
    launcher = UNITS / "hsp-updater-launcher"
    assert os.access(launcher, os.X_OK)
    used = {name.partition(".")[0] for name in _imports(launcher.read_text())}
    assert used <= sys.stdlib_module_names


def _imports(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
