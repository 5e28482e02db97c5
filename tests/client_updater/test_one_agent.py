"""One agent per site, and a version that takes its agent with it does not do so for ever."""

import signal
import subprocess
import time

import pytest

from client_updater.errors import EXIT_TRY_LATER
from manifests.install import Program, SlotInstall
from manifests.release import Health
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite

WELL = b"#!/bin/sh\necho up\nexec sleep 600\n"
EXITS = b"#!/bin/sh\necho up\nexit 1\n"
KILLS_ITS_AGENT = b"#!/bin/sh\necho up\nkill -KILL $PPID\n"
MOST_STARTS = 3


def _offer(repository: SimulatedRepository, version: str, program: bytes) -> None:
    repository.release(
        "notes",
        version,
        {"app": program},
        install=SlotInstall(service=Program(command=("./app",), stop_grace_seconds=1)),
        health=Health(start_grace_seconds=1, attempts=1),
    )
    repository.roll_out("notes", version)


def test_of_ten_agents_started_at_once_one_runs_and_nine_say_so(site: SimulatedSite) -> None:
    agents = [site.start("run") for _ in range(10)]
    try:
        ended = _wait_for(9, agents)
        said = [agent.communicate()[0] for agent in ended]
        assert [agent.returncode for agent in ended] == [EXIT_TRY_LATER] * 9, said
        assert all("another hsp-updater is at work" in words for words in said)
        (running,) = (agent for agent in agents if agent.poll() is None)
        running.send_signal(signal.SIGTERM)
        said = running.communicate(timeout=20)[0]
        assert running.returncode == 0, said
    finally:
        for agent in agents:
            if agent.poll() is None:
                agent.kill()
                agent.communicate()


def _wait_for(count: int, agents: "list[subprocess.Popen[str]]") -> "list[subprocess.Popen[str]]":
    """Those that have ended, as soon as they are so many."""
    deadline = time.monotonic() + 60
    while True:
        ended = [agent for agent in agents if agent.poll() is not None]
        if len(ended) >= count or time.monotonic() > deadline:
            return ended
        time.sleep(0.05)


@pytest.mark.parametrize("program", [EXITS, KILLS_ITS_AGENT], ids=["exits", "kills-its-agent"])
def test_a_crash_loop_is_back_on_the_old_version_after_three_starts(
    site: SimulatedSite, repository: SimulatedRepository, program: bytes
) -> None:
    _offer(repository, "1.0", WELL)
    site.poll()
    _offer(repository, "2.0", program)
    deaths = 0
    while _dies(site):
        deaths += 1
        assert deaths <= MOST_STARTS
    site.poll()
    starts = (site.folder / "logs/notes-2.0.log").read_text().count("up")
    assert 1 <= starts <= MOST_STARTS
    assert (deaths > 0) is (program is KILLS_ITS_AGENT)
    assert site.current() == "1.0"
    agent = site.agent()
    assert agent.services.programs.running("notes") is not None
    assert site.plane.phases("2.0") == ["downloading", "activating", "reverted"]


def _dies(site: SimulatedSite) -> bool:
    """Start the agent for one poll; says whether it was killed."""
    agent = site.start("once")
    agent.communicate(timeout=60)
    return agent.returncode == -signal.SIGKILL
