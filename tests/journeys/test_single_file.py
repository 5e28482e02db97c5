"""The agent as one file: built, copied to a machine without pip, and at work there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite
from tests.simulators.web import Web

ROOT = Path(__file__).parents[2]
PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make agent`` builds."""
    target = tmp_path_factory.mktemp("machine") / "hsp-updater"
    venv = str(Path(sys.executable).parent.parent)
    build = ["infra/agent.sh", venv, PYTHON, str(target)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def run(agent: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """On a machine that has a python3 and nothing else in its environment."""
    cache = agent.parent / "cache"
    command = ["env", "-i", f"HSP_UPDATER_CACHE={cache}", PYTHON, str(agent), *words]
    return subprocess.run(
        command, cwd=agent.parent, capture_output=True, text=True, check=False, timeout=120
    )


def test_it_says_its_version_and_what_it_can(agent: Path) -> None:
    assert run(agent, "--version").stdout.startswith("hsp-updater, version ")
    assert "Usage: hsp-updater" in run(agent, "--help").stdout


def test_it_joins_and_installs(agent: Path, tmp_path: Path) -> None:
    repository = SimulatedRepository()
    repository.release("notes", "1.0", {"a": b"1"})
    repository.roll_out("notes", "1.0")
    with Web(repository.files) as web, ControlPlane() as plane:
        site = SimulatedSite(tmp_path / "state", repository, web, plane)
        invitation = site.invitation()
        state = ("--state", str(site.folder))
        trust = ("--root-sha256", invitation.root_sha256)
        joined = run(agent, *state, "enroll", invitation.to_text(), *trust)
        assert joined.returncode == 0, joined.stderr
        polled = run(agent, *state, "once")
        assert polled.returncode == 0, polled.stderr
        assert plane.phases() == ["downloading", "activating", "confirmed"]
        assert run(agent, *state, "verify").stdout == "notes 1.0 is what was signed.\n"


def test_another_python_and_a_folder_of_somebody_else_are_refused_in_a_sentence(
    agent: Path, tmp_path: Path
) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    environment = {**os.environ, "HSP_UPDATER_CACHE": str(open_to_all)}
    refused = subprocess.run(
        [PYTHON, agent, "--version"], env=environment, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert "only this user can write" in refused.stderr
    assert "Traceback" not in refused.stderr
