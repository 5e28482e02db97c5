"""The simulation: the same verdicts as the real assessment, and sane shares over many seeds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate, count

import numpy as np
import pytest

from distribution.control.assessment import Finish, OpenNextWave, Pause, assess
from distribution.control.schedules import load_schedule
from distribution.control.standing import Candidate, Course, Outcome, tally
from distribution.errors import Invalid
from distribution.planning.simulated_turns import in_turn
from distribution.planning.simulation import NEVER, Drawn, End, Fleet, roll_out, simulate
from manifests.release import Release, ReleaseManifest
from manifests.rollout import (
    WHOLE,
    Change,
    Gates,
    Limits,
    Ring,
    Rollout,
    RolloutState,
    Schedule,
    ScheduledWave,
    Wave,
    WaveGates,
    draw,
    position,
)
from manifests.site import Site, SiteProfile
from manifests.target_paths import ReleasePath

BEGIN = datetime(2026, 11, 25, tzinfo=UTC)
PRODUCT, VERSION = "app", "2.0"


def a_schedule(*bounds: int, apart: int = 120, spread: int = 60, **gates: int) -> Schedule:
    waves = tuple(
        ScheduledWave(after_seconds=apart * number, spread_seconds=spread, up_to_basis_points=bound)
        for number, bound in enumerate(bounds)
    )
    limits = {"soak_seconds": 90, "success_threshold_percent": 90, "error_threshold_percent": 10}
    return Schedule(name="quick", waves=waves, gates=Gates(**{**limits, **gates}))


def profiles(number: int) -> list[SiteProfile]:
    rings = [Ring.PILOT, *[Ring.BROAD] * 8, Ring.CRITICAL]
    return [
        SiteProfile(
            site_id=f"site-{each}", client_id="c", ring=rings[each % 10], products=(PRODUCT,)
        )
        for each in range(number)
    ]


def drawn(
    schedule: Schedule, sites: list[SiteProfile], rate: float, fleet: Fleet, seed: int
) -> Drawn:
    """The places that the sites' names give them, and chance for the rest."""
    random = np.random.default_rng(seed)
    bounds = [wave.up_to_basis_points for wave in schedule.waves]
    places = [position(draw(PRODUCT, VERSION, s.site_id), s.ring, bounds) for s in sites]
    return Drawn(
        positions=np.array(places),
        delays=random.integers(0, fleet.poll_seconds, len(sites)),
        fails=random.random(len(sites)) < rate,
    )


def a_release() -> Release:
    artifact = {"name": "app.tar.zst", "tar_size_bytes": 1024, "tar_sha256": "0" * 64, "files": []}
    pace = {"name": "at-once", "waves": [{"after_seconds": 0, "up_to_basis_points": WHOLE}]}
    plain = {"product": PRODUCT, "version": VERSION, "artifacts": [artifact], "pace": pace}
    manifest = ReleaseManifest.from_plain({**plain, "issued_at": BEGIN})
    return Release(ReleasePath.parse(f"releases/{PRODUCT}/{VERSION}/manifest.json"), manifest)


