"""One update of one site, done again and again from the same disk, by agents that may die.

The site, its repository and its control plane are real and live in this process; every agent lives
in a forked one. ``fresh`` puts the disk and the control plane back to where the update begins.
"""

import gc
import logging
import os
import random
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from itertools import takewhile
from pathlib import Path

import client_updater.agent
from client_updater import processes, programs
from client_updater.agent import system_clock
from client_updater.poll import poll
from client_updater.status import LastPoll
from manifests.install import Program, SlotInstall
from manifests.install_report import InstallReport
from manifests.release import FileAgeCheck, Health
from tests.simulators.control_plane import ControlPlane
from tests.simulators.mortal import Ending, adopt_orphans, end_children, in_child
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite
from tests.simulators.web import Web

PRODUCT, OLD, NEW = "notes", "1.0", "2.0"
MOST_POLLS = 8
MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory; the folder below is our own

PROGRAM = b"""\
#!/usr/bin/perl
use strict; use Socket; alarm(600);
open(my $file, "<", "data/version") or die; my $content = <$file>;
my $body = sprintf('{"version": "%s", "content": "%s"}', $ENV{HSP_VERSION}, $content);
socket(my $door, PF_INET, SOCK_STREAM, 0) or die;
setsockopt($door, SOL_SOCKET, SO_REUSEADDR, pack("l", 1)) or die;
bind($door, sockaddr_in($ARGV[0], INADDR_LOOPBACK)) or die; listen($door, 16) or die;
while (accept(my $guest, $door)) {
    sysread($guest, my $question, 4096);
    syswrite($guest, "HTTP/1.0 200 OK\\r\\nContent-Length: " . length($body) . "\\r\\n\\r\\n$body");
    close($guest);
}
"""
"""Answers with its version and what its slot says, for ten minutes at most, whoever forgets it.

Perl starts five times faster than Python."""


class Story(Enum):
    """How the update from 1.0 to 2.0 is to end."""

    UPDATE = "update"
    REVERT = "revert"

    @property
    def ends_with(self) -> str:
        """The version that runs in the end."""
        return NEW if self is Story.UPDATE else OLD


