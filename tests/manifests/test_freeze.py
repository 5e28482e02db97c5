"""Freezes: their occurrences in absolute time, and that they win over every window."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from manifests.check_in import CheckInAnswer
from manifests.decision import ADMINISTRATOR, OPERATOR, Install, Stay, Wait, decide
from manifests.errors import ManifestError
from manifests.freeze import Freeze, blackouts_of
from manifests.release import Release, ReleaseManifest
from manifests.rollout import RolloutPlan
from manifests.site import InstalledProduct, Site, SitePolicy, SiteProfile
from manifests.target_paths import Lane, ReleasePath, manifest_path

DAY = 24 * 3600
NOW = datetime(2027, 3, 2, 12, 0, tzinfo=UTC)
YEAR_END = {
    "name": "year-end closing",
    "zone": "Asia/Jakarta",
    "starts": "2026-12-18T00:00:00",
    "rule": "FREQ=YEARLY",
    "duration_seconds": 18 * DAY,
}
TODAY = {
    "name": "stocktaking",
    "zone": "UTC",
    "starts": "2027-03-02T00:00",
    "duration_seconds": DAY,
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_freeze(**changes: Any) -> Freeze:
    return Freeze.model_validate({**YEAR_END, **changes})


def spans(freeze: Freeze, after: datetime, days: int = 800) -> list[tuple[str, str]]:
    found = freeze.blackouts(after, after + timedelta(days=days))
    return [(f"{b.starts_at:%Y-%m-%dT%H:%M}", f"{b.ends_at:%Y-%m-%dT%H:%M}") for b in found]


def test_a_yearly_freeze_comes_every_year_on_the_local_clock() -> None:
    assert spans(a_freeze(), utc("2027-02-01T00:00")) == [
        ("2027-12-17T17:00", "2028-01-04T17:00"),
        ("2028-12-17T17:00", "2029-01-04T17:00"),
    ]


def test_one_that_has_begun_is_still_in_force() -> None:
    assert spans(a_freeze(), utc("2027-01-04T16:59"), 1) == [
        ("2026-12-17T17:00", "2027-01-04T17:00")
    ]
    assert spans(a_freeze(), utc("2027-01-04T17:00"), 1) == []


def test_a_frozen_day_is_frozen_to_its_midnight_however_long_it_is() -> None:
    autumn = a_freeze(
        zone="Europe/Berlin", starts="2027-10-31T00:00", rule="", duration_seconds=DAY
    )
    spring = a_freeze(
        zone="Europe/Berlin", starts="2027-03-28T00:00", rule="", duration_seconds=DAY
    )
    begin = utc("2027-01-01T00:00")
    assert spans(autumn, begin) == [("2027-10-30T22:00", "2027-10-31T23:00")], "25 hours"
    assert spans(spring, begin) == [("2027-03-27T23:00", "2027-03-28T23:00")], "a whole 24"


@pytest.mark.parametrize("starts", ["2027-10-31T02:30", "2027-03-28T02:30"])
def test_an_edge_in_an_odd_hour_freezes_at_least_what_either_reading_means(starts: str) -> None:
    freeze = a_freeze(zone="Europe/Berlin", starts=starts, rule="", duration_seconds=3600)
    [blackout] = freeze.blackouts(utc("2027-01-01T00:00"), utc("2028-01-01T00:00"))
    assert blackout.ends_at - blackout.starts_at >= timedelta(hours=1)


def test_what_was_once_is_over() -> None:
    once = a_freeze(rule="", starts="2026-12-18T00:00")
    assert not once.is_over(utc("2027-01-04T16:59"))
    assert once.is_over(utc("2027-01-04T17:00"))
    assert not a_freeze().is_over(utc("2030-01-01T00:00"))
    assert a_freeze(rule="", starts="2030-01-01T00:00").is_over(NOW), "not within 13 months"


def test_an_occurrence_that_is_left_out_is_no_freeze() -> None:
    without = a_freeze(except_starts=["2027-12-18T00:00", "2027-05-05T00:00"])
    assert spans(without, utc("2027-02-01T00:00")) == [("2028-12-17T17:00", "2029-01-04T17:00")]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"zone": "Mars/Phobos"}, "IANA"),
        ({"duration_seconds": 0}, "greater than or equal to 1"),
        ({"duration_seconds": -5}, "greater than or equal to 1"),
        ({"duration_seconds": 400 * DAY}, "less than or equal to"),
        ({"starts": "2026-12-18T00:00+07:00"}, "no offset"),
        ({"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "never occurs"),
        ({"rule": "FREQ=SECONDLY"}, "FREQ"),
        ({"except_starts": ["2027-12-18T00:00Z"]}, "local wall-clock"),
        ({"except_starts": ["2027-12-18T00:00"] * 201}, "200"),
        ({"until": "2027"}, "unknown field"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ManifestError, match=says):
        SitePolicy.from_plain({"freezes": [{**YEAR_END, **wrong}]})


def test_many_freezes_of_many_years_are_found_in_no_time() -> None:
    nightly = a_freeze(rule="FREQ=DAILY", duration_seconds=3600, starts="1990-01-01T00:00")
    assert len(blackouts_of([nightly] * 50, NOW)) > 50 * 397


# --- what a site makes of them


def a_release(lane: Lane = Lane.RELEASES, **changes: Any) -> Release:
    artifact = {"name": "app.tar.zst", "tar_size_bytes": 1024, "tar_sha256": "0" * 64, "files": []}
    plain = {
        "product": "app",
        "version": "2.0",
        "artifacts": [artifact],
        "issued_at": NOW - timedelta(days=30),
        "pace": {"name": "p", "waves": [{"after_seconds": 0, "up_to_basis_points": 10_000}]},
        **changes,
    }
    path = ReleasePath.parse(manifest_path(lane, "app", "2.0"))
    return Release(path, ReleaseManifest.from_plain(plain))


def a_plan(release: Release, freezes: Any = ()) -> RolloutPlan:
    wave = {"opens_at": NOW - timedelta(days=7), "up_to_basis_points": 10_000}
    change = {"by": "ani", "at": NOW, "reason": "started"}
    running = {"state": "running", "last_change": change, "waves": [wave]}
    rollouts = [{"release": str(release.path), **running}]
    plain = {"product": "app", "serial": 1, "written_at": NOW, "rollouts": rollouts}
    return RolloutPlan.from_plain({**plain, "freezes": freezes})


def a_site(own: Any = (), servers: Any = (), **policy: Any) -> Site:
    profile = {"site_id": "shop", "client_id": "warung", "products": ["app"]}
    return Site(
        SiteProfile.model_validate(profile),
        SitePolicy.from_plain({"freezes": own, **policy}),
        {"app": InstalledProduct(version="1.0")},
        freezes=tuple(Freeze.model_validate(each) for each in servers),
    )


@pytest.mark.parametrize(
    ("level", "lifted_by"),
    [("site", ADMINISTRATOR), ("client", OPERATOR), ("product", OPERATOR)],
)
def test_at_every_level_a_freeze_wins_over_an_open_window(level: str, lifted_by: str) -> None:
    release = a_release()
    window = {"zone": "UTC", "starts": "2027-01-01T11:00", "rule": "FREQ=DAILY"}
    windows = [{**window, "duration_seconds": 4 * 3600}]
    assert isinstance(decide(release, a_plan(release), a_site(windows=windows), NOW), Install)
    site = a_site(
        own=[TODAY] if level == "site" else (),
        servers=[TODAY] if level == "client" else (),
        windows=windows,
    )
    plan = a_plan(release, [TODAY] if level == "product" else ())
    answer = decide(release, plan, site, NOW)
    assert answer == Wait(
        "window_open",
        utc("2027-03-03T11:00"),
        "the site must not be changed now: stocktaking",
        lifted_by,
    )


def test_with_two_freezes_both_must_be_over() -> None:
    release = a_release()
    tomorrow = {**TODAY, "starts": "2027-03-02T18:00"}
    answer = decide(release, a_plan(release, [TODAY]), a_site(own=[tomorrow]), NOW)
    assert isinstance(answer, Wait)
    assert answer.until == utc("2027-03-03T18:00")


def test_no_word_of_the_server_opens_what_the_site_keeps_shut() -> None:
    release = a_release()
    site = a_site(own=[TODAY], servers=())
    assert isinstance(decide(release, a_plan(release), site, NOW), Wait)
    braked = a_site(brake={"by": "ani", "at": NOW, "reason": "x"})
    answer = decide(release, a_plan(release, [TODAY]), braked, NOW)
    assert isinstance(answer, Stay)
    assert answer.gate == "held"


def test_a_freeze_of_all_the_time_ahead_is_said_to_a_person() -> None:
    release = a_release()
    ever = {**TODAY, "rule": "FREQ=DAILY", "duration_seconds": 2 * DAY}
    answer = decide(release, a_plan(release, [ever]), a_site(), NOW)
    assert isinstance(answer, Stay)
    assert not answer.expected


def test_a_hotfix_goes_by_the_sites_own_word_on_hotfixes() -> None:
    release = a_release(Lane.HOTFIXES)
    plan = a_plan(release, [TODAY])
    assert isinstance(decide(release, plan, a_site(), NOW), Install)
    assert isinstance(decide(release, plan, a_site(hotfix="next_window"), NOW), Wait)


def test_a_window_that_is_too_short_is_named_as_the_reason() -> None:
    release = a_release(expected_duration_seconds=3600)
    window = {"zone": "UTC", "starts": "2027-01-01T11:00", "rule": "FREQ=DAILY"}
    site = a_site(windows=[{**window, "duration_seconds": 600}])
    answer = decide(release, a_plan(release), site, NOW)
    assert isinstance(answer, Stay)
    assert "the longest has 600 s" in answer.reason


def test_a_policy_whose_window_never_opens_is_refused_when_it_is_written() -> None:
    gone = {"zone": "UTC", "starts": "2026-01-01T11:00", "duration_seconds": 600, "name": "once"}
    policy = SitePolicy.from_plain({"windows": [gone]})
    with pytest.raises(ManifestError, match="'once' does not open within 13 months"):
        policy.check_opens(NOW)
    SitePolicy.from_plain({"windows": [{**gone, "rule": "FREQ=DAILY"}]}).check_opens(NOW)


def test_freezes_survive_the_way_to_the_site() -> None:
    answer = CheckInAnswer(poll_seconds=60, freezes=(a_freeze(), Freeze.model_validate(TODAY)))
    assert CheckInAnswer.from_bytes(answer.to_bytes()) == answer
