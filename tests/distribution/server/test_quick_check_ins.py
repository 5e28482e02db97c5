"""Check-ins that say again what is known: quick, and nobody can tell otherwise."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from distribution import audit, events
from distribution.calendars import freezes
from distribution.calendars.freeze_records import Scope as Whose
from distribution.control import brakes
from distribution.control.brakes import Scope
from distribution.control.rollouts import Word
from distribution.database.tables import Site
from distribution.desk import remote_steps
from distribution.desk.remote_steps import Wanted
from distribution.people.roles import Role
from distribution.quick.change_watch import PostgresWatch
from distribution.sites import site_identity
from manifests.freeze import Freeze
from manifests.remote_steps import StepKind
from tests.simulators.estate_databases import VARIABLE
from tests.simulators.house import Clock, House
from tests.simulators.postgres import shared
from tests.simulators.repeater import (
    WANTED,
    Repeater,
    memory_is_current,
    memory_of,
    ready,
    row,
    until,
)
from tests.simulators.staff import api_of

WORD = Word("joko", "the cash desk is open", Role.L2)


# --- a session's life


@pytest.mark.both_databases
def test_who_repeats_by_token_needs_no_database_and_is_written_down(
    house: House, quick: TestClient, full: list[str]
) -> None:
    shop = ready(house, quick)
    house.clock.forward(30)
    until(lambda: memory_is_current(quick))
    full.clear()
    assert shop.repeat().status_code == 200
    assert full == []
    until(lambda: row(house).last_seen == house.clock.now)
    with house.database.reading() as session:
        told = [each for each in events.after(session, 0) if each.kind == "check_in"]
    assert told[-1].at == house.clock.now
    assert told[-1].detail == told[-2].detail


def test_only_who_asks_is_given_a_session_and_the_database_has_no_token(
    house: House, quick: TestClient
) -> None:
    shop = house.site("shop")
    house.clock.forward(30)
    assert quick.post("/v1/check-in", content=shop.sign_of_life()).json()["session"] is None
    house.clock.forward(30)
    one = Repeater(shop, quick)
    one.sign()
    with house.database.reading() as session:
        words = session.connection().exec_driver_sql("SELECT * FROM sitesession").all()
    assert len(words) == 1
    assert one.token not in str(words)


@pytest.mark.parametrize("remembered", [True, False])
def test_what_is_new_needs_a_signature(house: House, quick: TestClient, remembered: bool) -> None:
    shop = ready(house, quick)
    if not remembered:
        memory_of(quick).stop()
    house.clock.forward(30)
    assert shop.repeat(shop.say(gate="window_open", decision="wait")).status_code == 401
    shop.site.boot_id = "boot-2"
    assert shop.repeat().status_code == 401
    shop.site.boot_id, shop.site.problem = "boot-1", "disk_full"
    assert shop.repeat().status_code == 401
    shop.site.problem = ""
    assert shop.repeat(token="A" * 43).status_code == 401
    assert shop.repeat(b"{}").status_code == 400
    assert shop.repeat().status_code == 200


@pytest.mark.both_databases
def test_a_token_ends_with_its_hour_with_the_key_and_with_the_right_to_speak(
    house: House, quick: TestClient
) -> None:
    shop, ward, mall = (ready(house, quick, name) for name in ("shop", "ward", "mall"))
    site_identity.revoke(house.database, "shop", WORD, house.clock.now)
    with house.database.writing() as session:
        session.get_one(Site, "mall").public_key = "0" * 64
        audit.note(session, audit.Deed("test", "site.rotate_key", "site mall"), house.clock.now)
    until(lambda: shop.repeat().status_code == 401, 3)
    until(lambda: mall.repeat().status_code == 401, 3)
    assert ward.repeat().status_code == 200
    house.clock.forward(3601)
    assert ward.repeat().status_code == 401


def test_a_check_in_that_was_kept_and_sent_again_gives_no_session(
    house: House, quick: TestClient
) -> None:
    shop = Repeater(house.site("shop"), quick)
    house.clock.forward(30)
    kept = shop.site.sign_of_life()
    first = quick.post("/v1/check-in", content=kept, headers=WANTED).json()
    assert first["session"] is not None
    for seconds in (0, 5):
        house.clock.forward(seconds)
        assert quick.post("/v1/check-in", content=kept, headers=WANTED).json()["session"] is None
    house.clock.forward(3600)
    late = replace(shop.site).sign_of_life()
    house.clock.forward(3600)
    assert quick.post("/v1/check-in", content=late, headers=WANTED).json()["session"] is None


def test_who_has_a_problem_signs_every_time(house: House, quick: TestClient) -> None:
    site = house.site("shop", problem="disk_full")
    house.clock.forward(30)
    shop = Repeater(site, quick)
    assert shop.sign().json()["session"] is None


# --- what others change


@pytest.mark.both_databases
def test_what_is_held_frozen_or_asked_for_is_in_the_next_answer(
    house: House, quick: TestClient, full: list[str], database_kind: str
) -> None:
    shop = ready(house, quick)
    seconds = 0.0 if database_kind == "sqlite" else 1.0

    def soon(what: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not what(shop.repeat().json()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert what(shop.repeat().json())

    put_on = brakes.put_on(house.database, Scope.SITE, "shop", WORD, house.clock.now)
    soon(lambda said: "cash desk" in said["hold"])
    until(lambda: memory_is_current(quick))
    before = len(full)
    assert "cash desk" in shop.repeat().json()["hold"]
    assert len(full) == before  # from memory again
    brakes.take_off(house.database, put_on.number, WORD, house.clock.now, may_lift=False)
    soon(lambda said: said["hold"] == "")
    remote_steps.ask(house.database, "shop", Wanted(StepKind.COLLECT), WORD, house.clock.now)
    soon(lambda said: len(said["steps"]) == 1)


def test_a_freeze_that_ends_is_in_no_later_answer(house: House, quick: TestClient) -> None:

    shop = ready(house, quick)
    begins = house.clock.now.replace(tzinfo=None, second=0, microsecond=0)
    freeze = Freeze(name="stocktaking", zone="UTC", starts=begins, duration_seconds=600)

    freezes.announce(house.database, Whose.CLIENT, "warung", [freeze], WORD, house.clock.now)
    until(lambda: memory_is_current(quick))
    assert [each["name"] for each in shop.repeat().json()["freezes"]] == ["stocktaking"]
    house.clock.forward(700)
    assert shop.repeat().json()["freezes"] == []


@pytest.mark.both_databases
def test_two_servers_that_heard_different_things_end_with_the_last_one(
    house: House, quick: TestClient
) -> None:
    """An old agent, which signs everything: one thing at A, another at B, the first again at A."""
    shop = house.site("shop", installed="1.0")
    with api_of(house.server) as other:
        house.clock.forward(30)
        quick.post("/v1/check-in", content=shop.sign_of_life())
        until(lambda: "shop" in memory_of(quick).sites.by_id)
        until(
            lambda: memory_of(quick).sites.by_id["shop"].digest.hex() == row(house).check_in_digest
        )
        house.clock.forward(30)
        shop.installed = "2.0"
        other.post("/v1/check-in", content=shop.sign_of_life())
        assert '"2.0"' in (row(house).check_in or "")
        house.clock.forward(30)
        shop.installed = "1.0"
        assert quick.post("/v1/check-in", content=shop.sign_of_life()).status_code == 200
        until(lambda: '"1.0"' in (row(house).check_in or ""))
    assert row(house).last_seen == house.clock.now


def test_the_memory_distrusts_everything_when_nobody_calls_it_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: list[str]
) -> None:

    monkeypatch.setenv(VARIABLE, "postgresql")
    house = House.build(tmp_path, Clock())
    with api_of(house.server) as client:
        shop = ready(house, client)
        until(lambda: memory_is_current(client))
        watch = memory_of(client)._watch
        assert isinstance(watch, PostgresWatch)
        name = house.server.settings.database_url.rpartition("/")[2]
        everybody = f"FROM pg_stat_activity WHERE datname = '{name}'"
        shared().execute(f"SELECT pg_terminate_backend(pid) {everybody}")
        until(lambda: not watch._listening)
        full.clear()
        assert shop.repeat().status_code == 200
        assert full == ["repeat"]
        until(lambda: memory_is_current(client))  # it listens again, and has read anew
    house.database.close()
