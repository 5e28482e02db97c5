"""Whether a site installs a release now: the chain of gates, each case a sentence."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from manifests.decision import GATES, Install, Stay, Wait, choose, decide, explain
from manifests.errors import ManifestError
from manifests.release import Release, ReleaseManifest
from manifests.rollout import RolloutPlan
from manifests.site import InstalledProduct, Site, SitePolicy, SiteProfile
from manifests.target_paths import Lane, ReleasePath, manifest_path

NOW = datetime(2027, 3, 2, 12, 0, tzinfo=UTC)
"""A Tuesday at noon."""

AT_ONCE = {"name": "at-once", "waves": [{"after_seconds": 0, "up_to_basis_points": 10_000}]}
LONG_AGO = NOW - timedelta(days=30)
CHANGE = {"by": "ani", "at": NOW, "reason": "two sites report errors"}
NIGHTS = {
    "zone": "Asia/Jakarta",
    "starts": "2027-01-01T22:00:00",
    "rule": "FREQ=DAILY",
    "duration_seconds": 4 * 3600,
}
"""22:00 to 02:00 in Jakarta is 15:00 to 19:00 UTC: closed at NOW, open three hours later."""
FREEZE = {
    "name": "year-end closing",
    "starts_at": NOW - timedelta(days=1),
    "ends_at": NOW + timedelta(days=2),
}
BREAKGLASS = {"sites": ["rs-medika-1"], "expires_at": NOW + timedelta(hours=10)}
"""Together with an ``issued_at`` that is not long ago."""


def a_release(version: str = "2.0", lane: Lane = Lane.RELEASES, **changes: Any) -> Release:
    """A release that everybody may have, unless ``changes`` say otherwise."""
    artifact = {"name": "app.tar.zst", "tar_size_bytes": 1024, "tar_sha256": "0" * 64, "files": []}
    plain = {
        "product": "app",
        "version": version,
        "artifacts": [artifact],
        "issued_at": LONG_AGO,
        "pace": AT_ONCE,
        **changes,
    }
    path = ReleasePath.parse(manifest_path(lane, plain["product"], version))
    return Release(path, ReleaseManifest.from_plain(plain))


def a_plan(*releases: Release, brakes: Any = (), product: str = "app", **changes: Any) -> Any:
    """A plan in which every release has been open to all sites for a week."""
    wave = {"opens_at": NOW - timedelta(days=7), "up_to_basis_points": 10_000}
    running = {"state": "running", "last_change": CHANGE, "waves": [wave]}
    rollouts = [{"release": str(release.path), **running, **changes} for release in releases]
    plain = {"product": product, "serial": 1, "written_at": NOW, "rollouts": rollouts}
    return RolloutPlan.from_plain({**plain, "brakes": brakes})


def a_site(profile: Any = (), policy: Any = (), product: Any = ()) -> Site:
    """A hospital's site that runs version 1.0 and may be changed at any time."""
    identity = {"site_id": "rs-medika-1", "client_id": "rs-medika", "products": ["app"]}
    return Site(
        SiteProfile.model_validate({**identity, **dict(profile)}),
        SitePolicy.from_plain(dict(policy)),
        {"app": InstalledProduct.model_validate({"version": "1.0", **dict(product)})},
    )


@dataclass(frozen=True)
class Situation:
    """What differs from the plain case, in which the release is installed at once."""

    sentence: str
    answer: str
    release: dict[str, Any] = field(default_factory=dict)
    rollout: dict[str, Any] = field(default_factory=dict)
    plan: RolloutPlan | None = None
    profile: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    product: dict[str, Any] = field(default_factory=dict)
    until: datetime | None = None

    def parts(self) -> tuple[Release, RolloutPlan, Site]:
        """What ``decide`` is asked about."""
        release = a_release(**self.release)
        plan = self.plan or a_plan(release, **self.rollout)
        return release, plan, a_site(self.profile, self.policy, self.product)


