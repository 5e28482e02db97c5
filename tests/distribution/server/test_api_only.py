"""``hsp serve`` beside ``hsp schedule``: the API decides and cannot sign; the scheduler signs."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from distribution.cli import main
from distribution.errors import Misconfigured
from distribution.repository.catalogue import read_target
from distribution.repository.online_roles import publish_targets
from distribution.scheduling.scheduler import publish_plans
from distribution.server import Server
from manifests.rollout import Ring, RolloutPlan, RolloutState
from manifests.target_paths import plan_path, rollouts_role
from tests.simulators.house import BEGIN, PRODUCT, House, schedule
from tests.simulators.staff import api_of

HOLDS = {
    "/v1/rollouts/app/2.0/pause": {"reason": "prices are missing"},
    "/v1/brakes": {"scope": "product", "target": PRODUCT, "reason": "the shops' night of counting"},
    "/v1/freezes": {
        "scope": "global",
        "freeze": {
            "name": "Christmas",
            "zone": "Asia/Jakarta",
            "starts": "2026-12-24T00:00:00",
            "duration_seconds": 259_200,
        },
        "reason": "nobody works",
    },
    "/v1/rollouts/app/2.0/recall": {"reason": "it loses orders"},
}


def published(house: House) -> RolloutPlan:
    """What sites read."""
    return RolloutPlan.from_bytes(read_target(house.server.store, plan_path(PRODUCT)))


@pytest.fixture
def without_keys(house: House, tmp_path: Path) -> Server:
    """The same server in another process, whose home has no keys folder at all."""
    home = tmp_path / "home-of-the-api"
    shutil.copytree(house.server.settings.home, home, ignore=shutil.ignore_patterns("keys"))
    settings = house.server.settings.model_copy(update={"home": home, "api_only": True})
    opened = Server.open(settings)
    return replace(opened, database=house.database, store=house.server.store, clock=house.clock)


def test_people_hold_and_stop_without_any_key_and_the_scheduler_publishes(
    house: House, without_keys: Server, token: str
) -> None:
    house.site(ring=Ring.PILOT)
    house.start("2.0", schedule(100, 10_000))
    ani, before = api_of(without_keys, token), published(house)
    for path, body in HOLDS.items():
        answer = ani.post(path, json=body)
        assert answer.status_code == 200, answer.text
    assert published(house) == before
    publish_plans(house.server, house.clock())
    plan = published(house)
    assert plan.rollouts[0].state is RolloutState.STOPPED
    assert [one.reason for one in plan.brakes] == [HOLDS["/v1/brakes"]["reason"]]
    assert [one.name for one in plan.freezes] == ["Christmas"]


def test_what_has_to_be_signed_is_refused_there_in_words(
    house: House, without_keys: Server
) -> None:
    role = rollouts_role(PRODUCT)
    with pytest.raises(Misconfigured, match="signs nothing: its setting api_only") as refusal:
        publish_targets(
            house.server.store, role, {plan_path(PRODUCT): b"{}"}, without_keys.online, BEGIN
        )
    assert "hsp schedule" in refusal.value.hint


def test_a_scheduler_does_not_start_as_an_api(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HSP_API_ONLY", "true")
    home = str(house.server.settings.home)
    refused = CliRunner().invoke(main, ["--home", home, "schedule"])
    assert (refused.exit_code, "nothing signs here" in refused.stderr) == (78, True)
