"""The administrator's commands: what they say, and what they end with."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from manifests.check_in import CheckInAnswer
from manifests.rollout import RolloutState
from tests.benchmarks.families import family
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import PROGRAM, SimulatedSite, program_fields
from tests.simulators.web import Status, Web


def _offer(repository: SimulatedRepository, version: str, **fields: object) -> None:
    repository.release("notes", version, {"app.py": PROGRAM + version.encode()}, **fields)  # type: ignore[arg-type]
    repository.roll_out("notes", version)


def _eventually(condition: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_once_status_and_explain_tell_the_story(
    site: SimulatedSite, repository: SimulatedRepository
) -> None:
    assert "It has not polled yet." in site.command("status").stdout
    repository.release("notes", "1.0", {"a": b"x"})
    repository.roll_out("notes", "1.0")
    done = site.command("once")
    assert done.exit_code == 0, done.stderr
    assert "notes: 1.0" in done.stdout
    repository.release("notes", "2.0", {"a": b"y"})
    repository.roll_out("notes", "2.0", state=RolloutState.PAUSED, reason="we look into it")
    site.command("once")
    said = site.command("status").stdout
    assert "Site site-1 of client-1 (broad)" in said
    assert "we look into it" in said
    explained = site.command("explain", "notes").stdout
    assert re.search(r"is it newer\? +yes", explained)
    assert re.search(r"does nobody hold it\? +no: .*we look into it.*an approver", explained)
    plain = json.loads(site.command("status", "--json").stdout)
    assert plain["installed"] == {"notes": "1.0"}


def test_once_with_everything_down_keeps_the_program_and_says_so(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane, web: Web
) -> None:
    _offer(repository, "1.0", **program_fields())
    site.poll()
    plane.down = True
    web.faults["*"] = [Status(status=503, headers={"Retry-After": "60"})]
    done = site.command("once")
    assert done.exit_code == 69
    assert "What is installed keeps running." in done.stdout
    assert "Traceback" not in done.stderr
    assert site.answer()["version"] == "1.0"


def test_revert_goes_back_and_rearm_lets_it_come_again(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    for version in ("1.0", "2.0"):
        _offer(repository, version, **program_fields())
        site.poll()
    done = site.command("revert", "notes")
    assert done.exit_code == 0, done.stderr
    assert "notes 1.0 runs again" in done.stdout
    assert site.answer()["version"] == "1.0"
    site.poll()
    assert site.current() == "1.0"
    assert plane.phases("2.0")[-1] == "reverted"
    assert "administrator" in plane.received[-1].detail
    assert site.command("revert", "notes").exit_code == 65, "there is nothing older"
    assert site.command("rearm", "notes", "2.0").exit_code == 0
    site.poll()
    assert site.answer()["version"] == "2.0"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("revert", "notes"), 65, "no earlier version"),
        (("revert", "other"), 65, "no product 'other'"),
        (("approve", "notes", "one"), 65, "PEP 440"),
        (("rearm", "notes", "1.0"), 65, "has not failed here"),
        (("rearm", "--trust", "--yes"), 65, "is not lost"),
        (("rearm",), 2, "name a product"),
        (("explain", "other"), 65, "no product 'other'"),
    ],
)
def test_a_command_that_asks_for_what_is_not_there(
    site: SimulatedSite, words: tuple[str, ...], status: int, said: str
) -> None:
    site.poll()
    done = site.command(*words)
    assert (done.exit_code, said in done.stderr) == (status, True), done.stderr


def test_run_polls_keeps_the_program_and_ends_cleanly(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    plane.answer = CheckInAnswer(poll_seconds=1)
    _offer(repository, "1.0", **program_fields())
    agent = site.start("run")
    try:
        assert _eventually(lambda: site.current() == "1.0")
        _offer(repository, "1.1", **program_fields())
        assert _eventually(lambda: plane.phases("1.1")[-1:] == ["confirmed"])
        assert all(_rss_mib(each) < 100 for each in family(agent.pid))
        busy = site.command("once")
        assert (busy.exit_code, "at work" in busy.stderr) == (75, True)
    finally:
        agent.send_signal(signal.SIGTERM)
        output, _ = agent.communicate(timeout=20)
    assert agent.returncode == 0, output
    assert "Traceback" not in output
    assert site.answer()["version"] == "1.1", "the program outlives the agent"


def _rss_mib(pid: int) -> float:
    with suppress(FileNotFoundError), open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next((int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS")), 0)
    return 0  # it has ended


def test_a_program_that_died_is_started_again_at_the_next_poll(
    site: SimulatedSite, repository: SimulatedRepository
) -> None:
    _offer(repository, "1.0", **program_fields())
    site.poll()
    before = site.answer()["pid"]
    site.agent().services.programs.stop("notes", 0)
    site.poll()
    assert _eventually(lambda: _pid(site) not in (None, before))


def _pid(site: SimulatedSite) -> int | None:
    try:
        return int(site.answer()["pid"])
    except OSError:
        return None


def test_ten_agents_at_once_one_runs_and_nine_say_so(
    site: SimulatedSite, repository: SimulatedRepository, web: Web
) -> None:
    from tests.simulators.web import Trickle

    web.faults["/metadata/timestamp.json"] = [Trickle(1, pause_seconds=0.01)]
    agents = [site.start("once") for _ in range(10)]
    outputs = [agent.communicate(timeout=60)[0] for agent in agents]
    statuses = [agent.returncode for agent in agents]
    assert statuses.count(0) >= 1
    assert set(statuses) <= {0, 75}
    assert all(
        ("at work" in output) == (status == 75)
        for output, status in zip(outputs, statuses, strict=True)
    )


def test_a_stop_in_the_middle_of_a_download_keeps_what_came(
    site: SimulatedSite, repository: SimulatedRepository, web: Web, plane: ControlPlane
) -> None:
    import os

    from tests.simulators.web import Trickle

    repository.release("notes", "1.0", {"a": os.urandom(3000)})
    repository.roll_out("notes", "1.0")
    (path,) = [path for path in repository.files if path.endswith(".tar.zst")]
    web.faults[path] = [Trickle(1, pause_seconds=0.01)]
    agent = site.start("once")
    assert _eventually(lambda: any(site.folder.glob("downloads/*.part")))
    time.sleep(0.3)
    agent.send_signal(signal.SIGTERM)
    output, _ = agent.communicate(timeout=20)
    assert (agent.returncode, "goes on from here" in output) == (0, True)
    (part,) = site.folder.glob("downloads/*.part")
    assert part.stat().st_size > 0
    site.poll()
    assert site.current() == "1.0"
    assert plane.phases() == ["downloading", "activating", "confirmed"]


def test_help_is_there_for_every_command() -> None:
    from tests.simulators.site import AGENT

    done = subprocess.run([*AGENT, "--help"], capture_output=True, text=True, check=True)
    for command in "enroll", "once", "run", "status", "explain", "revert", "approve", "rearm":
        assert re.search(rf"^  {command} ", done.stdout, re.MULTILINE)
