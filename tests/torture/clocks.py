"""Row ``clocks``: the site's clock is wrong by up to 20 years, at a poll or in the middle of one.

Nothing is installed from metadata that the clock calls expired, under a clock that stands before a
proven moment, or under one that all servers contradict; and the first poll with the right time
installs what is on offer. The servers of a try tell the true time, none at all, or agree with the
wrong clock, as whoever controls them may.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from enum import Enum
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from random import Random

import time_machine

from client_updater import durable
from client_updater.clockwork import MOST_SKEW
from client_updater.floor import CLOCK_TOLERANCE
from client_updater.status import LastPoll
from tests.simulators.repository import TOP
from tests.torture.bench import MEMORY
from tests.torture.rows import Outcome, Scale
from tests.torture.scene import NEW, Scene, scene
from tests.torture.shares import Share, Tally, in_shares

TRIES = {Scale.TEST: 100, Scale.TORTURE: 2_000}
LIFE = timedelta(days=30)
"""Of the simulated repository's metadata."""
_EDGES = (
    *(timedelta(days=365.25 * years) for years in (-20, -10, -1, 1, 10)),
    *(timedelta(days=days) for days in (-31, -2, 2, 20, 29, 31, 400)),
    *(timedelta(minutes=minutes) for minutes in (-60, -12, -9, -6, -4, -1, 0, 1, 4, 6, 12, 60)),
)
_MARGIN = timedelta(seconds=30)
"""Tries take a moment, so nothing is expected this close to a limit."""


class Servers(Enum):
    """What the servers of a try say about the time."""

    TRUE = "true"
    SILENT = "silent"
    AGREEING = "agreeing"


