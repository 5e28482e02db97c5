"""How much memory the agent takes: idle between polls, and at its peak while updating by 1 GiB.

Counted are all of its processes: the one that watches, and while there is work the one that works.
It ends at once here (``linger_seconds = 0``), as it does by itself at sites that poll less often
than once a minute.

    python -m tests.benchmarks.agent_memory [AGENT ...]

``AGENT`` is the command of the agent; without one it is ``build/hsp-updater`` (``make agent``), as
sites have it: beside the server's packages python-tuf would load boto3 as well, which is 10 MiB.
Rows go to ``build/bench.json``, with the goals as peers; the status is 1 when a goal is missed.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.families import family
from tests.benchmarks.rows import Row, save
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite
from tests.simulators.web import Web

GOALS = {"agent_idle_rss": 60.0, "agent_peak_rss_updating_by_1_gib": 150.0}
SINGLE_FILE = Path("build/hsp-updater")
FILES = 16
FILE_BYTES = 64 * 1024 * 1024
DEADLINE_SECONDS = 600


def main(command: Sequence[str]) -> int:
    """Measure, write, say."""
    if not command:  # anew: one that is there already may be of another day
        subprocess.run(["infra/agent.sh", sys.prefix], check=True)
    with tempfile.TemporaryDirectory(dir="build") as folder:
        found = _measure(Path(folder), command or [str(SINGLE_FILE)])
    rows = [
        Row(
            name,
            ours=round(found[name], 1),
            peer=goal,
            unit="MiB",
            ratio=goal / found[name],
            goal=1,
        )
        for name, goal in GOALS.items()
    ]
    save(rows)
    for row in rows:
        print(f"{row.name}: {row.ours} MiB, goal at most {row.peer:.0f}")
    return int(any(row.ratio < row.goal for row in rows))


def _measure(folder: Path, command: Sequence[str]) -> dict[str, float]:
    repository = SimulatedRepository()
    repository.release("notes", "1.0", {"a": b"1"})
    repository.roll_out("notes", "1.0")
    with Web(repository.files) as web, ControlPlane() as plane:
        plane.answer = plane.answer.model_copy(update={"poll_seconds": 2})
        site = SimulatedSite(folder / "state", repository, web, plane).enrol()
        (site.folder / "agent.toml").write_text("linger_seconds = 0\n")
        environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}  # as the unit sets it
        with subprocess.Popen([*command, "--state", site.folder, "run"], env=environment) as agent:
            try:
                _until(lambda: len(plane.check_ins) >= 4 and len(family(agent.pid)) == 1)
                idle = _mib(agent.pid, "VmRSS")
                repository.release("notes", "2.0", _big())
                repository.roll_out("notes", "2.0")
                peaks: list[float] = []

                def is_confirmed() -> bool:
                    peaks.append(sum(_mib(each, "VmHWM") for each in family(agent.pid)))
                    return "confirmed" in plane.phases("2.0")

                _until(is_confirmed)
                peak = max(peaks)
            finally:
                agent.terminate()
        assert site.current() == "2.0"
    return dict(zip(GOALS, (idle, peak), strict=True))


def _big() -> dict[str, bytes]:
    """1 GiB that a compressor can do nothing with."""
    dice = random.Random(1)
    return {f"{number:02}.bin": dice.randbytes(FILE_BYTES) for number in range(FILES)}


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("the agent did not get there")
        time.sleep(0.1)


def _mib(pid: int, field: str) -> float:
    """Nothing for a process that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
