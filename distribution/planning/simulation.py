"""How much of a fleet a bad release would reach before the stop rule catches it.

A Monte-Carlo of one rollout over many seeds, vectorised over the sites. Time goes in the steps of
the scheduler, and at each of them the very rules of ``assessment`` decide, over the very counts of
``standing``: only what a site does is drawn at random. Every site is online and has no window, so
nothing slows the release down but the schedule: what a real fleet sees is less.

A site starts at its first poll after its turn, is counted as trying from then on, and reports when
its health check has passed or has been given up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from distribution.errors import Invalid
from distribution.planning.simulated_turns import Numbers, in_turn
from manifests.rollout import WHOLE, Gates, Schedule

NEVER = np.iinfo(np.int64).max
MOST_SITES = 5_000_000


@dataclass(frozen=True)
class Fleet:
    """What the sites are like.

    Attributes:
        failure_rate: the probability that the release fails at a site, 0..1.
        clients: whose sites they are, for a limit on each client's.
        pilots, critical: shares of the sites in these rings, 0..1.
        install_seconds: from a site's poll to its report.
        poll_seconds, tick_seconds: how often a site polls and the scheduler looks.
    """

    sites: int
    failure_rate: float
    pilots: float = 0.02
    critical: float = 0.05
    clients: int = 20
    poll_seconds: int = 300
    install_seconds: int = 300
    tick_seconds: int = 10

    def __post_init__(self) -> None:
        """Refuse what is no fleet.

        Raises:
            Invalid: with the reason.
        """
        if not 1 <= self.sites <= MOST_SITES:
            raise Invalid(f"a fleet has 1 to {MOST_SITES:,} sites, not {self.sites:,}")
        if not (0 <= self.failure_rate <= 1 and self.pilots >= 0 and self.critical >= 0):
            raise Invalid("a rate or a share is a number from 0 to 1")
        if self.pilots + self.critical > 1:
            raise Invalid("pilots and critical sites are more than all sites")
        if self.clients < 1:
            raise Invalid("a fleet has one client at least")
        if min(self.poll_seconds, self.install_seconds, self.tick_seconds) < 1:
            raise Invalid("polls, installs and the scheduler's steps take a second at least")


@dataclass(frozen=True)
class Drawn:
    """What chance has given each site of a fleet.

    Attributes:
        positions: where it stands on the rollout's line, as ``manifests.rollout.position`` says.
        delays: from its turn to its first poll, in seconds.
        fails: whether the release fails there.
        clients: the number of its client; empty: all are one's.
    """

    positions: Numbers
    delays: Numbers
    fails: NDArray[np.bool_]
    clients: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class End:
    """How one rollout ended: sites that started it, and what ended it."""

    started: int
    paused_at: int | None
    """Seconds after the start; None when the stop rule did not act."""
    finished: bool
    """False without a pause: a wave did not pass, and the rollout stands still."""


@dataclass(frozen=True)
class Reach:
    """Shares of the fleet that started a bad release, one per seed, 0..1."""

    shares: tuple[float, ...]
    paused: int
    """In how many of the seeds the stop rule paused the rollout."""
    stood_still: int
    """In how many a wave failed to pass, without a pause."""
    median_pause_seconds: float | None

    @property
    def median(self) -> float:
        """Half of the seeds reach less."""
        return float(np.median(self.shares))

    @property
    def p95(self) -> float:
        """Nineteen of twenty seeds reach less."""
        return float(np.percentile(self.shares, 95))

    @property
    def worst(self) -> float:
        """The largest share of all seeds."""
        return max(self.shares)


def simulate(schedule: Schedule, fleet: Fleet, seeds: Sequence[int]) -> Reach:
    """Roll a bad release out once for every seed."""
    bounds = [wave.up_to_basis_points for wave in schedule.waves]
    ends = [
        roll_out(schedule, fleet, draw_sites(fleet, bounds, np.random.default_rng(seed)))
        for seed in seeds
    ]
    pauses = [end.paused_at for end in ends if end.paused_at is not None]
    return Reach(
        shares=tuple(end.started / fleet.sites for end in ends),
        paused=len(pauses),
        stood_still=sum(end.paused_at is None and not end.finished for end in ends),
        median_pause_seconds=float(np.median(pauses)) if pauses else None,
    )


def draw_sites(fleet: Fleet, bounds: Sequence[int], random: np.random.Generator) -> Drawn:
    """Sites at random places of the line, with polls and failures at random."""
    drawn, ring = random.integers(0, WHOLE, fleet.sites), random.random(fleet.sites)
    last = bounds[-2] if len(bounds) > 1 else 0
    positions = np.where(
        ring < fleet.pilots,
        drawn * bounds[0] // WHOLE,
        np.where(
            ring < fleet.pilots + fleet.critical, last + drawn * (WHOLE - last) // WHOLE, drawn
        ),
    )
    return Drawn(
        positions=positions,
        delays=random.integers(0, fleet.poll_seconds, fleet.sites),
        fails=random.random(fleet.sites) < fleet.failure_rate,
        clients=random.integers(0, fleet.clients, fleet.sites),
    )


def roll_out(schedule: Schedule, fleet: Fleet, sites: Drawn) -> End:
    """One rollout, wave by wave, until it is paused, stands still, or is through."""
    counts = _Counts(fleet.tick_seconds)
    moment, lower = schedule.waves[0].after_seconds, 0
    for index, wave in enumerate(schedule.waves):
        gates = schedule.gates.of_wave(index + 1)
        opened = _opened(schedule, fleet, sites, lower, index)
        counts.open(opened, fleet, moment)
        watched = moment + max(opened.spread_seconds, gates.soak_seconds)
        last = index + 1 == len(schedule.waves)
        due = 0 if last else schedule.waves[index + 1].after_seconds
        paused, passes = counts.judged(gates, since=moment, until=max(watched, due))
        if paused <= passes:
            if paused == NEVER:
                return End(counts.started_by(NEVER), None, finished=False)
            return End(counts.started_by(paused), paused, finished=False)
        moment, lower = passes, wave.up_to_basis_points
    # A finished rollout is still watched by the stop rule: late sites go on to get it.
    paused, _ = counts.judged(gates, since=moment, until=NEVER)
    if paused == NEVER:
        return End(counts.started_by(NEVER), None, finished=True)
    return End(counts.started_by(paused), paused, finished=True)


@dataclass(frozen=True)
class _Wave:
    """One wave's sites, in seconds after its opening."""

    turns: Numbers
    starts: Numbers
    fails: NDArray[np.bool_]
    spread_seconds: int


