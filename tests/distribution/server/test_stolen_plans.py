"""What a thief of the server's keys left as a plan is replaced, whatever it is."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from click.testing import CliRunner

from distribution.cli import main
from distribution.control import plans
from distribution.errors import Conflict
from distribution.repository import catalogue
from distribution.repository.publish import publish_targets
from manifests.errors import UpdateError
from manifests.rollout import Change, Rollout, RolloutPlan, RolloutState, Wave
from manifests.target_paths import Lane, manifest_path, plan_path, rollouts_role
from tests.simulators.house import PRODUCT, House, schedule

ALL = 10_000


def published(house: House) -> bytes:
    return catalogue.read_target(house.server.store, plan_path(PRODUCT))


def thiefs(house: House, serial: int) -> bytes:
    """A plan that opens every wave, and a release that nobody has signed."""
    long_ago = house.clock.now - timedelta(days=9)
    rollouts = (
        Rollout(
            release=manifest_path(Lane.RELEASES, PRODUCT, version),
            state=RolloutState.RUNNING,
            last_change=Change(by="thief", at=long_ago, reason="because I can"),
            waves=(Wave(opens_at=long_ago, up_to_basis_points=ALL),),
        )
        for version in ("2.0", "6.6")
    )
    plan = RolloutPlan(
        product=PRODUCT, serial=serial, written_at=long_ago, rollouts=tuple(rollouts)
    )
    return plan.to_bytes()


PLANS: dict[str, Callable[[House], bytes]] = {
    "a serial far ahead": lambda house: thiefs(house, 10**6),
    "a serial that no database holds": lambda house: thiefs(house, 10**30),
    "no plan at all": lambda house: b"\xff not a plan",
}


@pytest.mark.parametrize("plan", PLANS)
def test_a_thiefs_plan_is_replaced_and_nothing_of_it_taken_over(house: House, plan: str) -> None:
    house.site("shop")
    house.start("2.0", schedule(100, ALL))
    honest = published(house)
    server = house.server
    files = {plan_path(PRODUCT): PLANS[plan](house)}
    publish_targets(server.store, rollouts_role(PRODUCT), files, server.online, house.clock.now)
    with pytest.raises(UpdateError) as told:
        house.tick(1)
    assert published(house) == files[plan_path(PRODUCT)]
    if "far" in plan:
        assert isinstance(told.value, Conflict)

    with time_machine.travel(house.clock.now):
        words = ["--home", str(server.settings.home), "repair", "stolen-plan", PRODUCT]
        done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    found = RolloutPlan.from_bytes(published(house))
    assert found.rollouts == RolloutPlan.from_bytes(honest).rollouts
    assert f"with serial {found.serial}" in done.output
    assert not plans.publish(server.database, server.store, server.online, PRODUCT, house.clock.now)
    house.tick(1)


def test_a_product_that_has_no_plan_gets_an_empty_one(house: House) -> None:
    house.estate.add_product("tools")
    server, home = house.server, str(house.server.settings.home)
    files = {plan_path("tools"): b"{}"}
    publish_targets(server.store, rollouts_role("tools"), files, server.online, house.clock.now)
    with time_machine.travel(house.clock.now):
        done = CliRunner().invoke(main, ["--home", home, "repair", "stolen-plan", "tools"])
    assert done.exit_code == 0, done.output
    found = catalogue.read_target(server.store, plan_path("tools"))
    assert RolloutPlan.from_bytes(found).rollouts == ()
    missing = CliRunner().invoke(main, ["--home", home, "repair", "stolen-plan", "nothing"])
    assert "no product nothing" in missing.output
