"""A database of yesterday over a repository of today: refused, then repaired, nothing forgotten."""

from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner

from distribution.calendars import freezes
from distribution.calendars.freeze_records import Scope as Whose
from distribution.cli import main
from distribution.control import brakes, plans, rollouts
from distribution.control.brakes import Scope
from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.errors import Conflict
from distribution.repository import catalogue
from manifests.freeze import Freeze
from manifests.rollout import Rollout, RolloutPlan
from manifests.target_paths import plan_path
from tests.simulators.estate_databases import keep_copy, put_back
from tests.simulators.house import PRODUCT, House, schedule

ALL = 10_000
CLOSING = Freeze.model_validate(
    {"name": "closing", "zone": "Asia/Jakarta", "starts": "2026-12-18T00:00", "duration_seconds": 9}
)
NIGHT = CLOSING.model_copy(update={"name": "night", "rule": "FREQ=DAILY"})
WATI = Word("wati", "prices are missing")

COPIES: dict[Path, str] = {}


def published(house: House) -> RolloutPlan:
    return RolloutPlan.from_bytes(catalogue.read_target(house.server.store, plan_path(PRODUCT)))


def yesterday(house: House) -> None:
    """Keep a copy of the database, as a backup does."""
    house.database.close()
    COPIES[house.estate.folder] = keep_copy(house.server.settings)


def restore(house: House) -> None:
    """Put the copy in its place."""
    house.database.close()
    put_back(house.server.settings, COPIES.pop(house.estate.folder))


def by_version(plan: RolloutPlan) -> dict[str, Rollout]:
    return {rollout.release.split("/")[2]: rollout for rollout in plan.rollouts}


def test_the_floor_is_taken_over_and_nothing_that_was_decided_is_forgotten(house: House) -> None:
    house.site("shop")
    house.start("2.0", schedule(5000, ALL, success_threshold_percent=0))
    house.start("2.1", schedule(5000, ALL, success_threshold_percent=0))
    yesterday(house)
    house.tick(120)  # the second waves open
    house.tick(120)
    rollouts.stop(house.database, PRODUCT, "2.0", WATI, house.clock.now)
    house.start("2.2", schedule(ALL, soak_seconds=600))
    brakes.put_on(house.database, Scope.PRODUCT, PRODUCT, WATI, house.clock.now)
    for scope, subject, freeze in (
        (Whose.EVERYTHING, "", CLOSING),
        (Whose.PRODUCT, PRODUCT, NIGHT),
    ):
        freezes.announce(house.database, scope, subject, [freeze], WATI, house.clock.now)
    house.tick(1)
    before = published(house)
    restore(house)

    server, now = house.server, house.clock.now
    rollouts.pause(server.database, PRODUCT, "2.1", WATI, now)
    with pytest.raises(Conflict, match="older than the repository") as refused:
        plans.publish(server.database, server.store, server.online, PRODUCT, now)
    assert "hsp repair plan-serial app" in refused.value.hint

    words = ["--home", str(server.settings.home), "repair", "plan-serial", PRODUCT, "--by", "wati"]
    with time_machine.travel(now, tick=False):  # the command asks the machine's clock
        result = CliRunner().invoke(main, words)
        again = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    after = published(house)
    assert after.serial == before.serial + 1
    old, new = by_version(before), by_version(after)
    assert new["2.0"].state == "stopped"
    assert new["2.0"].last_change == old["2.0"].last_change, "who stopped it, and why"
    assert new["2.1"].state == "paused", "a word that was said since the restore stays"
    assert new["2.1"].waves == old["2.1"].waves
    assert (new["2.2"].state, new["2.2"].last_change.by) == ("paused", "wati")
    assert new["2.2"].waves == old["2.2"].waves
    assert after.brakes == before.brakes
    assert after.freezes == before.freezes == (CLOSING, NIGHT)
    assert "taken over: the freeze 'closing', for app" in result.output
    assert "brakes, freezes and yeses of single clients" in result.output
    assert again.exit_code == 65
    assert "nothing to repair" in again.output
    Database.open(server.settings).close()
