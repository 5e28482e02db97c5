"""Brakes: anyone puts them on, nobody else takes them off, and nobody is counted for them."""

import pytest
from click.testing import CliRunner, Result
from starlette.testclient import TestClient

from distribution.cli import main
from distribution.control import approvals, brakes, explanation, plans, rollouts
from distribution.control.brakes import BrakeRecord, Scope
from distribution.control.rollouts import Word
from distribution.desk.ticket_views import Which
from distribution.desk.tickets import queue
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound
from distribution.repository import catalogue
from distribution.scheduling.scheduler import verdict_on
from manifests.failures import FailureCode, Tier
from manifests.rollout import RolloutPlan
from manifests.target_paths import plan_path
from tests.simulators.house import PRODUCT, House, schedule
from tests.simulators.staff import token_of
from tests.simulators.tickets import sites

ALL = 10_000
WATI = Word("wati", "they count their stock")


def brake(house: House, scope: Scope, target: str = "") -> BrakeRecord:
    return brakes.put_on(house.database, scope, target, WATI, house.clock.now)


def published(house: House) -> RolloutPlan:
    house.tick()
    return RolloutPlan.from_bytes(catalogue.read_target(house.server.store, plan_path(PRODUCT)))


def test_a_brake_on_a_site_or_its_client_is_in_the_answer_and_in_no_plan(house: House) -> None:
    shop, other = house.site("shop"), house.site("ward", client_id="apotek")
    house.start("2.0", schedule(ALL))
    brake(house, Scope.SITE, "shop")
    brake(house, Scope.CLIENT, "warung")
    hold = shop.check_in().hold
    assert "a brake on this site is on (wati: they count their stock)" in hold
    assert "all of the client's sites" in hold
    assert other.check_in().hold == ""
    assert published(house).brakes == ()


def test_a_brake_on_a_product_or_on_everything_is_signed_into_the_plan(house: House) -> None:
    house.site("shop")
    house.start("2.0", schedule(ALL))
    brake(house, Scope.PRODUCT, PRODUCT)
    brake(house, Scope.GLOBAL)
    scopes = [each.scope for each in published(house).brakes]
    assert scopes == [PRODUCT, plans.EVERYTHING]


def test_explain_says_the_same_as_the_site_is_told(house: House) -> None:
    shop = house.site("shop")
    release = house.start("2.0", schedule(ALL))
    brake(house, Scope.CLIENT, "warung")
    with house.database.reading() as session:
        (found,) = explanation.explain(session, "shop", [release], house.clock.now)
    assert found.decision == "stay"
    assert found.reason == shop.check_in().hold


def test_a_resume_never_takes_a_brake_off(house: House) -> None:
    shop = house.site("shop")
    house.start("2.0", schedule(ALL))
    brake(house, Scope.SITE, "shop")
    brake(house, Scope.PRODUCT, PRODUCT)
    rollouts.pause(house.database, PRODUCT, "2.0", WATI, house.clock.now)
    house.resume()
    assert shop.check_in().hold
    assert published(house).brakes


def test_only_who_put_it_on_or_an_approver_takes_it_off(house: House) -> None:
    shop = house.site("shop")
    number = brake(house, Scope.SITE, "shop").number
    now, database = house.clock.now, house.database
    joko = Word("joko", "I am in a hurry")
    with pytest.raises(NotAllowed, match="wati put brake"):
        brakes.take_off(database, number, joko, now, may_lift=False)
    assert shop.check_in().hold
    brakes.take_off(database, number, Word("budi", "all is counted"), now, may_lift=True)
    assert not shop.check_in().hold
    with pytest.raises(Conflict, match="by budi already"):
        brakes.take_off(database, number, WATI, now, may_lift=False)
    mine = brake(house, Scope.SITE, "shop").number
    brakes.take_off(database, mine, WATI, now, may_lift=False)
    with house.database.reading() as session:
        assert brakes.listed(session) == []
        assert [each.off_by for each in brakes.listed(session, also_off=True)] == ["budi", "wati"]


def test_a_brake_on_nothing_or_without_a_reason_is_refused(house: House) -> None:
    for scope in (Scope.SITE, Scope.CLIENT, Scope.PRODUCT):
        with pytest.raises(NotFound, match="nowhere"):
            brake(house, scope, "nowhere")
    with pytest.raises(Invalid):
        brakes.put_on(house.database, Scope.GLOBAL, "", Word("wati", " "), house.clock.now)
    with pytest.raises(NotFound):
        brakes.take_off(house.database, 99, WATI, house.clock.now, may_lift=False)


