"""What support, clients and other products may hold; none of it makes a site install sooner."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from manifests.check_in import CheckInAnswer
from manifests.decision import Answer, Install, Wait, decide
from manifests.errors import ManifestError
from manifests.release import Release, ReleaseManifest
from manifests.rollout import RolloutPlan, Schedule, draw
from manifests.site import InstalledProduct, Site, SitePolicy, SiteProfile
from manifests.target_paths import Lane, ReleasePath, manifest_path

NOW = datetime(2027, 3, 2, 12, 0, tzinfo=UTC)
WAVE = {"up_to_basis_points": 10_000}


def release(lane: Lane = Lane.RELEASES, **changes: Any) -> Release:
    artifact = {"name": "app.tar.zst", "tar_size_bytes": 1024, "tar_sha256": "0" * 64, "files": []}
    plain = {
        "product": "app",
        "version": "2.0",
        "artifacts": [artifact],
        "issued_at": NOW - timedelta(days=30),
        "pace": {"name": "at-once", "waves": [{"after_seconds": 0, **WAVE}]},
        **changes,
    }
    path = ReleasePath.parse(manifest_path(lane, "app", "2.0"))
    return Release(path, ReleaseManifest.from_plain(plain))


def site(policy: Any = (), profile: Any = (), others: Any = (), **told: Any) -> Site:
    identity = {"site_id": "s", "client_id": "rs-medika", "products": ["app", "db"]}
    versions = {"app": "1.0", **dict(others)}
    return Site(
        SiteProfile.model_validate({**identity, **dict(profile)}),
        SitePolicy.from_plain(dict(policy)),
        {name: InstalledProduct(version=version) for name, version in versions.items()},
        **told,
    )


def answer(one: Release, at: Site, only: Any = ()) -> Answer:
    """The gate that holds it; None when it is installed."""
    rollout = {
        "release": str(one.path),
        "state": "running",
        "last_change": {"by": "ani", "at": NOW, "reason": "started"},
        "waves": [{"opens_at": NOW - timedelta(days=7), **WAVE}],
        "only": dict(only),
    }
    plain = {"product": "app", "serial": 1, "written_at": NOW, "rollouts": [rollout]}
    decision = decide(one, RolloutPlan.from_plain(plain), at, NOW)
    return None if isinstance(decision, Install) else decision


def gate(one: Release, at: Site, only: Any = ()) -> str:
    found = answer(one, at, only)
    return found.gate if found else "install"


def test_what_the_server_asks_is_a_gate_as_any_other() -> None:
    found = answer(release(), site(hold="a brake on this site is on (wati: stock)"))
    assert found is not None
    assert (found.gate, found.reason) == ("held", "a brake on this site is on (wati: stock)")


def test_a_site_skips_a_version_however_it_is_spelled_and_takes_others() -> None:
    assert gate(release(), site({"skip": {"app": ["2.0.0"]}})) == "held"
    assert gate(release(), site({"skip": {"app": ["1.9"], "db": ["2.0"]}})) == "install"


@pytest.mark.parametrize(
    ("runs", "expected"),
    [({"db": "3.1"}, "install"), ({"db": "2.9"}, "requires"), ({}, "requires")],
)
def test_what_it_requires_must_run_first(runs: dict[str, str], expected: str) -> None:
    assert gate(release(requires={"db": ">=3"}), site(others=runs)) == expected


def test_a_product_that_the_site_does_not_have_never_comes() -> None:
    found = answer(release(requires={"lab": ">=3"}), site())
    assert found is not None
    assert "the site does not have lab" in found.reason
    assert not getattr(found, "expected", True)


def test_a_product_does_not_require_itself() -> None:
    with pytest.raises(ManifestError, match="cannot require itself"):
        release(requires={"app": ">=1"})


def test_a_client_that_must_be_asked_is_waited_for_and_its_yes_is_for_one_version() -> None:
    asks = site({"approval": "client"})
    found = answer(release(), asks)
    assert found is not None
    assert (found.gate, found.lifted_by.startswith("the client, or")) == ("approved", True)
    assert gate(release(), replace(asks, approved={"app": ("1.9",), "db": ("2.0",)})) == "approved"
    assert gate(release(), replace(asks, approved={"app": ("2.0",)})) == "install"


def test_the_administrator_may_answer_for_the_client_and_not_the_other_way_round() -> None:
    said_yes = {"app": InstalledProduct(version="1.0", approved=("2.0",))}
    for policy in ("client", "administrator"):
        assert gate(release(), replace(site({"approval": policy}), products=said_yes)) == "install"
    alone = site({"approval": "administrator"}, approved={"app": ("2.0",)})
    assert gate(release(), alone) == "approved"


def test_a_yes_from_a_stolen_server_hastens_nothing() -> None:
    """The signed pace, the window and the site's brake are asked as before."""
    yes = {"approval": "client"}
    slow = {"name": "slow", "waves": [{"after_seconds": 90 * 86_400, **WAVE}]}
    lie = {"approved": {"app": ("2.0",)}}
    assert gate(release(pace=slow), site(yes, **lie)) == "wave_open"
    window = {"zone": "UTC", "starts": "2027-03-02T22:00:00", "duration_seconds": 3600}
    assert gate(release(), site({**yes, "windows": [window]}, **lie)) == "window_open"
    brake = {"by": "office", "at": NOW, "reason": "surgery"}
    assert gate(release(), site({**yes, "brake": brake}, **lie)) == "held"


