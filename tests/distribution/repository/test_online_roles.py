"""What the server signs by itself: plans and fresh dates; and what it cannot."""

from datetime import timedelta
from pathlib import Path

import pytest

from distribution.errors import Invalid, Misconfigured, NotFound, UnknownProduct, UnknownRelease
from distribution.repository import catalogue
from distribution.repository.publish import publish_targets, renew
from manifests.target_paths import Lane, manifest_path
from signing.errors import Tampered
from signing.store import DirectoryStore
from tests.simulators.estate import Estate
from tests.simulators.tuf_reader import TufReader

PLAN, DELTA = "rollouts/app/plan.json", "deltas/app/1.0-1.1"


def test_a_plan_replaces_the_one_before_and_keeps_what_else_there_is(
    estate: Estate, tmp_path: Path
) -> None:
    role, online, now = "app.rollouts", estate.online, estate.now
    publish_targets(estate.store, role, {PLAN: b"one", DELTA: b"delta"}, online, now)
    publish_targets(estate.store, role, {PLAN: b"two"}, online, now)
    reader = TufReader(tmp_path / "reader", estate.store, estate.root)
    assert reader.read(PLAN, DELTA) == {PLAN: b"two", DELTA: b"delta"}
    assert catalogue.read_target(estate.store, PLAN) == b"two"


def test_the_same_plan_again_changes_nothing(estate: Estate) -> None:
    for _ in range(3):
        publish_targets(estate.store, "app.rollouts", {PLAN: b"one"}, estate.online, estate.now)
    assert "metadata/2.app.rollouts.json" not in list(estate.store.keys("metadata/"))


def test_a_plan_that_comes_back_is_published_again(estate: Estate) -> None:
    for content in (b"one", b"two", b"one"):
        publish_targets(estate.store, "app.rollouts", {PLAN: content}, estate.online, estate.now)
    assert catalogue.read_target(estate.store, PLAN) == b"one"


@pytest.mark.parametrize(
    "path", ["releases/app/1.0/manifest.json", "rollouts/other/plan.json", "x"]
)
def test_the_server_cannot_sign_what_may_run(estate: Estate, path: str) -> None:
    before = list(estate.store.keys(""))
    with pytest.raises(Invalid, match="may not sign"):
        publish_targets(estate.store, "app.rollouts", {path: b"evil"}, estate.online, estate.now)
    with pytest.raises(Invalid, match="signed by people"):
        publish_targets(
            estate.store,
            "app",
            {"releases/app/1.0/manifest.json": b"evil"},
            estate.online,
            estate.now,
        )
    assert list(estate.store.keys("")) == before


def test_a_plan_of_an_unknown_product(estate: Estate) -> None:
    with pytest.raises(UnknownProduct, match=r"other\.rollouts"):
        publish_targets(estate.store, "other.rollouts", {}, estate.online, estate.now)


def test_a_server_with_other_keys_is_told_before_it_writes(estate: Estate, tmp_path: Path) -> None:
    other, before = Estate.create(tmp_path / "other").online, list(estate.store.keys(""))
    with pytest.raises(Misconfigured):
        publish_targets(estate.store, "app.rollouts", {PLAN: b"x"}, other, estate.now)
    with pytest.raises(Misconfigured):
        renew(estate.store, other, estate.now + timedelta(days=6))
    assert list(estate.store.keys("")) == before


# --- fresh dates


def test_everything_is_renewed_at_half_of_its_life(estate: Estate, tmp_path: Path) -> None:
    estate.publish("1.0")
    plan = estate.roll_out("1.0")
    at, store, online = estate.now, estate.store, estate.online
    assert renew(store, online, at + timedelta(hours=2, minutes=59)) == []
    assert renew(store, online, at + timedelta(hours=3, minutes=1)) == ["timestamp"]
    assert renew(store, online, at + timedelta(hours=3, minutes=2)) == []
    half_a_week = at + timedelta(days=3, hours=12, minutes=1)
    assert renew(store, online, half_a_week) == ["app.rollouts", "snapshot", "timestamp"]
    assert renew(store, online, half_a_week) == []
    expires = catalogue.trust_state(store).expires
    assert expires["app.rollouts"] == half_a_week + timedelta(days=7)
    assert expires["snapshot"] == half_a_week + timedelta(days=7)
    assert expires["timestamp"] == half_a_week + timedelta(hours=6)
    reader = TufReader(tmp_path / "reader", store, estate.root)
    assert reader.read(PLAN) == {PLAN: plan.to_bytes()}


def test_what_has_expired_long_ago_is_still_renewed(estate: Estate) -> None:
    estate.roll_out("1.0")
    later = estate.now + timedelta(days=60)
    assert renew(estate.store, estate.online, later) == ["app.rollouts", "snapshot", "timestamp"]


def test_renewing_needs_a_repository(estate: Estate, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no repository"):
        renew(DirectoryStore(tmp_path / "empty"), estate.online, estate.now)


# --- the catalogue


def test_the_catalogue_lists_all_lanes_or_one_product(estate: Estate) -> None:
    estate.add_product("other")
    estate.publish("1.0")
    estate.publish("1.1", lane=Lane.HOTFIXES)
    estate.publish("3.0", product="other")
    assert catalogue.products(estate.store) == ["app", "other"]
    assert {str(each.path) for each in catalogue.releases(estate.store, "app")} == {
        manifest_path(Lane.RELEASES, "app", "1.0"),
        manifest_path(Lane.HOTFIXES, "app", "1.1"),
    }
    assert len(catalogue.releases(estate.store)) == 3
    with pytest.raises(UnknownProduct):
        catalogue.releases(estate.store, "third")
    with pytest.raises(UnknownRelease):
        catalogue.read_target(estate.store, "releases/app/9.9/manifest.json")


def test_the_catalogue_believes_nothing_that_an_agent_would_refuse(estate: Estate) -> None:
    release = estate.publish("1.0")
    folder = estate.settings.repository_folder
    manifest = next(folder.rglob("*.manifest.json"))
    manifest.write_bytes(b"{}")
    with pytest.raises(Tampered, match="is not what is signed"):
        catalogue.read_target(estate.store, str(release.path))
    role = folder / "metadata" / "1.app.json"
    role.write_bytes(role.read_bytes().replace(b'"length":', b'"length":1'))
    with pytest.raises(Tampered, match="not of these contents"):
        catalogue.releases(estate.store)


def test_the_state_of_trust_is_what_agents_see(estate: Estate) -> None:
    state = catalogue.trust_state(estate.store)
    assert (state.root_version, state.timestamp_version) == (1, 2)
    assert state.root_sha256 == estate.root_sha256
    assert set(state.expires) == {"root", "targets", "snapshot", "timestamp"}