def test_a_braked_site_holds_up_nobody_else(house: House) -> None:
    shops = house.sites(4)
    house.start("2.0", schedule(ALL))
    house.tick(1)
    brake(house, Scope.SITE, shops[0].site_id)
    for shop in shops[1:]:
        shop.confirms()
    house.tick(120)
    with house.database.reading() as session:
        assert rollouts.find(session, PRODUCT, "2.0").state == "finished"


def test_no_wave_opens_under_a_brake_on_the_product(house: House) -> None:
    house.start("2.0", schedule(5000, ALL))
    number = brake(house, Scope.GLOBAL).number
    house.tick(600)
    with house.database.reading() as session:
        row = rollouts.find(session, PRODUCT, "2.0")
        verdict = verdict_on(house.server, session, row, house.clock.now)
        assert "a brake on everything is on (wati" in str(verdict)
        assert rollouts.course_of(session, row).open_waves == 1
    brakes.take_off(house.database, number, WATI, house.clock.now, may_lift=False)
    house.tick(1)
    with house.database.reading() as session:
        row = rollouts.find(session, PRODUCT, "2.0")
        assert rollouts.course_of(session, row).open_waves == 2


def test_a_recall_stops_it_and_gives_l3_the_incidents(house: House) -> None:
    house.start("2.0", schedule(ALL))
    house.site("shop").fails()
    house.tick(1)
    rollouts.recall(house.database, PRODUCT, "2.0", Word("wati", "prices"), house.clock.now)
    assert published(house).rollouts[0].last_change.reason == "recalled: prices"
    with house.database.reading() as session:
        (stopped,) = [t for t in queue(session, Which.OPEN) if not t.part_of]
    assert (stopped.code, stopped.tier) == (FailureCode.ROLLOUT_STOPPED, Tier.L3)
    assert sites(house.database, stopped) == ["shop"]
    with pytest.raises(Conflict):
        rollouts.recall(house.database, PRODUCT, "2.0", WATI, house.clock.now)


def test_a_stop_by_a_person_is_l3s_too_until_a_newer_version_is_through(house: House) -> None:
    shop = house.site("shop")
    house.start("2.0", schedule(ALL))
    shop.fails()
    house.tick(1)
    rollouts.stop(house.database, PRODUCT, "2.0", WATI, house.clock.now)

    def open_now() -> dict[FailureCode, list[str]]:
        with house.database.reading() as session:
            found = [t for t in queue(session, Which.OPEN) if not t.part_of]
        return {t.code: sites(house.database, t) for t in found}

    assert open_now() == {FailureCode.ROLLOUT_STOPPED: ["shop"]}
    house.start("2.1", schedule(ALL))
    shop.confirms("2.1")
    house.tick(20)
    assert open_now() == {}
    rollouts.stop(house.database, PRODUCT, "2.1", WATI, house.clock.now)
    assert open_now() == {FailureCode.ROLLOUT_STOPPED: []}, "nothing failed, and L3 still hears"
    house.start("2.2", schedule(ALL))
    shop.confirms("2.2")
    house.tick(20)
    assert open_now() == {}


def test_a_clients_yes_reaches_its_own_sites_only(house: House) -> None:
    shop, other = house.site("shop"), house.site("ward", client_id="apotek")
    house.start("2.0", schedule(ALL))
    now, word = house.clock.now, Word("wati", "Ibu Rina said so on the phone")
    with pytest.raises(NotFound, match="no client"):
        approvals.approve(house.database, PRODUCT, "2.0", "nobody", word, now)
    approvals.approve(house.database, PRODUCT, "2.0", "warung", word, now)
    assert shop.check_in().approved == {PRODUCT: ("2.0",)}
    assert other.check_in().approved == {}
    with pytest.raises(Conflict, match="already"):
        approvals.approve(house.database, PRODUCT, "2.0", "warung", word, now)
    rollouts.stop(house.database, PRODUCT, "2.0", word, now)
    assert shop.check_in().approved == {}
    with pytest.raises(Conflict, match="stopped"):
        approvals.approve(house.database, PRODUCT, "2.0", "apotek", word, now)