HOTFIX = {"lane": Lane.HOTFIXES, "version": "1.0.1"}
GLASS = {"lane": Lane.BREAKGLASS, "version": "1.0.1", "issued_at": NOW, **BREAKGLASS}
LATER = NOW + timedelta(hours=2)
BRAKE = {"by": "site office", "at": NOW, "reason": "surgery in progress"}

SITUATIONS = [
    Situation("nothing stands against it", "install"),
    Situation("the site has never had the product", "install", product={"version": None}),
    Situation("a candidate may follow an older release", "install", release={"version": "2.0rc1"}),
    # 1. newer
    Situation("the site runs it already", "stay newer", product={"version": "2.0"}),
    Situation("the site runs it, spelled otherwise", "stay newer", product={"version": "2.0.0"}),
    Situation("the site runs a newer one", "stay newer", product={"version": "2.1"}),
    Situation("10.0 is newer than 9.0, not older", "stay newer", product={"version": "10.0"}),
    Situation("final is newer than its candidate", "install", product={"version": "2.0rc2"}),
    Situation(
        "a hotfix does not go back either", "stay newer", release=HOTFIX, product={"version": "1.1"}
    ),
    # 2. applicable
    Situation(
        "the site does not have the product", "stay applicable", profile={"products": ["lab"]}
    ),
    Situation(
        "there is nothing for its platform",
        "stay applicable",
        release={
            "artifacts": [
                {
                    "name": "a",
                    "platform": "linux-arm64",
                    "tar_size_bytes": 1024,
                    "tar_sha256": "0" * 64,
                    "files": [],
                }
            ]
        },
    ),
    Situation(
        "the rollout is for another client",
        "stay applicable",
        rollout={"only": {"clients": ["rs-bunda"]}},
    ),
    Situation(
        "the rollout is for another site",
        "stay applicable",
        rollout={"only": {"sites": ["rs-medika-2"]}},
    ),
    Situation(
        "the rollout is for another region",
        "stay applicable",
        rollout={"only": {"regions": ["bali"]}},
    ),
    Situation(
        "the rollout is for a tag it lacks",
        "stay applicable",
        rollout={"only": {"tags": ["x-ray"]}},
    ),
    Situation(
        "one of its tags is enough",
        "install",
        rollout={"only": {"tags": ["x-ray", "lab"]}},
        profile={"tags": ["lab"]},
    ),
    Situation(
        "a filter on client and region asks for both",
        "stay applicable",
        rollout={"only": {"clients": ["rs-medika"], "regions": ["bali"]}},
    ),
    Situation(
        "a break-glass fix names other sites",
        "stay applicable",
        release={**GLASS, "sites": ["rs-bunda-1"]},
        policy={"breakglass": "immediate"},
    ),
    Situation(
        "a break-glass fix has expired this second",
        "stay applicable",
        release={**GLASS, "expires_at": NOW},
        policy={"breakglass": "immediate"},
    ),
    Situation(
        "a break-glass fix without an end",
        "stay applicable",
        release={**GLASS, "expires_at": None},
        policy={"breakglass": "immediate"},
    ),
    # 3. held
    Situation("the site's own brake is on", "stay held", policy={"brake": BRAKE}),
    Situation(
        "the site's own brake holds a hotfix too",
        "stay held",
        release=HOTFIX,
        policy={"brake": BRAKE},
    ),
    Situation(
        "a brake on the product is on",
        "stay held",
        rollout={"brakes": [{"scope": "app", **CHANGE}]},
    ),
    Situation("the rollout is paused", "stay held", rollout={"state": "paused"}),
    Situation("the rollout is stopped", "stay held", rollout={"state": "stopped"}),
    Situation(
        "a finished rollout still takes latecomers", "install", rollout={"state": "finished"}
    ),
    Situation("no rollout has been started", "stay held", plan=a_plan()),
    Situation(
        "only another product's plan speaks of it",
        "stay held",
        plan=a_plan(a_release(), product="lab"),
    ),
    Situation(
        "the site saw it stopped, and a new plan says running",
        "stay held",
        product={"stopped": ["2.0"]},
    ),
    Situation(
        "the site saw it stopped under another spelling",
        "stay held",
        product={"stopped": ["2.0.0"]},
    ),
    Situation("another version was stopped", "install", product={"stopped": ["1.9"]}),
    # 4. stepping stone
    Situation("it may only follow 1.5", "stay stepping_stone", release={"upgrades_from": ">=1.5"}),
    Situation("it may follow what the site has", "install", release={"upgrades_from": ">=1,<2"}),
    Situation(
        "it may follow a candidate in its range",
        "install",
        release={"upgrades_from": ">=1,<2"},
        product={"version": "1.5rc1"},
    ),
    Situation(
        "a first install needs no stepping stone",
        "install",
        release={"upgrades_from": ">=1.5"},
        product={"version": None},
    ),
    # 5. failed here
    Situation(
        "it failed here before", "stay not_failed_here", product={"failed": {"2.0": "unhealthy"}}
    ),
    Situation(
        "it failed here under another spelling",
        "stay not_failed_here",
        product={"failed": {"2.0.0": "unhealthy"}},
    ),
    Situation("another version failed here", "install", product={"failed": {"1.9": "unhealthy"}}),
    # 6. wave
    Situation(
        "its wave has not been opened",
        "wait wave_open",
        rollout={"waves": [{"up_to_basis_points": 10_000}]},
    ),
    Situation(
        "its wave opens in two hours",
        "wait wave_open",
        until=LATER,
        rollout={"waves": [{"opens_at": LATER, "up_to_basis_points": 10_000}]},
    ),
    Situation(
        "its wave opens this second",
        "install",
        rollout={"waves": [{"opens_at": NOW, "up_to_basis_points": 10_000}]},
    ),
    Situation(
        "it was issued for two hours from now",
        "wait wave_open",
        until=LATER,
        release={"issued_at": LATER},
    ),
    Situation(
        "a hotfix waits for its wave like everything else",
        "wait wave_open",
        until=LATER,
        release={**HOTFIX, "issued_at": LATER},
    ),
    # 7. window
    Situation(
        "the window opens in three hours",
        "wait window_open",
        until=NOW + timedelta(hours=3),
        policy={"windows": [NIGHTS]},
    ),
    Situation(
        "one of two windows is open",
        "install",
        policy={"windows": [NIGHTS, {**NIGHTS, "zone": "UTC", "starts": "2027-01-01T11:00:00"}]},
    ),
    Situation(
        "the window closes too soon: four minutes for five",
        "wait window_open",
        until=NOW + timedelta(hours=20, minutes=4),
        policy={"windows": [{**NIGHTS, "zone": "UTC", "starts": "2027-01-01T08:04:00"}]},
    ),
    Situation(
        "the time left is just what it needs",
        "install",
        policy={"windows": [{**NIGHTS, "zone": "UTC", "starts": "2027-01-01T08:05:00"}]},
    ),
    Situation(
        "no window is ever long enough",
        "stay window_open",
        policy={"windows": [NIGHTS]},
        release={"expected_duration_seconds": 5 * 3600},
    ),
    Situation(
        "a freeze closes an open window",
        "wait window_open",
        until=FREEZE["ends_at"],
        policy={
            "blackouts": [FREEZE],
            "windows": [{**NIGHTS, "zone": "UTC", "starts": "2027-01-01T11:00:00"}],
        },
    ),
    Situation(
        "a freeze holds a site without windows",
        "wait window_open",
        until=FREEZE["ends_at"],
        policy={"blackouts": [FREEZE]},
    ),
    Situation(
        "a freeze is about to begin at a site without windows",
        "wait window_open",
        until=FREEZE["ends_at"],
        policy={"blackouts": [{**FREEZE, "starts_at": NOW + timedelta(minutes=4)}]},
    ),
    Situation(
        "two freezes, one after the other, are one",
        "wait window_open",
        until=FREEZE["ends_at"] + timedelta(days=1),
        policy={
            "blackouts": [
                FREEZE,
                {"starts_at": FREEZE["ends_at"], "ends_at": FREEZE["ends_at"] + timedelta(days=1)},
            ]
        },
    ),
    Situation(
        "a freeze that ends this second is over",
        "install",
        policy={"blackouts": [{**FREEZE, "ends_at": NOW}]},
    ),
    Situation(
        "a hotfix need not wait for the window",
        "install",
        release=HOTFIX,
        policy={"windows": [NIGHTS]},
    ),
    Situation(
        "the site wants hotfixes in its window only",
        "wait window_open",
        until=NOW + timedelta(hours=3),
        release=HOTFIX,
        policy={"windows": [NIGHTS], "hotfix": "next_window"},
    ),
    Situation(
        "the site wants to be asked before a hotfix",
        "wait window_open",
        release=HOTFIX,
        policy={"hotfix": "ask"},
    ),
    Situation(
        "the site was asked and said yes",
        "install",
        release=HOTFIX,
        policy={"hotfix": "ask", "windows": [NIGHTS]},
        product={"approved": ["1.0.1"]},
    ),
    Situation(
        "the site said yes to another hotfix",
        "wait window_open",
        release=HOTFIX,
        policy={"hotfix": "ask"},
        product={"approved": ["1.0.2"]},
    ),
    Situation(
        "a yes to an ordinary release opens no window",
        "wait window_open",
        until=NOW + timedelta(hours=3),
        policy={"windows": [NIGHTS]},
        product={"approved": ["2.0"]},
    ),
    Situation("a break-glass fix asks, unless told otherwise", "wait window_open", release=GLASS),
    Situation(
        "a break-glass fix at a site that trusts L3",
        "install",
        release=GLASS,
        policy={"breakglass": "immediate"},
    ),
]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.sentence)
def test_decide(situation: Situation) -> None:
    release, plan, site = situation.parts()
    decision = decide(release, plan, site, NOW)
    if isinstance(decision, Install):
        assert situation.answer == "install"
        assert decision.release == release
    else:
        assert situation.answer == f"{type(decision).__name__.lower()} {decision.gate}"
        assert decision.reason
        assert decision.lifted_by
    if isinstance(decision, Wait):
        assert decision.until == situation.until


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.sentence)
def test_explain_and_decide_cannot_disagree(situation: Situation) -> None:
    release, plan, site = situation.parts()
    answers = [answer for _, answer in explain(release, plan, site, NOW) if answer is not None]
    decision = decide(release, plan, site, NOW)
    assert answers[:1] == ([] if isinstance(decision, Install) else [decision])


