"""The loop: it survives its steps, renews what ages, and shares the house with others."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from distribution.control import plans, rollouts
from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.database.tables import PlanRow, Receipt
from distribution.desk.ticket_views import Which
from distribution.desk.tickets import queue
from distribution.errors import Conflict
from distribution.repository import catalogue
from distribution.scheduling import scheduler
from distribution.scheduling.loop import Scheduler
from manifests.install_report import Phase
from manifests.rollout import RolloutPlan
from manifests.target_paths import plan_path
from signing.errors import StoreFailed
from signing.store import DirectoryStore
from tests.simulators.house import PRODUCT, House, schedule

pytestmark = pytest.mark.both_databases

ALL = 10_000


def within(seconds: float, true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


@pytest.fixture
def running(house: House) -> Scheduler:
    often = house.server.settings.model_copy(update={"scheduler_seconds": 0.05})
    return Scheduler(replace(house.server, settings=often))


def test_what_ages_is_signed_again_at_half_of_its_life(house: House) -> None:
    before = catalogue.trust_state(house.server.store)
    house.tick(2.9 * 3600)
    assert catalogue.trust_state(house.server.store).timestamp_version == before.timestamp_version
    house.tick(0.2 * 3600)
    after = catalogue.trust_state(house.server.store)
    assert after.timestamp_version == before.timestamp_version + 1
    assert after.expires["timestamp"] > before.expires["timestamp"]


def test_with_the_store_away_reports_still_become_tickets_and_the_loop_goes_on(
    house: House, running: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = threading.Event()
    away.set()
    real = DirectoryStore.read

    def read(store: DirectoryStore, key: str) -> bytes:
        if away.is_set():
            raise StoreFailed("the bucket does not answer")
        return real(store, key)

    house.start("2.0", schedule(ALL))
    rollouts.pause(house.database, PRODUCT, "2.0", Word("ani", "wait"), house.clock.now)
    house.site("shop").fails()
    monkeypatch.setattr(DirectoryStore, "read", read)
    running.start()

    def ticketed() -> bool:
        with house.database.reading() as session:
            return len(queue(session, Which.OPEN)) == 1

    def published() -> bool:
        data = real(house.server.store, "metadata/timestamp.json")
        return data != before

    before = real(house.server.store, "metadata/timestamp.json")
    assert within(10, ticketed)
    assert not published()
    away.clear()
    assert within(10, published)
    running.stop()


def test_a_fault_of_ours_in_one_step_does_not_end_the_loop(
    house: House, running: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[str] = []

    def fault(*_: object) -> None:
        turns.append("fault")
        raise ZeroDivisionError

    def fine(*_: object) -> None:
        turns.append("fine")

    monkeypatch.setattr(scheduler, "STEPS", (fault, fine))
    running.start()
    assert within(10, lambda: turns.count("fine") >= 3)
    running.stop()
    assert turns[:4] == ["fault", "fine", "fault", "fine"]


def test_it_ends_at_once_when_it_is_told_to(house: House) -> None:
    idle = Scheduler(house.server)
    idle.start()
    began = time.monotonic()
    idle.stop()
    assert time.monotonic() - began < 5


def another_machine(house: House, folder: Path) -> Database:
    """The same database, without the locks: SQLite's are one machine's, and PostgreSQL's are gone
    with a connection that broke while its machine slept."""
    other = Database(house.database.engine, folder)
    object.__setattr__(other, "alone", lambda what: nullcontext())
    return other


def test_people_and_schedulers_at_once_publish_the_last_word(house: House, tmp_path: Path) -> None:
    house.start("2.0", schedule(ALL))
    server, now = house.server, house.clock.now
    machines = (house.database, another_machine(house, tmp_path / "locks"))

    def say(number: int) -> None:
        verb = rollouts.pause if number % 2 else rollouts.resume
        database = machines[number // 2 % 2]
        try:
            verb(database, PRODUCT, "2.0", Word(f"person {number}", "x"), now)
        except Conflict:
            return
        plans.publish(database, server.store, server.online, PRODUCT, now)

    with ThreadPoolExecutor(8) as people:
        list(people.map(say, range(40)))
    data = catalogue.read_target(server.store, plan_path(PRODUCT))
    with house.database.reading() as session:
        row = session.get_one(PlanRow, PRODUCT)
        assert row.document == data
        assert RolloutPlan.from_bytes(data).serial == row.serial > 10


def test_a_machine_that_slept_puts_no_older_plan_in_the_place_of_a_newer(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.start("2.0", schedule(ALL))
    server, now, word = house.server, house.clock.now, Word("ani", "x")
    other, real = another_machine(house, tmp_path / "locks"), plans.publish_targets
    rollouts.pause(house.database, PRODUCT, "2.0", word, now)

    def slow(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(plans, "publish_targets", real)
        rollouts.stop(other, PRODUCT, "2.0", word, now)  # meanwhile, on another machine
        plans.publish(other, server.store, server.online, PRODUCT, now)
        real(*arguments, **options)

    monkeypatch.setattr(plans, "publish_targets", slow)
    plans.publish(house.database, server.store, server.online, PRODUCT, now)
    plan = RolloutPlan.from_bytes(catalogue.read_target(server.store, plan_path(PRODUCT)))
    assert plan.rollouts[0].state == "stopped"


def test_many_sites_report_at_once_and_nothing_is_lost(house: House) -> None:
    sites = house.sites(16)
    messages = [(site, site.message(Phase.DOWNLOADING)) for site in sites for _ in range(5)]
    with ThreadPoolExecutor(16) as wires:
        receipts = list(wires.map(lambda pair: pair[0].send(pair[1]), messages))
    assert len(receipts) == 80
    assert not any(receipt.duplicate for receipt in receipts)
    with house.database.reading() as session:
        assert len(session.exec(select(Receipt.id)).all()) == 80
