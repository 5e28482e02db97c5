"""The preview: the sites' own decisions asked ahead of time, and who cannot make it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from distribution.errors import Invalid
from distribution.planning import preview_picture
from distribution.planning.planned import Planned, Preview, Question
from distribution.planning.preview import preview
from distribution.planning.synthesis import Wanted, make_fleet
from manifests.freeze import Freeze
from manifests.release import Release, ReleaseManifest
from manifests.rollout import WHOLE, Brake, Gates, Limits, Schedule, ScheduledWave, SiteFilter
from manifests.site import InstalledProduct, Site, SitePolicy, SiteProfile
from manifests.target_paths import ReleasePath

START = datetime(2027, 3, 1, 8, tzinfo=UTC)
"""A Monday morning."""

NIGHT = {
    "zone": "UTC",
    "starts": "2027-01-01T22:00",
    "rule": "FREQ=DAILY",
    "duration_seconds": 7200,
}
SATURDAY = {**NIGHT, "starts": "2027-01-02T22:00", "rule": "FREQ=WEEKLY;BYDAY=SA"}


def a_release(**changes: Any) -> Release:
    artifact = {"name": "app.tar.zst", "tar_size_bytes": 1024, "tar_sha256": "0" * 64, "files": []}
    plain = {
        "product": "app",
        "version": "2.0",
        "artifacts": [artifact],
        "issued_at": START - timedelta(days=30),
        "pace": {"name": "p", "waves": [{"after_seconds": 0, "up_to_basis_points": WHOLE}]},
        "expected_duration_seconds": 600,
        **changes,
    }
    manifest = ReleaseManifest.from_plain(plain)
    return Release(ReleasePath.parse("releases/app/2.0/manifest.json"), manifest)


def a_schedule(*bounds: int, **gates: int) -> Schedule:
    limits = {"soak_seconds": 3600, "success_threshold_percent": 95, "error_threshold_percent": 5}
    waves = tuple(
        ScheduledWave(after_seconds=7200 * n, up_to_basis_points=b) for n, b in enumerate(bounds)
    )
    return Schedule(name="quick", waves=waves, gates=Gates(**{**limits, **gates}))


def a_site(number: int = 0, version: str = "1.0", **policy: Any) -> Site:
    ring = policy.pop("ring", "broad")
    profile = {"site_id": f"shop-{number}", "client_id": f"client-{number % 2}", "ring": ring}
    return Site(
        SiteProfile.model_validate({**profile, "products": ["app"]}),
        SitePolicy.from_plain(policy),
        {"app": InstalledProduct(version=version)},
    )


def planned(*sites: Site, schedule: Schedule | None = None, **asked: Any) -> Preview:
    question = Question(a_release(), schedule or a_schedule(WHOLE), START, **asked)
    return preview(question, sites)


def only(found: Preview) -> Planned:
    [site] = found.sites
    return site


def test_a_site_without_a_window_begins_at_its_turn() -> None:
    site = only(planned(a_site()))
    assert site.start == site.turn == START
    assert site.reason == ""


def test_a_site_begins_when_its_window_opens() -> None:
    assert only(planned(a_site(windows=[NIGHT]))).start == START.replace(hour=22)


def test_a_freeze_of_the_plan_moves_it_to_the_next_window() -> None:
    freeze = Freeze.model_validate(
        {"zone": "UTC", "starts": "2027-03-01T12:00", "duration_seconds": 24 * 3600}
    )
    site = only(planned(a_site(windows=[NIGHT]), freezes=(freeze,)))
    assert site.start == START.replace(day=2, hour=22)


def test_after_the_deadline_is_said_with_who_can_change_it() -> None:
    site = only(planned(a_site(windows=[SATURDAY]), deadline=START + timedelta(days=2)))
    assert site.reason == "its window opens after the deadline, 2027-03-06 22:00 UTC"
    assert site.lifted_by == "the site's administrator"


def test_a_turn_after_the_deadline_is_nobodys_window() -> None:
    late = Schedule(
        name="late",
        waves=(ScheduledWave(after_seconds=90_000, up_to_basis_points=WHOLE),),
        gates=a_schedule(WHOLE).gates,
    )
    site = only(planned(a_site(), schedule=late, deadline=START + timedelta(days=1)))
    assert site.reason.startswith("its turn comes after the deadline")


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"windows": [{**NIGHT, "duration_seconds": 300}]}, "the longest has 300 s"),
        ({"brake": {"by": "ani", "at": START, "reason": "moving house"}}, "moving house"),
    ],
)
def test_who_can_never_begin_and_why(policy: dict[str, Any], says: str) -> None:
    found = planned(a_site(**policy))
    assert says in only(found).reason
    assert found.late == found.sites
    assert found.begin == []


def test_a_brake_of_the_plan_holds_everybody() -> None:
    brake = Brake(scope="app", by="ani", at=START, reason="a flood")
    assert "a flood" in only(planned(a_site(), brakes=(brake,))).reason


def test_who_runs_it_already_has_nothing_to_do_and_is_not_late() -> None:
    found = planned(a_site(0, "2.0"), a_site(1, "3.0"), a_site(2))
    assert [site.has_it for site in found.sites].count(True) == 1
    assert [site.overtaken for site in found.sites].count(True) == 1
    assert found.late == []


def test_sites_that_it_is_not_for_are_counted_apart() -> None:
    found = planned(*(a_site(n) for n in range(6)), only=SiteFilter(clients=("client-1",)))
    assert found.others == 3
    assert {site.client_id for site in found.sites} == {"client-1"}


def test_the_next_wave_waits_for_the_soak_and_for_the_schedule() -> None:
    schedule = a_schedule(1000, WHOLE, soak_seconds=20_000)
    found = planned(a_site(0, ring="pilot"), a_site(1, ring="critical"), schedule=schedule)
    assert [wave.opens_at for wave in found.waves] == [START, START + timedelta(seconds=20_000)]
    soon = planned(a_site(0, ring="pilot"), a_site(1), schedule=a_schedule(1000, WHOLE))
    assert soon.waves[1].opens_at == START + timedelta(seconds=7200)
    assert soon.waves[1].held_by == ""


def test_the_next_wave_waits_for_the_windows_of_the_one_before() -> None:
    pilot, other = a_site(0, ring="pilot", windows=[SATURDAY]), a_site(1, ring="critical")
    found = planned(pilot, other, schedule=a_schedule(1000, WHOLE))
    saturday = datetime(2027, 3, 6, 22, tzinfo=UTC)
    assert found.waves[1].opens_at == saturday + timedelta(minutes=10), "and for its install"
    assert "1 waiting for a window" in found.waves[1].held_by


def limited(**limits: int) -> Schedule:
    return a_schedule(WHOLE).model_copy(update={"limits": Limits(**limits)})


def test_where_one_at_a_time_is_allowed_they_begin_one_after_the_other() -> None:
    free = planned(*(a_site(n) for n in range(8)))
    assert len(set(free.begin)) == 1
    found = planned(*(a_site(n) for n in range(8)), schedule=limited(at_once=1))
    apart = [later - one for one, later in pairwise(found.begin)]
    assert set(apart) == {timedelta(seconds=600)}


def test_a_client_that_has_one_in_progress_holds_up_no_other() -> None:
    found = planned(*(a_site(n) for n in range(8)), schedule=limited(at_once_per_client=1))
    for client in ("client-0", "client-1"):
        begun = sorted(s.start for s in found.sites if s.client_id == client and s.start)
        assert begun == [START + timedelta(seconds=600 * n) for n in range(4)]


def test_who_does_not_get_its_turn_in_this_window_gets_it_in_the_next() -> None:
    """A window of two hours holds twelve installs of ten minutes."""
    sites = [a_site(n, windows=[NIGHT]) for n in range(15)]
    found = planned(*sites, schedule=limited(at_once=1), deadline=START + timedelta(hours=20))
    night = START.replace(hour=22)
    assert found.begin[:12] == [night + timedelta(minutes=10 * n) for n in range(12)]
    assert found.begin[12] == night + timedelta(days=1)
    assert len(found.late) == 3


def test_a_wave_that_can_never_pass_shuts_those_behind_it() -> None:
    braked = a_site(0, ring="pilot", brake={"by": "x", "at": START, "reason": "no"})
    found = planned(braked, a_site(1, ring="critical"), schedule=a_schedule(1000, 5000, WHOLE))
    assert [wave.opens_at for wave in found.waves] == [START, None, None]
    assert "its wave never opens" in found.sites[1].reason
    assert len(found.late) == 2


def test_pilots_that_run_it_already_let_the_next_wave_open() -> None:
    found = planned(
        a_site(0, "2.0", ring="pilot"), a_site(1, ring="critical"), schedule=a_schedule(1000, WHOLE)
    )
    assert found.waves[1].opens_at == START + timedelta(seconds=7200)


def test_the_signed_pace_holds_a_site_back_as_it_will() -> None:
    pace = {"name": "slow", "waves": [{"after_seconds": 40 * 86400, "up_to_basis_points": WHOLE}]}
    question = Question(a_release(pace=pace), a_schedule(WHOLE), START)
    assert only(preview(question, [a_site()])).start == START + timedelta(days=10)


def test_a_deadline_before_the_start_is_refused() -> None:
    with pytest.raises(Invalid):
        Question(a_release(), a_schedule(WHOLE), START, deadline=START)


# --- a fleet that is made up


def test_the_same_seed_makes_the_same_fleet_and_another_one_another() -> None:
    assert make_fleet(Wanted()) == make_fleet(Wanted())
    assert make_fleet(Wanted(seed=1)) != make_fleet(Wanted(seed=2))


def test_a_fleet_has_the_clients_and_zones_that_were_asked_for() -> None:
    fleet = make_fleet(Wanted(sites=300, clients=20, zones=6))
    assert len({site.profile.site_id for site in fleet}) == 300
    assert len({site.profile.client_id for site in fleet}) == 20
    assert len({window.zone for site in fleet for window in site.policy.windows}) == 6


@pytest.mark.parametrize("wrong", [{"clients": 301}, {"zones": 0}, {"zones": 99}, {"sites": 0}])
def test_a_fleet_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Invalid):
        Wanted(**{"sites": 300, "clients": 20, "zones": 6, **wrong})  # type: ignore[arg-type] # ints


def test_the_picture_shows_every_client_the_waves_and_who_cannot() -> None:
    fleet = make_fleet(Wanted(sites=60, clients=5, zones=3))
    question = Question(a_release(), a_schedule(500, WHOLE), START, START + timedelta(days=9))
    found = preview(question, fleet)
    picture = preview_picture.draw(found)
    assert picture.startswith("<svg ")
    assert f"{len(found.late)} of 60 sites cannot meet it" in picture
    assert all(f">{site.profile.client_id}<" in picture for site in fleet)
    assert "prefers-color-scheme: dark" in picture


def test_the_picture_of_a_large_fleet_gathers_the_small_clients() -> None:
    fleet = make_fleet(Wanted(sites=200, clients=60, zones=3))
    found = preview(Question(a_release(), a_schedule(500, WHOLE), START), fleet)
    assert ">21 others<" in preview_picture.draw(found)