def test_explain_names_every_gate_in_order() -> None:
    release = a_release()
    named = [name for name, _ in explain(release, a_plan(release), a_site(), NOW)]
    assert named == [gate.__name__ for gate in GATES]
    assert named == [
        "newer",
        "applicable",
        "held",
        "stepping_stone",
        "requires",
        "not_failed_here",
        "approved",
        "wave_open",
        "window_open",
    ]


def test_a_hold_says_who_put_it_on_and_why() -> None:
    release = a_release()
    decision = decide(release, a_plan(release, state="paused"), a_site(), NOW)
    assert isinstance(decision, Stay)
    assert "ani" in decision.reason
    assert "two sites report errors" in decision.reason
    assert decision.lifted_by == "an approver"


def test_a_freeze_is_named_to_whoever_asks_why_not_yet() -> None:
    release = a_release()
    decision = decide(release, a_plan(release), a_site(policy={"blackouts": [FREEZE]}), NOW)
    assert isinstance(decision, Wait)
    assert "year-end closing" in decision.reason


def test_up_to_date_is_expected_and_a_hold_is_not() -> None:
    release = a_release()
    up_to_date = decide(release, a_plan(release), a_site(product={"version": "2.0"}), NOW)
    held = decide(release, a_plan(release), a_site(policy={"brake": BRAKE}), NOW)
    assert isinstance(up_to_date, Stay)
    assert isinstance(held, Stay)
    assert (up_to_date.expected, held.expected) == (True, False)


