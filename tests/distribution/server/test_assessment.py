"""The assessment alone: honest denominators, and what follows from them. No database, no clock."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from distribution.control.assessment import (
    Finish,
    Hold,
    OpenNextWave,
    Pause,
    StandStill,
    Verdict,
    assess,
)
from distribution.control.standing import Candidate, Counts, Course, Outcome, Said, tally
from manifests.file_list import FileEntry
from manifests.release import Artifact, Release, ReleaseManifest
from manifests.rollout import (
    Change,
    Pace,
    Ring,
    Rollout,
    RolloutState,
    Schedule,
    ScheduledWave,
    SiteFilter,
    Wave,
)
from manifests.site import InstalledProduct, Site, SiteProfile
from manifests.target_paths import ReleasePath
from tests.simulators.house import schedule

BEGIN = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
LATER = BEGIN + timedelta(hours=1)
ALL = 10_000
FASTEST = Pace(name="fastest", waves=(ScheduledWave(after_seconds=0, up_to_basis_points=ALL),))


def release(version: str = "2.0", pace: Pace = FASTEST, platform: str = "any") -> Release:
    entry = FileEntry(path="a", size_bytes=0, sha256="0" * 64)
    manifest = ReleaseManifest(
        product="app",
        version=version,
        artifacts=(
            Artifact(
                name=f"app-{version}.tar.zst",
                platform=platform,
                tar_size_bytes=1024,
                tar_sha256="0" * 64,
                files=(entry,),
            ),
        ),
        issued_at=BEGIN,
        pace=pace,
    )
    return Release(ReleasePath.parse(f"releases/app/{version}/manifest.json"), manifest)


def course(
    plan: Schedule,
    opened: int = 1,
    what: Release | None = None,
    only: SiteFilter | None = None,
) -> Course:
    """A rollout whose first ``opened`` waves opened at the beginning."""
    what = what or release()
    waves = tuple(
        Wave(
            opens_at=BEGIN if number < opened else None,
            spread_seconds=wave.spread_seconds,
            up_to_basis_points=wave.up_to_basis_points,
        )
        for number, wave in enumerate(plan.waves)
    )
    rollout = Rollout(
        release=str(what.path),
        state=RolloutState.RUNNING,
        last_change=Change(by="ani", at=BEGIN, reason="started"),
        waves=waves,
        only=only or SiteFilter(),
    )
    return Course(what, rollout, plan, BEGIN)


def candidate(number: int = 0, version: str | None = "1.0", **fields: object) -> Candidate:
    profile = SiteProfile(site_id=f"site-{number}", client_id="warung", products=("app",))
    site = Site(profile, products={"app": InstalledProduct(version=version)})
    return replace(Candidate(site, online=True), **fields)  # type: ignore[arg-type] # by name


def in_ring(given: Candidate, ring: Ring) -> Candidate:
    profile = given.site.profile.model_copy(update={"ring": ring})
    return replace(given, site=replace(given.site, profile=profile))


def many(count: int, **fields: object) -> list[Candidate]:
    return [candidate(number, **fields) for number in range(count)]


def judged(
    sites: Sequence[Candidate], now: datetime = LATER, opened: int = 1, **gates: int
) -> Verdict:
    bounds = (5000, ALL) if opened < 2 else (ALL,)
    given = course(schedule(*bounds, **gates), opened=min(opened, len(bounds)))
    return assess(given, tally(given, sites, now), now)


def total(given: Course, sites: Sequence[Candidate], now: datetime = LATER) -> Counts:
    return sum(tally(given, sites, now), Counts())


# --- who counts as what


WHERE: list[tuple[str, Callable[[], Candidate], str]] = [
    ("heard nothing yet", candidate, "pending"),
    ("said that it installs", lambda: candidate(said=Said("install", None)), "pending"),
    ("waits for its window", lambda: candidate(said=Said("wait", LATER)), "waiting"),
    ("asks its administrator", lambda: candidate(said=Said("wait", None)), "excused"),
    ("has its own brake on", lambda: candidate(said=Said("stay", None)), "excused"),
    ("is silent", lambda: candidate(online=False), "silent"),
    ("is silent and waited", lambda: candidate(online=False, said=Said("wait", LATER)), "silent"),
    ("is trying", lambda: candidate(outcome=Outcome.TRYING), "trying"),
    ("has confirmed", lambda: candidate(outcome=Outcome.CONFIRMED), "confirmed"),
    ("confirmed and fell silent", lambda: candidate(outcome=Outcome.CONFIRMED, online=False),
     "confirmed"),
    ("failed and fell silent", lambda: candidate(outcome=Outcome.FAILED, online=False), "failed"),
    ("runs it, and its report is on the way", lambda: candidate(version="2.0"), "confirmed"),
    ("runs it under its other spelling", lambda: candidate(version="2.0.0"), "confirmed"),
    ("runs something newer", lambda: candidate(version="2.1"), "overtaken"),
    ("failed, and the hotfix runs now",
     lambda: candidate(version="2.0.post1", outcome=Outcome.FAILED), "failed"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "make", "column"), WHERE, ids=[row[0] for row in WHERE])
def test_a_site_that(text: str, make: Callable[[], Candidate], column: str) -> None:
    counts = total(course(schedule(ALL)), [make()])
    assert getattr(counts, column) == 1
    assert counts.sites == 1


def test_a_site_whose_turn_has_not_come_counts_for_nothing_whatever_it_says() -> None:
    given = course(schedule(1, ALL))
    hostile = [in_ring(candidate(n, outcome=Outcome.FAILED), Ring.CRITICAL) for n in range(50)]
    counts = total(given, hostile)
    assert (counts.sites, counts.admitted, counts.failed) == (50, 0, 0)


def test_the_signed_pace_admits_nobody_earlier_than_the_plan_could() -> None:
    slow = Pace(name="slow", waves=(ScheduledWave(after_seconds=86_400, up_to_basis_points=ALL),))
    given = course(schedule(ALL), what=release(pace=slow))
    assert total(given, many(20)).admitted == 0
    assert total(given, many(20), BEGIN + timedelta(days=2)).admitted == 20


def test_sites_that_it_is_not_for_are_in_no_denominator() -> None:
    elsewhere = course(schedule(ALL), only=SiteFilter(clients=("apotek",)))
    assert total(elsewhere, many(5)).sites == 0
    other_platform = course(schedule(ALL), what=release(platform="arm64"))
    assert total(other_platform, many(5)).sites == 0


def test_waves_hold_the_share_of_sites_that_the_schedule_says() -> None:
    given = course(schedule(1000, 4000, ALL), opened=3)
    waves = tally(given, many(4000), LATER)
    assert sum(wave.sites for wave in waves) == 4000
    shares = [wave.sites / 4000 for wave in waves]
    assert shares == pytest.approx([0.1, 0.3, 0.6], abs=0.03)
    assert [wave.admitted for wave in waves] == [wave.sites for wave in waves]


def test_within_a_wave_sites_are_admitted_evenly_over_its_spread() -> None:
    plan = Schedule(
        name="spread",
        waves=(ScheduledWave(after_seconds=0, spread_seconds=1000, up_to_basis_points=ALL),),
        gates=schedule(ALL).gates,
    )
    given = course(plan)
    for share in (0.25, 0.5, 0.75):
        now = BEGIN + timedelta(seconds=1000 * share)
        assert total(given, many(2000), now).admitted / 2000 == pytest.approx(share, abs=0.04)


# --- what follows


def test_the_error_rule_is_asked_first() -> None:
    sites = [*many(2, outcome=Outcome.FAILED)]
    found = judged(sites, now=BEGIN, opened=2)
    assert found == Pause("the stop rule: 2 of 2 sites that tried it failed, more than 5 %")


@pytest.mark.parametrize(
    ("failed", "tried", "pauses"),
    [(1, 1, False), (2, 2, True), (2, 40, False), (3, 40, True), (5, 100, False), (6, 100, True)],
)
def test_the_stop_rule_needs_distinct_sites_and_a_share(
    failed: int, tried: int, pauses: bool
) -> None:
    sites = many(tried, outcome=Outcome.CONFIRMED)
    sites[:failed] = many(failed, outcome=Outcome.FAILED)
    assert isinstance(judged(sites, opened=2), Pause) is pauses


def test_deferrals_and_silence_are_neither_failures_nor_attempts() -> None:
    sites = [
        *many(50, said=Said("wait", LATER)),
        *(candidate(n, online=False) for n in range(50, 90)),
        *(candidate(n, outcome=Outcome.FAILED) for n in range(90, 92)),
    ]
    found = judged(sites, opened=2)
    assert isinstance(found, Pause)
    assert "2 of 2 sites that tried it failed" in found.reason


def test_a_wave_is_watched_for_its_soak_and_its_whole_spread() -> None:
    sites = many(10, outcome=Outcome.CONFIRMED)
    held = judged(sites, now=BEGIN + timedelta(seconds=9), opened=2)
    assert held == Hold("wave 1 is watched until 2026-11-25 02:00:10 UTC")
    plan = Schedule(
        name="spread",
        waves=(ScheduledWave(after_seconds=0, spread_seconds=1000, up_to_basis_points=ALL),),
        gates=schedule(ALL).gates,
    )
    given = course(plan)
    for seconds, kind in ((999, Hold), (1000, Finish)):
        now = BEGIN + timedelta(seconds=seconds)
        assert isinstance(assess(given, tally(given, sites, now), now), kind)


def test_silent_and_excused_sites_do_not_hold_a_wave_up() -> None:
    sites = [
        *(candidate(n, outcome=Outcome.CONFIRMED) for n in range(10)),
        *(candidate(n, online=False) for n in range(10, 20)),
        *(candidate(n, said=Said("stay", None)) for n in range(20, 30)),
    ]
    assert judged(sites, opened=2) == Finish("every wave has passed")


def test_sites_that_wait_for_their_window_are_waited_for() -> None:
    sites = [
        *(candidate(n, outcome=Outcome.CONFIRMED) for n in range(9)),
        candidate(9, said=Said("wait", LATER)),
    ]
    assert judged(sites, opened=2) == Hold(
        "9 of 10 expected sites run it, 95 % are needed: 1 waiting for a window or their turn"
    )
    assert isinstance(judged(sites, opened=2, success_threshold_percent=90), Finish)


def test_a_wave_of_silent_sites_proves_nothing() -> None:
    found = judged(many(5, online=False), opened=2)
    assert found == StandStill(
        "it stands still: none of 5 admitted sites can be expected, and nobody is on the way: "
        "5 silent; it goes on when they do; an approver may stop it"
    )


def test_too_few_failures_for_the_stop_rule_are_a_standstill_that_says_so() -> None:
    ended = [*many(2, outcome=Outcome.CONFIRMED), candidate(2, outcome=Outcome.FAILED)]
    found = judged(ended, opened=2)
    assert found == StandStill(
        "it stands still: 2 of 3 expected sites run it, 95 % are needed, and nobody is on the "
        "way: 1 failed; an approver may resume it, which leaves the failures out, or stop it",
        failed=1,
    )
    for other in (
        candidate(3),
        candidate(3, outcome=Outcome.TRYING),
        candidate(3, outcome=Outcome.FETCHING),
        candidate(3, said=Said("wait", LATER)),
    ):
        on_the_way = judged([*ended, other], opened=2)
        assert isinstance(on_the_way, Hold) and not isinstance(on_the_way, StandStill)


def test_a_site_that_vanished_while_it_fetched_is_silent_and_holds_nobody_up() -> None:
    gone = candidate(9, outcome=Outcome.FETCHING, online=False)
    sites = [*many(3, outcome=Outcome.CONFIRMED), gone]
    assert total(course(schedule(ALL)), sites).silent == 1
    assert judged(sites, opened=2) == Finish("every wave has passed")


def test_the_next_wave_waits_for_its_time() -> None:
    given = course(schedule(ALL - 1, ALL))
    sites = many(10, outcome=Outcome.CONFIRMED)
    for seconds, wanted in (
        (30, Hold("wave 2 opens at 2026-11-25 02:01:00 UTC at the earliest")),
        (60, OpenNextWave(2, "wave 1 has passed")),
    ):
        now = BEGIN + timedelta(seconds=seconds)
        assert assess(given, tally(given, sites, now), now) == wanted