@dataclass
class World:
    """A scene whose time can be moved, while the servers know better."""

    scene: Scene
    traveller: time_machine.Traveller
    servers: Servers = Servers.TRUE

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._epoch = time.time()

    def true_time(self) -> float:
        """Whatever the clock says."""
        return self._epoch + time.monotonic() - self._began

    def set_clock(self, wrong_by: timedelta) -> None:
        """From now on the site's clock is wrong by so much."""
        self.traveller.move_to(self.true_time() + wrong_by.total_seconds())

    def date(self) -> str:
        """The servers' Date header."""
        if self.servers is Servers.SILENT:
            return ""
        moment = time.time() if self.servers is Servers.AGREEING else self.true_time()
        return formatdate(moment, usegmt=True)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A world below ``folder``."""
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller, scene(folder) as ready:
        made = World(ready, traveller)
        ready.web.date = made.date
        before = BaseHTTPRequestHandler.date_time_string
        BaseHTTPRequestHandler.date_time_string = lambda self, *more: made.date()  # type: ignore[method-assign]
        try:
            yield made
        finally:
            BaseHTTPRequestHandler.date_time_string = before  # type: ignore[method-assign]
            made.set_clock(timedelta())


def run(scale: Scale) -> Outcome:
    """Set clocks and count, in all processes."""
    return in_shares(_share, TRIES[scale])


def _share(tries: int, share: Share) -> Outcome:
    tally = Tally()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, world(Path(folder)) as ready:
        for number in range(tries):
            if share.takes(number):
                random = Random(f"clock {number}")
                ready.servers = Servers.TRUE
                ready.set_clock(timedelta())
                ready.scene.fresh()
                kind = _KINDS[number % len(_KINDS)]
                broken = kind(ready, random, _offset(number, random))
                tally.count(f"{kind.__name__.strip('_')} (number {number})", broken)
        if share.takes(0):
            tally.count("13 months offline, five roots later", _long_offline(ready))
    return tally.outcome


def _offset(number: int, random: Random) -> timedelta:
    if number // len(_KINDS) < len(_EDGES):
        return _EDGES[number // len(_KINDS)]
    years = random.uniform(-20, 10) * random.choice((1, 0.1, 0.01, 0.001, 0.0001))
    return timedelta(days=365.25 * years)


# --- the three kinds of tries


def _wrong_from_the_start(world: World, random: Random, offset: timedelta) -> list[str]:
    world.servers = random.choice(list(Servers))
    broken = _one_poll(world, offset)
    if not _may_prove_the_future(world, offset):
        broken += _right_again(world)
    return broken


def _jumps_at_each_poll(world: World, random: Random, offset: timedelta) -> list[str]:
    broken = _one_poll(world, offset)
    for _ in range(3):
        another = _offset(10**6, random)
        broken += _one_poll(world, another)
    return broken + _right_again(world)


def _jumps_during_a_poll(world: World, random: Random, offset: timedelta) -> list[str]:
    jump = _Jump(world, offset, random.randint(1, 90))
    durable.disk, kept = jump, durable.disk
    try:
        last = _poll(world)
    finally:
        durable.disk = kept
    broken = [last] if isinstance(last, str) else []
    return broken + world.scene.wrong_files() + _right_again(world)


class _Jump(durable.Disk):
    """The real disk; at one of its calls the clock jumps."""

    def __init__(self, world: World, offset: timedelta, at: int) -> None:
        self._world, self._offset, self._left = world, offset, at

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """As ``os.write``."""
        self._left -= 1
        if self._left == 0:
            self._world.set_clock(self._offset)
        return super().write(fd, data)


def _poll(world: World) -> LastPoll | str:
    try:
        return world.scene.site.poll()
    except Exception as error:  # nothing at all may come out of a poll
        return f"the poll raised {type(error).__name__}: {error}"


def _one_poll(world: World, offset: timedelta) -> list[str]:
    world.set_clock(offset)
    before = world.scene.site.current()
    proven, last = world.scene.floor().proven_time, _poll(world)
    if isinstance(last, str):
        return [last]
    installed = world.scene.site.current() != before
    now = datetime.now(UTC)
    limits = {
        "before the proven time": proven is not None and now < proven - CLOCK_TOLERANCE - _MARGIN,
        "against all servers": world.servers is Servers.TRUE and abs(offset) > MOST_SKEW + _MARGIN,
        "from expired metadata": offset > LIFE + _MARGIN,
    }
    broken = [why for why, applies in limits.items() if applies]
    if installed:
        return [f"installed {why}, the clock being wrong by {offset}" for why in broken]
    if broken and not last.problem:
        return [f"the site noticed nothing, the clock being wrong by {offset}"]
    return []


def _may_prove_the_future(world: World, offset: timedelta) -> bool:
    """Servers that agree with a clock that is ahead make it true, as long as metadata lives."""
    return world.servers is Servers.AGREEING and timedelta(minutes=9) < offset < LIFE + _MARGIN


def _right_again(world: World) -> list[str]:
    """The first poll with the right time, after the pause of a failed attempt."""
    world.servers = Servers.TRUE
    world.set_clock(timedelta())
    return world.scene.poll_well()


# --- a long time


def _long_offline(world: World) -> list[str]:
    """Thirteen months and five root rotations later, one poll brings the site back."""
    scene, later = world.scene, timedelta(days=396)
    world.servers = Servers.TRUE
    world.set_clock(timedelta())
    scene.fresh()
    world._epoch += later.total_seconds()  # the time has passed for everybody
    world.set_clock(timedelta())
    repository = scene.repository
    for month in range(5):
        repository.now = datetime.now(UTC).replace(microsecond=0) - later + month * later / 4
        repository.rotate(*TOP[: 1 + month % len(TOP)])
    for role in repository.targets:
        repository.sign_targets(role)
    repository.commit()
    last = _poll(world)
    if isinstance(last, str) or last.problem or scene.site.current() != NEW:
        return [f"the site did not come back: {last}"]
    roots = scene.floor().root_version
    return [] if roots == repository.versions["root"] else [f"root {roots}"]


_KINDS = (_wrong_from_the_start, _jumps_at_each_poll, _jumps_during_a_poll)