def finish_by(release: Release, policy: dict[str, Any]) -> datetime | None:
    """When an install that begins now must be over."""
    decision = decide(release, a_plan(release), a_site(policy=policy), NOW)
    assert isinstance(decision, Install)
    return decision.finish_by


def test_an_install_must_be_over_when_the_window_closes() -> None:
    open_now = {**NIGHTS, "zone": "UTC", "starts": "2027-01-01T11:00:00"}
    assert finish_by(a_release(), {"windows": [open_now]}) == NOW + timedelta(hours=3)


def test_an_install_must_be_over_when_a_freeze_begins() -> None:
    freeze = {**FREEZE, "starts_at": NOW + timedelta(minutes=30)}
    assert finish_by(a_release(), {"blackouts": [freeze]}) == NOW + timedelta(minutes=30)


def test_without_a_window_there_is_no_hurry() -> None:
    assert finish_by(a_release(), {}) is None


def test_a_hotfix_that_needs_no_window_is_not_cut_off_by_the_end_of_one() -> None:
    closing = {**NIGHTS, "zone": "UTC", "starts": "2027-01-01T08:00:10"}
    assert finish_by(a_release(**HOTFIX), {"windows": [closing]}) is None


# Several releases at once.


def chosen(releases: list[Release], plan: RolloutPlan, site: Site) -> str:
    """The choice in words."""
    decision = choose(releases, plan, site, NOW)
    assert decision is not None
    if isinstance(decision, Install):
        return f"install {decision.release.manifest.version}"
    return f"{type(decision).__name__.lower()} {decision.gate}"