def _opened(schedule: Schedule, fleet: Fleet, sites: Drawn, lower: int, index: int) -> _Wave:
    wave = schedule.waves[index]
    width = wave.up_to_basis_points - lower
    inside = (sites.positions >= lower) & (sites.positions < wave.up_to_basis_points)
    places, delays = sites.positions[inside] - lower, sites.delays[inside]
    turns = -(-wave.spread_seconds * places // width)
    starts = turns + delays
    if schedule.limits.are_set:
        clients = sites.clients[inside] if sites.clients.size else np.zeros_like(places)
        starts = in_turn(schedule.limits, turns, delays, clients, fleet.install_seconds)
    return _Wave(turns, starts, sites.fails[inside], wave.spread_seconds)


class _Counts:
    """The sites of the open waves, counted at every step of the scheduler.

    Each series holds, for a step, how many sites have come so far by then: sites are not sorted
    but counted into steps, so a million of them takes no longer than to read them.
    """

    def __init__(self, tick: int) -> None:
        self._tick = tick
        none = np.zeros(1, np.int64)
        self._admitted = self._attempted = self._confirmed = self._failed = none
        self._starts: list[Numbers] = []

    def open(self, wave: _Wave, fleet: Fleet, moment: int) -> None:
        """A wave opens: from now on its sites count."""
        starts = wave.starts + moment
        ends = starts + fleet.install_seconds
        self._starts.append(starts)
        self._admitted = self._with(self._admitted, wave.turns + moment)
        self._attempted = self._with(self._attempted, starts)
        self._confirmed = self._with(self._confirmed, ends[~wave.fails])
        self._failed = self._with(self._failed, ends[wave.fails])

    def _with(self, series: Numbers, moments: Numbers) -> Numbers:
        new = np.cumsum(np.bincount(-(-moments // self._tick), minlength=1))
        length = max(series.size, new.size)
        return _longer(series, length) + _longer(new, length)

    def judged(self, gates: Gates, since: int, until: int) -> tuple[int, int]:
        """When the stop rule acts from ``since`` on, and when the waves pass from ``until`` on."""
        length = max(
            each.size for each in (self._admitted, self._attempted, self._confirmed, self._failed)
        )
        first = -(-since // self._tick)
        failed, attempted = _longer(self._failed, length), _longer(self._attempted, length)
        confirmed, admitted = _longer(self._confirmed, length), _longer(self._admitted, length)
        stop = (failed >= gates.minimum_failed_sites) & (
            failed * 100 > attempted * gates.error_threshold_percent
        )
        # Everybody is online and nobody waits: who was admitted is expected to run it.
        enough = (confirmed * 100 >= admitted * gates.success_threshold_percent) & (
            confirmed >= np.minimum(admitted, gates.minimum_confirmed_sites)
        )
        wanted = -(-until // self._tick) if until != NEVER else length
        return self._first(stop, first), self._first(enough, wanted)

    def _first(self, holds: NDArray[np.bool_], since: int) -> int:
        """The first step from ``since`` on at which it holds; after the last, nothing changes."""
        if since >= holds.size:
            return since * self._tick if holds[-1] else NEVER
        found = np.flatnonzero(holds[since:])
        return int(since + found[0]) * self._tick if found.size else NEVER

    def started_by(self, moment: int) -> int:
        """How many sites have polled by then and begun; who has begun goes on to the end."""
        return sum(int(np.count_nonzero(starts <= moment)) for starts in self._starts)


def _longer(series: Numbers, length: int) -> Numbers:
    return np.pad(series, (0, length - series.size), mode="edge")
