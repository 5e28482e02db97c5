"""Thresholds of single waves, distinct sites, brakes: pure, counts in and a verdict out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from distribution.control.assessment import Hold, OpenNextWave, Pause, Verdict, assess
from distribution.control.standing import Counts, Course
from manifests.errors import ManifestError
from manifests.file_list import FileEntry
from manifests.release import Artifact, Release, ReleaseManifest
from manifests.rollout import Change, Rollout, RolloutState, Schedule, Wave, WaveGates
from manifests.target_paths import ReleasePath
from tests.simulators.house import schedule

BEGIN = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
LATER = BEGIN + timedelta(hours=1)
BOUNDS = (1000, 5000, 10_000)


def course(opened: int, brake: str = "", **gates: Any) -> Course:
    """A rollout with three waves, of which so many are open."""
    plan = schedule(*BOUNDS, **gates)
    artifact = Artifact(
        name="app-2.0.tar.zst",
        tar_size_bytes=1024,
        tar_sha256="0" * 64,
        files=(FileEntry(path="a", size_bytes=0, sha256="0" * 64),),
    )
    manifest = ReleaseManifest(
        product="app", version="2.0", artifacts=(artifact,), issued_at=BEGIN, pace=plan.pace
    )
    path = ReleasePath.parse("releases/app/2.0/manifest.json")
    rollout = Rollout(
        release=str(path),
        state=RolloutState.RUNNING,
        last_change=Change(by="ani", at=BEGIN, reason="started"),
        waves=tuple(
            Wave(opens_at=BEGIN if number < opened else None, up_to_basis_points=bound)
            for number, bound in enumerate(BOUNDS)
        ),
    )
    return Course(Release(path, manifest), rollout, plan, BEGIN, brake)


def judged(given: Course, **counts: int) -> Verdict:
    sites = sum(counts.values())
    return assess(given, [Counts(sites=sites, admitted=sites, **counts)], LATER)


STRICT = WaveGates(
    number=1, success_threshold_percent=100, error_threshold_percent=0, soak_seconds=7200
)


def test_a_wave_may_be_stricter_than_the_others() -> None:
    loose = {"success_threshold_percent": 50, "error_threshold_percent": 50}
    assert isinstance(judged(course(1, **loose), confirmed=8, failed=2), OpenNextWave)
    strict = {**loose, "waves": (STRICT,)}
    assert isinstance(judged(course(1, **strict), confirmed=8, failed=2), Pause)
    assert "watched until" in str(judged(course(1, **strict), confirmed=9, pending=1))
    assert isinstance(judged(course(2, **strict), confirmed=8, failed=2), OpenNextWave)


def test_so_many_distinct_sites_or_all_where_they_are_fewer() -> None:
    given = course(1, minimum_confirmed_sites=3)
    assert isinstance(judged(given, confirmed=2, silent=8), Hold)
    assert isinstance(judged(given, confirmed=3, silent=7), OpenNextWave)
    assert isinstance(judged(given, confirmed=2), OpenNextWave)
    assert isinstance(judged(given), OpenNextWave), "an empty wave has nothing to prove"


def test_a_brake_holds_the_waves_and_not_the_stop_rule() -> None:
    given = course(1, brake="a brake on app is on (wati: stock)")
    assert judged(given, confirmed=9) == Hold("a brake on app is on (wati: stock)")
    assert isinstance(judged(given, failed=9), Pause)
    assert isinstance(judged(replace(given, brake=""), confirmed=9), OpenNextWave)


@pytest.mark.parametrize("numbers", [(1, 1), (4,)])
def test_gates_of_waves_that_are_not_there_are_refused(numbers: tuple[int, ...]) -> None:
    plain = schedule(*BOUNDS).model_dump()
    plain["gates"]["waves"] = [{"number": number} for number in numbers]
    with pytest.raises(ManifestError, match="3 waves"):
        Schedule.from_plain(plain)