def waiting(release: Release) -> dict[str, Any]:
    """A rollout of ``release`` whose only wave is shut."""
    wave = {"up_to_basis_points": 10_000}
    return {
        "release": str(release.path),
        "state": "running",
        "last_change": CHANGE,
        "waves": [wave],
    }


def plan_with(opened: list[Release], shut: list[Release]) -> RolloutPlan:
    """A plan in which some releases are open to all and others to nobody yet."""
    plan = a_plan(*opened).model_dump(mode="json")
    plan["rollouts"] += [waiting(release) for release in shut]
    return RolloutPlan.from_plain(plan)


B, C = a_release("2.0"), a_release("3.0")


def test_a_site_goes_on_to_b_while_c_waits_for_its_wave() -> None:
    assert chosen([B, C], plan_with([B], [C]), a_site()) == "install 2.0"


def test_a_site_that_has_b_waits_for_c() -> None:
    site = a_site(product={"version": "2.0"})
    assert chosen([B, C], plan_with([B], [C]), site) == "wait wave_open"


def test_a_site_skips_b_when_c_is_open_too() -> None:
    assert chosen([B, C], plan_with([B, C], []), a_site()) == "install 3.0"


def test_a_site_where_c_failed_goes_on_to_b() -> None:
    site = a_site(product={"failed": {"3.0": "unhealthy"}})
    assert chosen([B, C], plan_with([B, C], []), site) == "install 2.0"


def test_a_site_takes_the_stepping_stone_first() -> None:
    far = a_release("3.0", upgrades_from=">=2")
    assert chosen([far, B], plan_with([far, B], []), a_site()) == "install 2.0"


def test_a_site_hears_nothing_of_a_newer_release_that_is_for_others() -> None:
    for_others = a_release(**{**GLASS, "version": "9.0", "sites": ["rs-bunda-1"]})
    site = a_site(product={"version": "2.0"})
    assert chosen([B, for_others], a_plan(B, for_others), site) == "stay newer"
    assert chosen([for_others], a_plan(for_others), site) == "stay applicable"


def test_the_order_in_which_releases_arrive_changes_nothing() -> None:
    plan, site = plan_with([B], [C]), a_site()
    assert choose([B, C], plan, site, NOW) == choose([C, B], plan, site, NOW)


def test_no_release_is_no_decision() -> None:
    assert choose([], a_plan(), a_site(), NOW) is None


def test_a_plan_has_one_word_on_each_release() -> None:
    with pytest.raises(ManifestError, match="two rollouts of the same release"):
        a_plan(B, B)
