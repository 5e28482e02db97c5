"""Programs that outlive the agent, are found again, and end with everything they started."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client_updater import durable, processes
from client_updater.errors import DiskFull, StartFailed
from client_updater.processes import boot_id
from client_updater.programs import Process, Programs, minimal_environment

SLEEP = ("sleep", "600")


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    for name in ("run", "logs"):
        (tmp_path / name).mkdir(mode=0o700)
    made = Programs(tmp_path / "run", tmp_path / "logs", boot_id())
    yield made
    made.stop("app", 0)


def _start(programs: Programs, *command: str, **more: str) -> int:
    environment = {**minimal_environment(), "HSP_PRODUCT": "app", **more}
    programs.start("app", "1.0", command, programs.run, environment)
    process = programs.running("app")
    return process.pid if process else 0


def _eventually(condition: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def _log(programs: Programs) -> str:
    return programs.tail("app", "1.0")


def test_a_started_program_is_found_in_a_session_of_its_own(programs: Programs) -> None:
    pid = _start(programs, *SLEEP)
    assert os.getsid(pid) == pid
    assert programs.running("app").version == "1.0"  # type: ignore[union-attr]


def test_its_words_are_never_read_as_shell_text(programs: Programs) -> None:
    _start(programs, "echo", "$HOME; `id` && $(id)", "'quoted'")
    assert _eventually(lambda: bool(_log(programs)))
    assert _log(programs) == "$HOME; `id` && $(id) 'quoted'\n"


def test_it_inherits_little_and_sees_what_it_should(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_AGENT", "x")
    _start(programs, "env", HSP_VERSION="1.0")
    assert _eventually(lambda: "HSP_VERSION=1.0" in _log(programs))
    assert "SECRET_OF_THE_AGENT" not in _log(programs)


def test_a_program_outlives_the_agent_and_is_stopped_by_the_next_one(
    programs: Programs, tmp_path: Path
) -> None:
    script = (
        "import sys; from pathlib import Path; from client_updater.programs import *;"
        "from client_updater.processes import boot_id; base = Path(sys.argv[1]);"
        "Programs(base/'run', base/'logs', boot_id()).start('app', '1.0', ('sleep', '600'), base,"
        "{'HSP_PRODUCT': 'app', 'PATH': '/bin:/usr/bin'})"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    assert programs.running("app") is not None
    programs.stop("app", 1)
    assert programs.running("app") is None


def test_a_program_that_ends_is_seen_to_have_ended(programs: Programs) -> None:
    _start(programs, "false")
    assert _eventually(lambda: programs.running("app") is None)


@pytest.mark.parametrize(("end", "status"), [("exit 3", 3), ("kill -9 $$", -9), ("true", 0)])
def test_what_a_program_ended_with_is_known(programs: Programs, end: str, status: int) -> None:
    _start(programs, "sh", "-c", end)
    assert _eventually(lambda: programs.ended_with("app") == status)


def test_a_program_that_runs_has_ended_with_nothing(programs: Programs) -> None:
    _start(programs, *SLEEP)
    assert programs.ended_with("app") is None


def test_a_program_is_asked_before_it_is_forced(programs: Programs) -> None:
    _start(
        programs,
        "sh",
        "-c",
        "trap 'echo farewell; exit 0' TERM; echo up; while :; do sleep 0.02; done",
    )
    assert _eventually(lambda: "up" in _log(programs))
    programs.stop("app", 5)
    assert "farewell" in _log(programs)


def test_a_program_that_does_not_listen_is_killed_with_its_children(programs: Programs) -> None:
    _start(programs, "sh", "-c", "trap '' TERM; sleep 601 & echo up; while :; do sleep 1; done")
    assert _eventually(lambda: "up" in _log(programs))
    leader = programs.running("app").leader  # type: ignore[union-attr]
    mark = programs._mark("app")
    assert len(processes.session(leader, mark)) >= 2
    programs.stop("app", 0.1)
    assert processes.session(leader, mark) == []


def test_what_a_dead_program_left_behind_is_ended_too(programs: Programs) -> None:
    _start(programs, "sh", "-c", "sleep 602 & echo up")
    assert _eventually(lambda: "up" in _log(programs) and programs.running("app") is None)
    programs.stop("app", 0.1)
    assert not [
        p for p in os.listdir("/proc") if p.isdecimal() and _command(p) == b"sleep\x00602\x00"
    ]


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_another_process_of_the_same_number_is_not_taken_for_it(programs: Programs) -> None:
    with subprocess.Popen(SLEEP, start_new_session=True) as other:
        note = Process(pid=other.pid, started_ticks=1, boot_id=boot_id(), version="1.0")
        durable.write(programs.run / "app.json", note.to_bytes())
        assert programs.running("app") is None
        programs.stop("app", 0.1)
        assert other.poll() is None, "it was not ours to kill"
        other.kill()


def test_a_program_of_another_boot_is_not_running(programs: Programs) -> None:
    _start(programs, *SLEEP)
    after_reboot = Programs(programs.run, programs.logs, "another-boot")
    assert after_reboot.running("app") is None


def test_a_program_whose_note_cannot_be_written_does_not_run(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise DiskFull("no room")

    marker = programs.run / "it-ran"
    monkeypatch.setattr(durable, "write_unsynced", full)
    with pytest.raises(DiskFull):
        programs.start("app", "1.0", ("touch", str(marker)), programs.run, minimal_environment())
    time.sleep(0.2)
    assert not marker.exists()


def test_a_program_that_is_not_there_leaves_its_reason_in_the_log(programs: Programs) -> None:
    _start(programs, "no-such-program")
    assert _eventually(lambda: "not found" in _log(programs))
    assert programs.running("app") is None


def test_a_folder_that_is_not_there_is_a_failed_start(programs: Programs) -> None:
    with pytest.raises(StartFailed):
        programs.start("app", "1.0", SLEEP, programs.run / "gone", minimal_environment())


def test_a_tail_is_fit_for_a_report(programs: Programs) -> None:
    programs.log("app", "1.0").write_bytes(b"x" * 50_000 + b"\x1b[31mred\x00\xff end\n")
    tail = _log(programs)
    assert len(tail.encode()) <= 12_000
    assert tail.endswith("?[31mred?? end\n")
