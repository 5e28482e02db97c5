"""Whoever steals the server can delay or stop an update. They can never introduce one, hasten one,
or point a site back."""

from datetime import UTC, datetime, timedelta

import pytest

from distribution import scheduler
from manifests.failures import FailureCode, Tier
from manifests.rollout import Change, Rollout, RolloutState, Schedule, ScheduledWave, Wave
from manifests.target_paths import Lane, manifest_path
from tests.simulators.thief import Thief
from tests.simulators.village import ONE_WAVE, PRODUCT, Village

IN_A_WEEK = Schedule(
    name="in-a-week",
    waves=(ScheduledWave(after_seconds=7 * 24 * 3600, up_to_basis_points=10_000),),
    gates=ONE_WAVE.gates,
)


@pytest.fixture
def thief(village: Village) -> Thief:
    """They have everything that the server has."""
    return Thief(village.server.store, village.server.online.generations[0])


def everybody_now(release: str) -> Rollout:
    """What a thief would write: every site, long ago."""
    long_ago = datetime.now(UTC) - timedelta(days=30)
    return Rollout(
        release=release,
        state=RolloutState.RUNNING,
        last_change=Change(by="thief", at=long_ago, reason="because I can"),
        waves=(Wave(opens_at=long_ago, up_to_basis_points=10_000),),
    )


def test_a_stolen_online_key_cannot_introduce_a_release(village: Village, thief: Thief) -> None:
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    evil = village.estate.build("6.6.6", {"serve.py": b"print('evil')"})
    manifest = (evil / "manifest.json").read_bytes()
    artifact = next(evil.glob("*.zst"))
    path = manifest_path(Lane.RELEASES, PRODUCT, "6.6.6")
    files = {path: manifest, f"releases/app/6.6.6/{artifact.name}": artifact.read_bytes()}

    # In the role of the online key, which may not sign such paths.
    thief.sign(f"{PRODUCT}.rollouts", files, keep=True)
    thief.plan(PRODUCT, everybody_now(path))
    site.poll()
    assert site.serves() == "1.0"

    # Under another path, which the online key may sign and no manifest may have.
    thief.sign(f"{PRODUCT}.rollouts", {"rollouts/app/manifest.json": manifest}, keep=True)
    thief.plan(PRODUCT, everybody_now("rollouts/app/manifest.json"))
    site.poll()
    assert site.serves() == "1.0"

    # In the product's own role, with the wrong key.
    thief.sign(PRODUCT, files, keep=True)
    thief.plan(PRODUCT, everybody_now(path))
    site.poll()
    assert site.serves() == "1.0"

    scheduler.process_reports(village.server, datetime.now(UTC))
    codes = {ticket.code for ticket in village.tickets() if ticket.tier is Tier.SECURITY}
    assert FailureCode.UNTRUSTED_METADATA in codes, "and security hears of it"


def test_a_stolen_online_key_cannot_hasten_a_release(village: Village, thief: Thief) -> None:
    site = village.site("warung-1")
    release = village.publish("1.0", schedule=IN_A_WEEK)
    thief.plan(PRODUCT, everybody_now(str(release.path)))
    site.poll()
    assert site.serves() is None
    assert "the signed pace" in site.command("explain").output


def test_a_stolen_online_key_cannot_point_a_site_back(village: Village, thief: Thief) -> None:
    site = village.site("warung-1")
    old = village.publish("1.0")
    village.start("1.0")
    site.poll()
    village.publish("1.1")
    village.start("1.1")
    site.poll()
    assert site.serves() == "1.1"
    thief.plan(PRODUCT, everybody_now(str(old.path)))
    site.poll()
    assert site.serves() == "1.1", "versions only grow"


def test_a_stolen_online_key_cannot_free_what_was_stopped(village: Village, thief: Thief) -> None:
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    bad = village.publish("2.0")
    village.start("2.0", IN_A_WEEK)
    village.stop("2.0", "it deletes prices")
    site.poll()
    thief.plan(PRODUCT, everybody_now(str(bad.path)))
    site.poll()
    assert site.serves() == "1.0"
    assert "stays stopped" in site.command("explain").output


def test_an_old_copy_of_the_repository_is_refused(village: Village, thief: Thief) -> None:
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    yesterday = village.server.store.read("metadata/timestamp.json")
    village.publish("1.1")
    village.start("1.1")
    site.poll()
    store = village.server.store
    _, tag = store.read_tagged("metadata/timestamp.json")
    store.replace("metadata/timestamp.json", yesterday, tag)
    result = site.poll()
    assert site.serves() == "1.1"
    assert result.exit_code == 76
    village.tick()
    assert FailureCode.ROLLBACK in {ticket.code for ticket in village.tickets()}


def test_versions_pushed_to_the_end_install_nothing(village: Village, thief: Thief) -> None:
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    thief.push_versions(2**31)
    site.poll()
    assert site.serves() == "1.0"