def test_a_listing_names_every_brake_that_holds_a_site(house: House, ani: TestClient) -> None:
    house.site("shop")
    house.site("ward", client_id="apotek")
    house.start("2.0", schedule(ALL))

    def listed() -> dict[str, str]:
        return {site["site_id"]: site["hold"] for site in ani.get("/v1/sites").json()["sites"]}

    assert listed() == {"shop": "", "ward": ""}
    on = [(Scope.SITE, "shop"), (Scope.CLIENT, "apotek"), (Scope.PRODUCT, PRODUCT)]
    for scope, target in on:
        brakes.put_on(house.database, scope, target, WATI, house.clock.now)
    said = f"({WATI.by}: {WATI.reason})"
    of_product = f"a brake on {PRODUCT} is on {said}"
    assert listed() == {
        "shop": f"a brake on this site is on {said}; {of_product}",
        "ward": f"a brake on all of the client's sites is on {said}; {of_product}",
    }
    assert ani.get("/v1/sites/shop").json()["site"]["hold"] == listed()["shop"]
    words = ["--home", str(house.server.settings.home), "site", "list"]
    assert ", held" in CliRunner().invoke(main, words).output
    brakes.put_on(house.database, Scope.GLOBAL, "", WATI, house.clock.now)
    assert listed()["ward"].endswith(f"a brake on everything is on {said}")


# --- as staff say it


def test_over_the_api_the_token_says_who(ani: TestClient, client: TestClient, house: House) -> None:
    shop = house.site("shop")
    house.start("2.0", schedule(ALL))
    wanted = {"scope": "product", "target": PRODUCT, "reason": "they count their stock"}
    brake = ani.post("/v1/brakes", json=wanted).json()
    assert (brake["by"], brake["number"]) == ("ani", 1)
    plan = RolloutPlan.from_bytes(catalogue.read_target(house.server.store, plan_path(PRODUCT)))
    assert [each.by for each in plan.brakes] == ["ani"], "published at once"
    assert ani.post("/v1/brakes", json={**wanted, "target": "lab"}).status_code == 404
    assert ani.post("/v1/brakes", json={**wanted, "scope": "street"}).status_code == 422
    assert ani.post("/v1/brakes/1/off", json={"reason": "over"}).json()["off_by"] == "ani"
    other = brakes.put_on(house.database, Scope.SITE, "shop", WATI, house.clock.now)
    joko = {"Authorization": f"Bearer {token_of(house.database, 'joko', house.clock.now)}"}
    path = f"/v1/brakes/{other.number}/off"
    refused = client.post(path, json={"reason": "over"}, headers=joko)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")
    assert [b["number"] for b in ani.get("/v1/brakes").json()] == [other.number]
    assert len(ani.get("/v1/brakes", params={"also_off": True}).json()) == 2
    assert shop.check_in().hold


def test_over_the_api_a_yes_and_a_recall(ani: TestClient, house: House) -> None:
    shop = house.site("shop")
    house.start("2.0", schedule(ALL))
    path = f"/v1/rollouts/{PRODUCT}/2.0"
    yes = {"client": "warung", "reason": "by telephone"}
    assert ani.post(f"{path}/approve", json=yes).status_code == 200
    assert ani.post(f"{path}/approve", json=yes).status_code == 409
    assert shop.check_in().approved == {PRODUCT: ("2.0",)}
    assert ani.post(f"{path}/recall", json={"reason": "prices"}).json()["state"] == "stopped"
    assert ani.get("/v1/sites/shop/windows").json() == []


def test_on_the_command_line(house: House) -> None:
    shop = house.site("shop")
    house.start("2.0", schedule(ALL))

    def hsp(*words: str) -> Result:
        command = ["--home", str(house.server.settings.home), *words]
        return CliRunner().invoke(main, command)

    done = hsp("brake", "on", "--client", "warung", "--reason", "stock", "--by", "wati")
    assert "brake 1 is on client warung" in done.output
    assert "wati: stock" in shop.check_in().hold
    assert "client warung" in hsp("brake", "list").output
    assert "wati put brake 1 on" in hsp("brake", "off", "1", "--reason", "x", "--by", "joko").output
    assert hsp("brake", "off", "1", "--reason", "over", "--by", "budi").exit_code == 0
    assert hsp("brake", "on", "--reason", "x").exit_code == 2
    assert hsp("brake", "on", "--global", "--site", "shop", "--reason", "x").exit_code == 2
    who = ("--client", "warung", "--by", "wati")
    words = ("rollout", "approve", PRODUCT, "2.0", *who, "--reason", "by phone")
    assert "warung has approved app 2.0" in hsp(*words).output
    assert "is recalled" in hsp("rollout", "recall", PRODUCT, "2.0", "--reason", "prices").output
    assert hsp("site", "windows", "shop").exit_code == 0
