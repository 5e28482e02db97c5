"""The agent between updates: memory, processor per poll that finds nothing, and start-up.

    python -m tests.benchmarks.agent_cost

Beside it python-tuf's ``Updater`` alone and tufup's client, each in a loop of its own
(``polling_peer``). All are processes of the same Python that poll one repository on loopback, which
has nothing new for them; ours and ``Updater`` have the same packages (``agent.lock``), tufup the
ones that it asks for. Ours does more in a poll: it holds all that lies in its state folder to what
it was when plan and manifests were last read, signs a check-in and sends it (the server here gives
no sessions, by which most check-ins need no signature), and writes down that all is well.

Sites poll once in some minutes, not each second. So that ours is what it is there, no process of it
stays for the next poll (``linger_seconds = 0``).

Memory is resident after ten polls and after a new timestamp that brought nothing else, of all
processes that a client has then. Processor time is the kernel's count for the whole process, from
after that timestamp to the last poll, with that of children that have ended. A start ends with the
first request for ``timestamp.json``; ours has polled on this machine before, as the others have.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import click

from manifests.target_paths import Lane, manifest_path, plan_path
from tests.benchmarks.families import family
from tests.benchmarks.rows import Row, save
from tests.simulators.control_plane import ControlPlane
from tests.simulators.peers import ROOT, python_with
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite
from tests.simulators.web import Web

AGENT_LOCK = ROOT / "tests/benchmarks/agent.lock"
TUFUP_LOCK = ROOT / "tests/simulators/tufup.lock"
PEER = ROOT / "tests/benchmarks/polling_peer.py"
WHO = ("ours", "updater", "tufup")
MOST_TIMES = 1.3
"""Of what ``Updater`` alone takes."""
STARTS, ROUNDS, WARM, POLLS, POLL_SECONDS = 7, 3, 3, 10, 1
TIMESTAMP = "/metadata/timestamp.json"
MIB = 2**20


@dataclass(frozen=True)
class Cost:
    """What one client takes."""

    rss_bytes: float
    cpu_seconds: float
    start_seconds: float


@dataclass(frozen=True)
class Scene:
    """A repository, and the three who poll it."""

    web: Web
    repository: SimulatedRepository
    commands: dict[str, Sequence[str | Path]]

    def polls(self) -> int:
        """So many polls have begun."""
        return sum(request.path == TIMESTAMP for request in self.web.requests)

    def wait_for(self, polls: int) -> None:
        """Until so many have begun.

        Raises:
            TimeoutError: they have not.
        """
        deadline = time.monotonic() + 60
        while self.polls() < polls:
            if time.monotonic() > deadline:
                raise TimeoutError("a client does not poll")
            time.sleep(0.001)

    @contextmanager
    def running(self, who: str) -> Iterator[int]:
        """Its process's number."""
        self.web.requests.clear()
        environment = {"PATH": os.environ["PATH"], "MALLOC_ARENA_MAX": "1", "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(
            self.commands[who], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            try:
                yield process.pid
            finally:
                process.terminate()

    def start_seconds(self, who: str) -> float:
        """From nothing to the first request."""
        began = time.perf_counter()
        with self.running(who):
            self.wait_for(1)
            return time.perf_counter() - began

    def idle(self, who: str) -> tuple[float, float]:
        """Resident bytes, and processor seconds of a poll."""
        with self.running(who) as pid:
            self.wait_for(WARM)
            self.repository.sign_timestamp()
            self.wait_for(self.polls() + 2)
            time.sleep(POLL_SECONDS / 2)
            before, first = _cpu(pid), self.polls()
            self.wait_for(first + POLLS)
            time.sleep(POLL_SECONDS / 2)
            used = (_cpu(pid) - before) / (self.polls() - first)
            return sum(map(_rss, family(pid))), used


def _cpu(pid: int) -> float:
    """Of a process, its living children, and those that it has waited for (in the kernel's ticks,
    which is coarse, where the rest is exact)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    clocks = (~each << 3 | 2 for each in family(pid))  # clock_getcpuclockid(3)
    return ended + sum(map(time.clock_gettime, clocks))


def _rss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise LookupError("VmRSS")


@contextmanager
def scene() -> Iterator[Scene]:
    """A site that has installed what there is."""
    repository = SimulatedRepository()
    repository.release("notes", "1.0", {"a": b"1"})
    repository.add_target("targets", "notes-1.0.tar.gz", b"what tufup looks for")
    repository.sign_targets("targets")
    repository.roll_out("notes", "1.0")
    targets = [plan_path("notes"), manifest_path(Lane.RELEASES, "notes", "1.0")]
    with (
        TemporaryDirectory(dir="build", prefix="agent-") as place,
        Web(repository.files) as web,
        ControlPlane() as plane,
    ):
        plane.answer = plane.answer.model_copy(update={"poll_seconds": POLL_SECONDS})
        top = Path(place).absolute()
        site = SimulatedSite(top / "ours", repository, web, plane).enrol()
        (site.folder / "agent.toml").write_text("linger_seconds = 0\n")
        site.poll()
        site.poll()  # it found nothing more to do
        assert site.current() == "1.0"
        for who in WHO[1:]:
            (top / who).mkdir()
            (top / who / "root.json").write_bytes(repository.root)
        agent, tufup = python_with(AGENT_LOCK), python_with(TUFUP_LOCK)
        words = (web.url, str(POLL_SECONDS))
        yield Scene(
            web,
            repository,
            {
                "ours": (agent, "-m", "client_updater.cli", "--state", site.folder, "run"),
                "updater": (agent, PEER, "updater", top / "updater", *words, *targets),
                "tufup": (tufup, PEER, "tufup", top / "tufup", *words),
            },
        )


def measure(here: Scene) -> dict[str, Cost]:
    """The medians; in turns, so that what else the machine does meets all of them."""
    for who in WHO:
        here.start_seconds(who)  # compiles what is not compiled yet
    starts: dict[str, list[float]] = {who: [] for who in WHO}
    for _ in range(STARTS):
        for who in WHO:
            starts[who].append(here.start_seconds(who))
    idle: dict[str, list[tuple[float, float]]] = {who: [] for who in WHO}
    for _ in range(ROUNDS):
        for who in WHO:
            idle[who].append(here.idle(who))
    return {
        who: Cost(
            median(rss for rss, _ in idle[who]),
            median(cpu for _, cpu in idle[who]),
            median(starts[who]),
        )
        for who in WHO
    }


def rows(found: dict[str, Cost]) -> Iterator[Row]:
    """Against ``Updater`` alone, with the goal; and against tufup."""
    ours = found["ours"]
    for peer, goal in (("updater", 1 / MOST_TIMES), ("tufup", 1.0)):
        theirs = found[peer]
        figures = (
            ("rss", "MiB", ours.rss_bytes / MIB, theirs.rss_bytes / MIB),
            ("noop_cpu", "ms", ours.cpu_seconds * 1e3, theirs.cpu_seconds * 1e3),
            ("startup", "s", ours.start_seconds, theirs.start_seconds),
        )
        for name, unit, mine, other in figures:
            yield Row(
                f"agent_{name}_vs_{peer}", round(mine, 3), round(other, 3), unit,
                round(other / mine, 2), round(goal, 2),
            )  # fmt: skip


def main(_: tuple[str, ...] = ()) -> None:
    """Measure, print, and keep the rows."""
    with scene() as here:
        found = tuple(rows(measure(here)))
    save(found)
    for row in found:
        click.echo(f"{row.name}: {row.ours} and {row.peer} {row.unit}: {row.ratio}")


if __name__ == "__main__":
    sys.exit(main())
