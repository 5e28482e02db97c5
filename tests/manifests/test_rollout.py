"""Who is admitted when: the share of sites over time, the pace against thieves, pinned rings."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from statistics import correlation

import pytest

from manifests.decision import Install, Wait, decide
from manifests.errors import ManifestError
from manifests.release import Release, ReleaseManifest
from manifests.rollout import (
    Pace,
    Ring,
    RolloutPlan,
    Schedule,
    Wave,
    draw,
    earliest,
    opens_at,
    position,
    wave_index,
)
from manifests.site import InstalledProduct, Site, SiteProfile
from manifests.target_paths import ReleasePath, manifest_path

ISSUED = datetime(2027, 3, 2, 8, 0, tzinfo=UTC)
FLEET = [f"site-{number:05}" for number in range(20_000)]
SCHEDULES = ("standard", "accelerated", "emergency")

STATED = {
    # SEMANTICS: cumulative percent after so many hours.
    "standard": [(1, 1), (4, 5), (24, 15), (48, 40), (96, 60), (120, 90), (144, 100)],
    "accelerated": [(1, 3), (4, 12), (8, 40), (16, 80), (24, 100)],
    "emergency": [(0.5, 5), (1, 25), (2, 50), (2.5, 90), (3, 100)],
}


def schedule(name: str) -> Schedule:
    """One of the three that we publish."""
    return Schedule.from_toml((files("manifests") / f"schedules/{name}.toml").read_text())


def hours(count: float) -> timedelta:
    """So many hours."""
    return timedelta(hours=count)


def openings(pace: Pace, ring: Ring = Ring.BROAD, version: str = "2.0") -> list[datetime]:
    """When each site of the fleet is admitted, at the earliest."""
    return [earliest(pace, ISSUED, ring, draw("app", version, site)) for site in FLEET]


def share_admitted(opening: Sequence[datetime], after: timedelta) -> float:
    """The share of the fleet that is admitted ``after`` so long."""
    return sum(moment <= ISSUED + after for moment in opening) / len(opening)


def tolerance(share: float) -> float:
    """Five standard deviations of a drawn share, and one basis point for whole positions."""
    return 5 * math.sqrt(share * (1 - share) / len(FLEET)) + 0.0001


# The distribution.


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_share_of_admitted_sites_is_what_the_schedule_states(name: str) -> None:
    admitted = openings(schedule(name).pace)
    for after, percent in STATED[name]:
        share = percent / 100
        assert share_admitted(admitted, hours(after)) == pytest.approx(share, abs=tolerance(share))


@pytest.mark.parametrize("name", SCHEDULES)
def test_within_a_wave_sites_are_spread_evenly(name: str) -> None:
    admitted = openings(schedule(name).pace)
    for (start, low), (end, high) in pairwise([(0.0, 0), *STATED[name]]):
        for part in (0.1, 0.25, 0.5, 0.75, 0.9):
            share = (low + (high - low) * part) / 100
            found = share_admitted(admitted, hours(start + (end - start) * part))
            assert found == pytest.approx(share, abs=tolerance(share))


@pytest.mark.parametrize("name", SCHEDULES)
def test_nobody_is_admitted_before_the_start_and_everybody_by_the_end(name: str) -> None:
    admitted = openings(schedule(name).pace)
    assert share_admitted(admitted, -timedelta(microseconds=1)) == 0
    assert share_admitted(admitted, hours(STATED[name][-1][0])) == 1


def test_an_admitted_site_stays_admitted_and_no_two_waves_swap() -> None:
    pace = schedule("standard").pace
    in_line = [earliest(pace, ISSUED, Ring.BROAD, drawn) for drawn in range(10_000)]
    assert in_line == sorted(in_line)
    assert len(set(in_line)) == 10_000


def test_a_site_may_be_late_but_is_never_turned_away() -> None:
    # A wave missed, by a site that was switched off, stays open.
    waves = [Wave(opens_at=ISSUED, spread_seconds=60, up_to_basis_points=10_000)]
    opening = opens_at(waves, Ring.BROAD, draw("app", "2.0", "site-00001"))
    assert opening is not None
    assert opening < ISSUED + timedelta(days=400)


# The draw.


def test_positions_are_drawn_evenly() -> None:
    in_each_percent = Counter(draw("app", "2.0", site) // 100 for site in FLEET)
    expected = len(FLEET) / 100
    chi_squared = sum((in_each_percent[n] - expected) ** 2 / expected for n in range(100))
    assert chi_squared < 99 + 5 * math.sqrt(2 * 99)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("app", "2.0"), ("app", "2.1")),
        (("app", "2.0"), ("lab", "2.0")),
        (("app", "1.10"), ("app", "11.0")),
    ],
    ids=["two versions", "two products", "two spellings of like letters"],
)
def test_draws_for_two_versions_are_unrelated(one: tuple[str, str], other: tuple[str, str]) -> None:
    first = [draw(*one, site) for site in FLEET]
    second = [draw(*other, site) for site in FLEET]
    assert abs(correlation(first, second)) < 5 / math.sqrt(len(FLEET))


def test_the_same_sites_are_not_always_first() -> None:
    versions = [f"{major}.0" for major in range(1, 21)]
    often_first = Counter(site for v in versions for site in FLEET if draw("app", v, site) < 500)
    # 5 % each time: twenty versions in which a site is first more than ten times are not chance.
    assert max(often_first.values()) <= 10
    assert sum(often_first.values()) == pytest.approx(20 * 0.05 * len(FLEET), rel=0.05)


def test_asking_again_moves_nobody() -> None:
    assert draw("app", "2.0", "site-00001") == draw("app", "2.0", "site-00001")
    # Server and agents must draw alike for years: this value may never change.
    assert draw("app", "2.0", "site-00001") == 2462


# Rings.


@pytest.mark.parametrize("name", SCHEDULES)
def test_pilots_are_all_in_the_first_wave_and_critical_sites_all_in_the_last(name: str) -> None:
    pace = schedule(name).pace
    (first, *_), last = pace.waves, pace.waves[-1]
    end_of_first = ISSUED + timedelta(seconds=first.after_seconds + first.spread_seconds)
    assert max(openings(pace, Ring.PILOT)) < end_of_first
    assert min(openings(pace, Ring.CRITICAL)) >= ISSUED + timedelta(seconds=last.after_seconds)


def test_pilots_and_critical_sites_are_spread_within_their_wave_too() -> None:
    pace = schedule("standard").pace
    for ring, start, length in ((Ring.PILOT, 0, 1), (Ring.CRITICAL, 120, 24)):
        admitted = openings(pace, ring)
        half = share_admitted(admitted, hours(start + length / 2))
        # The first wave has 100 positions only, so a pilot's turn is one of 100.
        assert half == pytest.approx(0.5, abs=tolerance(0.5) + 0.01)


@pytest.mark.parametrize("ring", list(Ring))
def test_with_one_wave_every_ring_is_in_it(ring: Ring) -> None:
    for drawn in (0, 5_000, 9_999):
        assert wave_index(position(drawn, ring, [10_000]), [10_000]) == 0


def test_every_position_has_a_wave_however_small_the_waves_are() -> None:
    bounds = [1, 2, 9_999, 10_000]
    for ring in Ring:
        waves = {wave_index(position(drawn, ring, bounds), bounds) for drawn in range(10_000)}
        expected = {Ring.PILOT: {0}, Ring.BROAD: {0, 1, 2, 3}, Ring.CRITICAL: {3}}
        assert waves == expected[ring]


# Threat: whoever has stolen the online key writes the plan. The manifest is signed offline.


def everything_is_open(release: Release) -> RolloutPlan:
    """The plan of a thief: one wave, everybody, since the year 2000."""
    rollout = {
        "release": str(release.path),
        "state": "running",
        "last_change": {"by": "thief", "at": ISSUED, "reason": "now"},
        "waves": [{"opens_at": datetime(2000, 1, 1, tzinfo=UTC), "up_to_basis_points": 10_000}],
    }
    plan = {"product": "app", "serial": 2**31, "written_at": ISSUED, "rollouts": [rollout]}
    return RolloutPlan.from_plain(plan)


def a_release(pace: Pace) -> Release:
    """A release with this pace."""
    artifact = {"name": "app.tar.zst", "tar_size_bytes": 1024, "tar_sha256": "0" * 64, "files": []}
    manifest = ReleaseManifest.model_validate(
        {
            "product": "app",
            "version": "2.0",
            "issued_at": ISSUED,
            "pace": pace,
            "artifacts": [artifact],
        }
    )
    return Release(ReleasePath.parse(manifest_path("releases", "app", "2.0")), manifest)


def a_site(site_id: str, ring: Ring = Ring.BROAD) -> Site:
    """A site that runs 1.0 and has no window."""
    profile = SiteProfile(site_id=site_id, client_id="c", ring=ring, products=("app",))
    return Site(profile, products={"app": InstalledProduct(version="1.0")})


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_stolen_online_key_cannot_hasten_a_release(name: str) -> None:
    release = a_release(schedule(name).pace)
    plan, sites = everything_is_open(release), [a_site(site_id) for site_id in FLEET[:2_000]]
    for after, percent in [(-1, 0), *STATED[name]]:
        now = ISSUED + hours(after)
        installing = sum(isinstance(decide(release, plan, s, now), Install) for s in sites)
        margin = 5 * math.sqrt(percent * (100 - percent)) / 100 * math.sqrt(len(sites))
        assert installing == pytest.approx(percent / 100 * len(sites), abs=margin + 1)


def test_a_site_says_that_it_is_the_signed_pace_that_holds_it() -> None:
    release = a_release(schedule("standard").pace)
    site = a_site("hospital-1", Ring.CRITICAL)
    decision = decide(release, everything_is_open(release), site, ISSUED + hours(1))
    assert isinstance(decision, Wait)
    assert "signed pace" in decision.reason
    assert decision.until is not None
    assert decision.until >= ISSUED + hours(120)


def test_a_stolen_online_key_cannot_make_a_critical_site_a_first_one() -> None:
    release = a_release(schedule("emergency").pace)
    plan = everything_is_open(release)
    early = ISSUED + hours(2.4)
    for site_id in FLEET[:500]:
        assert isinstance(decide(release, plan, a_site(site_id, Ring.CRITICAL), early), Wait)


def test_the_plan_can_still_slow_what_the_pace_allows() -> None:
    release = a_release(schedule("emergency").pace)
    plan = everything_is_open(release).model_dump(mode="json")
    plan["rollouts"][0]["waves"] = [{"up_to_basis_points": 10_000}]
    much_later = ISSUED + timedelta(days=30)
    decision = decide(release, RolloutPlan.from_plain(plan), a_site("site-00001"), much_later)
    assert decision == Wait("wave_open", None, decision.reason, decision.lifted_by)


# What a schedule may not say.


def waves(*steps: tuple[int, int]) -> str:
    """A schedule as TOML, of (after_seconds, up_to_basis_points)."""
    text = 'name = "x"\n[gates]\nsoak_seconds = 0\nsuccess_threshold_percent = 0\n'
    text += "error_threshold_percent = 0\n"
    return text + "".join(
        f"[[waves]]\nafter_seconds = {after}\nup_to_basis_points = {bound}\n"
        for after, bound in steps
    )


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([(0, 5_000)], "end at 10000"),
        ([(0, 5_000), (1, 5_000), (2, 10_000)], "must grow"),
        ([(0, 6_000), (1, 5_000), (2, 10_000)], "must grow"),
        ([(5, 5_000), (1, 10_000)], "before the one in front"),
        ([(0, 0), (1, 10_000)], "greater than or equal to 1"),
        ([(0, 10_001)], "less than or equal to 10000"),
        ([(-1, 10_000)], "greater than or equal to 0"),
        ([], "Field required"),
    ],
)
def test_waves_that_make_no_rollout_are_refused(
    steps: list[tuple[int, int]], complaint: str
) -> None:
    with pytest.raises(ManifestError, match=complaint):
        Schedule.from_toml(waves(*steps))


def test_a_misspelled_gate_is_refused_and_named() -> None:
    text = waves((0, 10_000)).replace("soak_seconds", "soak_minutes")
    with pytest.raises(ManifestError, match="soak_minutes: unknown field"):
        Schedule.from_toml(text)