def alike(calls: Sequence[str], others: Sequence[str]) -> int:
    """How many calls two stories begin with that are the same.

    Both are the same agent, and up to the checks of its health the same update: the short form of a
    row need not try that part twice.
    """
    pairs = zip(calls, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


@dataclass(frozen=True)
class Settled:
    """What a fresh agent found on the way to a state in which nothing is left to do."""

    polls: int
    settled: bool
    problems: tuple[str, ...]
    """The codes of its problems, poll by poll."""


@dataclass
class Heard:
    """What the control plane has heard at some moment."""

    reports: dict[tuple[str, int], bytes]
    received: list[InstallReport]

    def first(self, reports: int) -> "Heard":
        """What it had heard when only so many reports had come."""
        received = self.received[:reports]
        numbers = {report.sequence for report in received}
        known = {key: body for key, body in self.reports.items() if key[1] in numbers}
        return Heard(known, received)


@dataclass
class Bench:
    """One story, ready to begin."""

    story: Story
    site: SimulatedSite
    base: Path
    yesterday: dict[str, bytes]
    """The repository as it was before 2.0; it is served below ``/old``."""
    began: Heard = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.heard()

    @property
    def plane(self) -> ControlPlane:
        """The site's control plane."""
        return self.site.plane

    def heard(self) -> Heard:
        """What the control plane knows now."""
        return Heard(dict(self.plane.reports), list(self.plane.received))

    def fresh(self, heard: Heard | None = None) -> None:
        """No program runs, the control plane is as it was; the disk is empty."""
        end_children()
        heard = heard or self.began
        self.plane.reports, self.plane.received = dict(heard.reports), list(heard.received)
        self.plane.check_ins.clear()
        self.site.web.requests.clear()
        shutil.rmtree(self.site.folder, ignore_errors=True)

    def restore(self) -> None:
        """Everything as it is before the update."""
        self.fresh()
        shutil.copytree(self.base, self.site.folder, symlinks=True)
        self.site.folder.chmod(0o700)

    def settle(self, *, boot: str = "", later: timedelta = timedelta()) -> Ending:
        """Poll with fresh agents until nothing is left to do, in a process of its own."""
        return in_child(lambda: settle(self.site, boot, later))


def settle(site: SimulatedSite, boot: str = "", later: timedelta = timedelta()) -> Settled:
    """Poll with fresh agents until nothing is left to do.

    Args:
        site: the site.
        boot: the boot that this is; empty for the machine's own.
        later: how much later it is than the clock says.
    """
    if boot:
        vars(client_updater.agent)["boot_id"] = lambda: boot
    problems = []
    for number in range(1, MOST_POLLS + 1):
        last = poll(site.agent(clock=lambda: system_clock() + later))
        problems.append(str(last.problem))
        if is_settled(site, last):
            return Settled(number, True, tuple(problems))
    return Settled(MOST_POLLS, False, tuple(problems))


def is_settled(site: SimulatedSite, last: LastPoll) -> bool:
    """Whether another poll would change nothing."""
    waiting = [*(site.folder / "journal").glob("*.json"), *(site.folder / "outbox").glob("*.dsse")]
    installs = [each for each in last.products if each.decision == "install"]
    return not (waiting or installs or last.problem or last.server_problem)


def new_boot() -> str:
    """The name of another boot."""
    return str(uuid.uuid4())


@contextmanager
def bench(story: Story, extra_bytes: int = 0) -> Iterator[Bench]:
    """A site that runs 1.0 and is offered 2.0, which may be larger by random bytes."""
    repository = SimulatedRepository()
    yesterday: dict[str, bytes] = {}

    def file(path: str) -> bytes | None:
        old = path.startswith("/old/")
        return yesterday.get(path[4:]) if old else repository.files.get(path)

    logging.getLogger("hsp-updater").addHandler(logging.NullHandler())  # it says the expected
    with ExitStack() as stack:
        shelf = MEMORY if os.access(MEMORY, os.W_OK) else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=shelf)))
        web = stack.enter_context(Web(file))
        plane = stack.enter_context(ControlPlane())
        for server in (web, plane):  # a killed client is no news to print a traceback for
            vars(server._server)["handle_error"] = lambda *_: None
        site = SimulatedSite(folder / "state", repository, web, plane)
        adopt_orphans()
        stack.callback(end_children)
        _at_old(site)
        yesterday.update(repository.files)
        _release(repository, NEW, story is Story.UPDATE, random.Random(2).randbytes(extra_bytes))
        base = folder / "base"
        shutil.copytree(site.folder, base, symlinks=True)
        gc.freeze()
        yield Bench(story, site, base, yesterday)


def _at_old(site: SimulatedSite) -> None:
    vars(programs)["_POLL_SECONDS"] = 0.002  # how long the agent sleeps between two looks
    site.enrol()
    _release(site.repository, OLD, healthy=True)
    site.poll()
    site.agent().services.programs.stop(PRODUCT, 1)
    processes._children.clear()
    (site.folder / "site.toml").chmod(0o600)


def _release(
    repository: SimulatedRepository, version: str, healthy: bool, extra: bytes = b""
) -> None:
    seen = "data/version" if healthy else "data/never-written"
    program = Program(command=("./app", "{port}"), stop_grace_seconds=2)
    repository.release(
        PRODUCT,
        version,
        {
            "app": PROGRAM,
            "data/version": version.encode(),
            f"data/new-in-{version}": bytes(3000) + extra,
        },
        install=SlotInstall(service=program),
        health=Health(checks=(FileAgeCheck(path=seen, max_age_seconds=86_400),), attempts=1),
        variables=("port",),
    )
    repository.roll_out(PRODUCT, version)


def answer(site: SimulatedSite, seconds: float = 5.0) -> dict[str, str]:
    """What the site's program says, as soon as it listens."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return site.answer()
        except (OSError, ValueError):
            if time.monotonic() > deadline:
                return {}
            time.sleep(0.002)