def test_a_hotfix_asks_by_its_own_policy() -> None:
    assert gate(release(Lane.HOTFIXES), site({"approval": "administrator"})) == "install"


def test_a_rollout_for_a_platform_or_for_what_runs() -> None:
    assert gate(release(), site(), {"platforms": ["linux-arm64"]}) == "applicable"
    assert gate(release(), site(profile={"platform": "x"}), {"platforms": ["x"]}) == "install"
    assert gate(release(), site(), {"installed": ">=1,<2"}) == "install"
    assert gate(release(), site(), {"installed": "<1"}) == "applicable"
    nothing = replace(site(), products={})
    assert gate(release(), nothing, {"installed": ">=0"}) == "applicable"


def test_a_filter_and_limits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ManifestError, match="version range"):
        answer(release(), site(), {"installed": "newest"})
    gates = {"soak_seconds": 1, "success_threshold_percent": 1, "error_threshold_percent": 1}
    plain = {"name": "s", "waves": [{"after_seconds": 0, **WAVE}], "gates": gates}
    assert Schedule.from_plain(plain).limits.at_once is None
    with pytest.raises(ManifestError, match="at_once"):
        Schedule.from_plain({**plain, "limits": {"at_once": 0}})


def test_an_answer_of_before_is_read_as_no_hold_and_no_yes() -> None:
    told = CheckInAnswer.from_bytes(b'{"poll_seconds":300}')
    assert (told.hold, told.approved) == ("", {})


def test_where_only_so_many_begin_at_once_the_plan_says_whose_turn_it_is() -> None:
    one, at = release(), site()
    drawn = draw("app", "2.0", "s")

    def with_turns(turns: tuple[int, ...] | None) -> Answer:
        wave = {"opens_at": NOW - timedelta(days=7), **WAVE}
        change = {"by": "ani", "at": NOW, "reason": "started"}
        rollout = {"release": str(one.path), "state": "running", "last_change": change}
        plain = {"product": "app", "serial": 1, "written_at": NOW}
        plan = RolloutPlan.from_plain(
            {**plain, "rollouts": [{**rollout, "waves": [wave], "turns": turns}]}
        )
        decision = decide(one, plan, at, NOW)
        return None if isinstance(decision, Install) else decision

    assert with_turns(None) is None
    assert with_turns((3, drawn)) is None
    waits = with_turns(())
    assert isinstance(waits, Wait)
    assert (waits.gate, waits.until) == ("wave_open", None)
    assert "other sites get 2.0 first" in waits.reason
    with pytest.raises(ManifestError, match="turns"):
        with_turns((10_000,))


def test_a_turn_from_a_stolen_server_beats_no_pace() -> None:
    slow = {"name": "slow", "waves": [{"after_seconds": 40 * 86_400, **WAVE}]}
    drawn = draw("app", "2.0", "s")
    one = release(pace=slow)
    plan = RolloutPlan.from_plain(
        {
            "product": "app",
            "serial": 1,
            "written_at": NOW,
            "rollouts": [
                {
                    "release": str(one.path),
                    "state": "running",
                    "last_change": {"by": "ani", "at": NOW, "reason": "started"},
                    "waves": [{"opens_at": NOW - timedelta(days=60), **WAVE}],
                    "turns": [drawn],
                }
            ],
        }
    )
    decision = decide(one, plan, site(), NOW)
    assert isinstance(decision, Wait)
    assert "the signed pace" in decision.reason