class Reference:
    """The same rollout by the real ``tally`` and ``assess``, one step at a time."""

    def __init__(
        self, schedule: Schedule, fleet: Fleet, sites: list[SiteProfile], chance: Drawn
    ) -> None:
        self.schedule, self.fleet, self.chance = schedule, fleet, chance
        self.candidates = [Candidate(Site(site), online=True) for site in sites]
        self.opened: list[int] = [schedule.waves[0].after_seconds]

    def start_of(self, index: int) -> int:
        """When a site polls after its turn; NEVER while its wave is shut."""
        bounds = [0, *(wave.up_to_basis_points for wave in self.schedule.waves)]
        place = int(self.chance.positions[index])
        wave = next(n for n in count() if place < bounds[n + 1])
        if wave >= len(self.opened):
            return NEVER
        spread, lower = self.schedule.waves[wave].spread_seconds, bounds[wave]
        turn = -(-spread * (place - lower) // (bounds[wave + 1] - lower))
        return int(self.opened[wave] + turn + self.chance.delays[index])

    def seen(self, now: int) -> list[Candidate]:
        """Every site with the outcome that it has reported by then."""
        found = []
        for index, candidate in enumerate(self.candidates):
            start = self.start_of(index)
            outcome = Outcome.NONE
            if start <= now:
                outcome = Outcome.TRYING
            if start != NEVER and start + self.fleet.install_seconds <= now:
                outcome = Outcome.FAILED if self.chance.fails[index] else Outcome.CONFIRMED
            found.append(replace(candidate, outcome=outcome))
        return found

    def course(self) -> Course:
        opened = [BEGIN + timedelta(seconds=each) for each in self.opened]
        waves = tuple(
            Wave(
                opens_at=opened[number] if number < len(opened) else None,
                spread_seconds=wave.spread_seconds,
                up_to_basis_points=wave.up_to_basis_points,
            )
            for number, wave in enumerate(self.schedule.waves)
        )
        rollout = Rollout(
            release=f"releases/{PRODUCT}/{VERSION}/manifest.json",
            state=RolloutState.RUNNING,
            last_change=Change(by="ani", at=BEGIN, reason="started"),
            waves=waves,
        )
        return Course(a_release(), rollout, self.schedule, BEGIN)

    def run(self, until: int) -> End:
        finished = False
        for now in range(0, until, self.fleet.tick_seconds):
            moment = BEGIN + timedelta(seconds=now)
            course = self.course()
            verdict = assess(course, tally(course, self.seen(now), moment), moment)
            match verdict:
                case Pause():
                    return End(self.started_by(now), now, finished)
                case OpenNextWave():
                    self.opened.append(now)
                case Finish():
                    finished = True
        return End(self.started_by(until), None, finished)

    def started_by(self, now: int) -> int:
        return sum(self.start_of(index) <= now for index in range(len(self.candidates)))


def with_own_gates(schedule: Schedule) -> Schedule:
    """The first wave is watched for longer, and must be perfect."""
    strict = WaveGates(
        number=1, success_threshold_percent=100, error_threshold_percent=0, soak_seconds=300
    )
    gates = schedule.gates.model_copy(update={"waves": (strict,)})
    return schedule.model_copy(update={"gates": gates})


CASES = {
    "a good release goes through": (a_schedule(1000, 5000, WHOLE), 0.0, 60),
    "a bad one is paused": (a_schedule(1000, 5000, WHOLE), 0.5, 60),
    "one in seven": (a_schedule(500, 2000, 6000, WHOLE), 0.14, 80),
    "just under the threshold": (a_schedule(2000, WHOLE, error_threshold_percent=30), 0.2, 40),
    "no wave may pass, and nobody pauses": (
        a_schedule(3000, WHOLE, error_threshold_percent=90, success_threshold_percent=99), 0.3, 30),
    "a spread longer than the soak": (a_schedule(2000, WHOLE, spread=400), 0.1, 40),
    "a soak longer than the spread": (a_schedule(2000, WHOLE, soak_seconds=700), 0.1, 40),
    "waves that are empty": (a_schedule(1, 2, 9000, WHOLE), 0.2, 20),
    "a first wave in which nothing may fail": (
        with_own_gates(a_schedule(2000, 5000, WHOLE, error_threshold_percent=40)), 0.15, 60),
    "at least so many distinct sites": (
        a_schedule(300, WHOLE, minimum_confirmed_sites=9, success_threshold_percent=10), 0.1, 40),
    "one wave": (a_schedule(WHOLE, spread=0), 0.2, 30),
    "a wave that is due long after the one before": (a_schedule(3000, WHOLE, apart=1500), 0.1, 40),
}  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", CASES)
def test_it_ends_as_the_real_assessment_ends_it(name: str, seed: int) -> None:
    schedule, rate, number = CASES[name]
    fleet = Fleet(number, rate, poll_seconds=50, install_seconds=70, tick_seconds=10)
    sites = profiles(number)
    chance = drawn(schedule, sites, rate, fleet, seed)
    assert roll_out(schedule, fleet, chance) == Reference(schedule, fleet, sites, chance).run(4000)


def test_a_good_release_reaches_everybody() -> None:
    reach = simulate(load_schedule("standard"), Fleet(20_000, 0.0), range(3))
    assert (reach.median, reach.worst, reach.paused, reach.stood_still) == (1, 1, 0, 0)
    assert reach.median_pause_seconds is None


def test_a_release_that_fails_at_one_site_in_five_is_caught_in_the_first_wave() -> None:
    reach = simulate(load_schedule("standard"), Fleet(100_000, 0.2), range(10))
    assert reach.paused == 10
    assert 0 < reach.median <= reach.p95 <= reach.worst < 0.01


LIMITS = {
    "of all": Limits(at_once=5),
    "of each client": Limits(at_once_per_client=1),
    "both": Limits(at_once=6, at_once_per_client=2),
}


def most_at_once(starts: list[int], ends: list[int]) -> int:
    """How many had begun and not ended, at the worst moment."""
    steps = sorted([*((s, 1) for s in starts), *((e, -1) for e in ends)])
    return max(accumulate(step for _, step in steps))


@pytest.mark.parametrize("name", LIMITS)
def test_no_more_than_allowed_are_in_progress_at_any_moment(name: str) -> None:
    limits, random = LIMITS[name], np.random.default_rng(7)
    turns, delays = random.integers(0, 900, 80), random.integers(0, 300, 80)
    clients = random.integers(0, 4, 80)
    starts = in_turn(limits, turns, delays, clients, 300)
    assert all(starts >= turns + delays)
    everybody = most_at_once(list(starts), list(starts + 300))
    assert everybody <= (limits.at_once or 80)
    for client in range(4):
        mine = starts[clients == client]
        each = most_at_once(list(mine), list(mine + 300))
        assert each <= (limits.at_once_per_client or 80)


@pytest.mark.parametrize("name", LIMITS)
def test_where_few_may_be_in_progress_a_bad_release_gets_less_far(name: str) -> None:
    fleet, free = Fleet(400, 0.3, clients=5), a_schedule(2000, WHOLE, spread=0)
    limited = free.model_copy(update={"limits": LIMITS[name]})
    reached = [simulate(schedule, fleet, range(10)).median for schedule in (free, limited)]
    assert reached[1] < reached[0] / 2


def test_a_limit_that_would_take_years_is_refused() -> None:
    crawling = a_schedule(WHOLE).model_copy(update={"limits": Limits(at_once=1)})
    with pytest.raises(Invalid, match="three years"):
        simulate(crawling, Fleet(300_000, 0.1), range(1))


def test_a_faster_schedule_lets_a_bad_release_go_further() -> None:
    fleet = Fleet(50_000, 0.1)
    reached = [
        simulate(load_schedule(name), fleet, range(5)).median
        for name in ("standard", "accelerated", "emergency")
    ]
    assert reached == sorted(reached)
    assert reached[0] < reached[-1]


def test_the_same_seed_gives_the_same_shares() -> None:
    schedule, fleet = load_schedule("emergency"), Fleet(5_000, 0.07)
    assert simulate(schedule, fleet, range(4)) == simulate(schedule, fleet, range(4))


@pytest.mark.parametrize(
    "wrong",
    [{"sites": 0}, {"failure_rate": 1.1}, {"pilots": 0.7, "critical": 0.7}, {"poll_seconds": 0}],
)
def test_what_is_no_fleet_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Invalid):
        Fleet(**{"sites": 10, "failure_rate": 0.1, **wrong})  # type: ignore[arg-type] # wrong
