"""News of many sites in one transaction: the same as each of them alone, for every kind of news."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from distribution.api import application
from distribution.audit.tables import AuditRow
from distribution.backup.tables import AskAgain
from distribution.calendars import freezes
from distribution.calendars.calendar_tables import CalendarChange
from distribution.calendars.freeze_records import Scope as Whose
from distribution.control import brakes, notices
from distribution.control.brakes import Scope
from distribution.control.control_tables import DrillRow, EventRow, SiteBoot, SiteSession, WindowRow
from distribution.control.rollouts import Word
from distribution.database.tables import Alarm, Site, SiteProduct
from distribution.desk import remote_steps
from distribution.desk.remote_steps import Wanted
from distribution.drills import records
from distribution.drills.records import Goal
from distribution.errors import Unavailable
from distribution.people.roles import Role
from distribution.quick import check_in_batches
from distribution.sites import site_identity
from manifests.check_in import CHECK_IN_TYPE, CheckIn, ProductStatus
from manifests.envelope import peek
from manifests.freeze import Freeze
from manifests.remote_steps import StepKind
from manifests.rollout import Ring
from manifests.site import InstalledProduct, LocalBrake, SitePolicy
from manifests.window import MaintenanceWindow
from tests.simulators.house import BEGIN, PRODUCT, House, Talker
from tests.simulators.repeater import WANTED, remember

WORD = Word("joko", "the cash desk is open", Role.L2)
TOGETHER, ALONE = "together", "alone"
OWN = {"id", "public_key", "stamp", "token_sha256", "check_in_digest"} | {
    "hash", "prev_hash", "seq", "request", "changes",
}  # fmt: skip
"""Columns in which two sites differ."""


@dataclass
class Twins:
    """Two sites that say the same: one to a server with a memory, one to one without."""

    house: House
    quick: TestClient
    full: list[str]
    one: Talker
    two: Talker
    plain: TestClient

    @property
    def both(self) -> tuple[Talker, Talker]:
        return self.one, self.two

    def change(self, **fields: Any) -> None:
        """What is so at both of them from now on."""
        for site in self.both:
            for name, value in fields.items():
                setattr(site, name, value)

    def say(self, way: str, seconds: float = 30, **said: Any) -> dict[str, Any]:
        """Both say it, the first one by this way; nobody could tell them apart afterwards.

        Args:
            said: fields of the check-in, and ``status`` with those of its product.
        """
        self.house.clock.forward(seconds)
        self.full.clear()
        answers = [
            client.post("/v1/check-in", content=_signed(site, **said), headers=WANTED)
            for client, site in ((self.quick, self.one), (self.plain, self.two))
        ]
        assert len(self.full) == (1 if way == TOGETHER else 2), (self.full, said)
        found = [_without_token(answer.json()) for answer in answers]
        assert answers[0].status_code == answers[1].status_code
        assert found[0] == found[1]
        assert self.left(self.one) == self.left(self.two)
        return found[0]

    def left(self, site: Talker) -> Any:
        """All that a site has left in the database."""
        name = site.site_id
        with self.house.database.reading() as session:
            rows = [
                site := session.get_one(Site, name),
                *session.exec(select(SiteProduct).where(SiteProduct.site_id == name)),
                *session.exec(select(SiteBoot).where(SiteBoot.site_id == name)),
                *session.exec(select(SiteSession).where(SiteSession.site_id == name)),
                *session.exec(select(WindowRow).where(WindowRow.site_id == name)),
                *session.exec(select(AskAgain).where(AskAgain.site_id == name)),
                *session.exec(select(Alarm).where(Alarm.site_id == name)),
                *session.exec(select(CalendarChange).where(CalendarChange.subject == name)),
                *session.exec(select(EventRow).where(EventRow.site_id == name)),
                *session.exec(select(AuditRow).where(AuditRow.about == f"site {name}")),
            ]
        may_repeat = ["may repeat", {"": bool(site.check_in_digest)}]  # it is of the name, too
        plain = [may_repeat] + [[type(row).__name__, row.model_dump(exclude=OWN)] for row in rows]
        texts = (json.dumps(each, default=str).replace(name, "NAME") for each in plain)
        return sorted(re.sub(r"(number\W+)\d+", r"\1", text) for text in texts)  # of a brake


def _signed(site: Talker, status: dict[str, Any] | None = None, **said: Any) -> bytes:
    body = CheckIn.from_bytes(peek(site.sign_of_life(**(status or {})), CHECK_IN_TYPE))
    return site.sealed(body.model_copy(update=said).to_bytes(), CHECK_IN_TYPE)


def _nightly() -> MaintenanceWindow:
    starts = BEGIN.replace(hour=22, tzinfo=None)
    return MaintenanceWindow(zone="UTC", starts=starts, rule="FREQ=DAILY", duration_seconds=7200)


def _without_token(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("session"):
        assert len(answer["session"].pop("token")) == 43
    return answer


@pytest.fixture
def twins(house: House, quick: TestClient, full: list[str]) -> Iterator[Twins]:
    one, two = house.site("twin-one"), house.site("twin-two")
    plain = TestClient(application(house.server), base_url=house.server.settings.public_url)
    remember(quick, one.site_id)  # the other client's lifespan never began: it remembers nothing
    return Twins(house, quick, full, one, two, plain)


@pytest.mark.both_databases
def test_what_runs_and_why_it_waits_is_noted_as_if_each_had_been_heard_alone(twins: Twins) -> None:
    twins.change(installed="1.0")
    said = twins.say(TOGETHER)
    assert said["session"] == {"seconds": 3600}
    until = twins.house.clock.now + timedelta(hours=3)
    waiting = {"candidate": "releases/app/2.0/manifest.json", "gate": "window_open"}
    more = {"decision": "wait", "reason": "shut ☾", "lifted_by": "ani", "until": until}
    twins.say(TOGETHER, status={**waiting, **more})
    twins.say(TOGETHER, status={**waiting, **more})
    twins.say(TOGETHER, root_version=1, timestamp_version=7, last_sequence=12)
    statuses = [
        ProductStatus(product=product, installed=InstalledProduct(version=version))
        for product, version in ((PRODUCT, "1.0"), ("another", "3.0"), (PRODUCT, "1.1"))
    ]
    twins.say(TOGETHER, products=tuple(statuses))
    assert twins.left(twins.one) == twins.left(twins.two)
    with twins.house.database.reading() as session:
        kept = session.exec(select(SiteProduct).where(SiteProduct.site_id == "twin-one")).all()
    assert [(row.product, row.version) for row in kept] == [(PRODUCT, "1.1")]


@pytest.mark.both_databases
def test_sessions_are_as_many_and_last_as_long(twins: Twins) -> None:
    for _ in range(6):
        twins.say(TOGETHER, 60)
    twins.say(TOGETHER, 3000)
    twins.say(TOGETHER, 700)
    # One that was kept and is sent again gets none, and neither does one of an hour ago.
    kept = twins.house.clock.now
    assert twins.say(TOGETHER, 5, at=kept)["session"] is None
    twins.house.clock.forward(3600)
    assert twins.say(TOGETHER, 30, at=kept + timedelta(seconds=90))["session"] is None


@pytest.mark.both_databases
def test_a_boot_that_is_new_is_remembered_and_one_that_comes_back_is_heard_alone(
    twins: Twins,
) -> None:
    began = twins.house.clock.now
    twins.change(boot_id="boot-2")
    twins.say(TOGETHER)
    twins.say(TOGETHER)
    twins.change(boot_id="boot-0")
    twins.say(ALONE, at=began)  # late: from before the newest one
    for number in range(3, 11):
        twins.change(boot_id=f"boot-{number}")
        twins.say(TOGETHER)
    twins.change(boot_id="boot-11")
    twins.say(ALONE)  # the oldest one is to be forgotten
    twins.say(TOGETHER)
    twins.change(boot_id="boot-10")
    assert "two machines" in twins.say(ALONE)["hold"]  # from two boots in turn
    assert "two machines" in twins.say(TOGETHER)["hold"]


@pytest.mark.both_databases
def test_an_older_one_of_the_same_boot_is_heard_alone(twins: Twins) -> None:
    twins.say(TOGETHER)
    twins.change(installed="2.0")
    twins.say(ALONE, at=twins.house.clock.now - timedelta(seconds=5))
    assert '"2.0"' not in twins.left(twins.one)[-1]


@pytest.mark.both_databases
def test_a_problem_that_begins_or_changes_is_heard_alone_and_one_that_lasts_together(
    twins: Twins,
) -> None:
    for problem, way in (
        ("disk_full", ALONE), ("disk_full", TOGETHER), ("unreachable", ALONE),
        ("unreachable", TOGETHER), ("", TOGETHER), ("no_such_code", ALONE),
        ("install_failed", TOGETHER), ("", TOGETHER),
    ):  # fmt: skip
        twins.change(problem=problem)
        assert (twins.say(way)["session"] is None) == bool(problem)
    row = DrillRow(name="timestamp", by="ani", began_at=twins.house.clock.now)
    records.begin(twins.house.database, row, Goal())
    for problem, way in (("unreachable", ALONE), ("unreachable", ALONE), ("", TOGETHER)):
        twins.change(problem=problem)
        twins.say(way)


@pytest.mark.both_databases
def test_another_policy_or_ring_is_heard_alone(twins: Twins) -> None:
    window = _nightly()
    brake = LocalBrake(by="the owner", at=twins.house.clock.now, reason="a feast")
    policies = SitePolicy(windows=(window,)), SitePolicy(windows=(window,), brake=brake)
    for policy in (*policies, SitePolicy(rotate_key_days=5), SitePolicy()):
        twins.change(policy=policy)
        twins.say(ALONE)
        twins.say(TOGETHER)
    twins.change(ring=Ring.PILOT)
    twins.say(ALONE)
    twins.say(TOGETHER)


@pytest.mark.both_databases
def test_windows_whose_next_opening_nobody_has_noted_are_noted_alone(twins: Twins) -> None:
    window = _nightly()
    twins.change(policy=SitePolicy(windows=(window,)))
    twins.say(ALONE)
    with twins.house.database.writing() as session:
        for row in session.exec(select(WindowRow)):
            row.outcome = "unused"
            session.add(row)
    twins.say(ALONE, 86_400)
    twins.say(TOGETHER)


@pytest.mark.both_databases
def test_what_others_have_put_on_a_site_is_in_its_answer_at_once(twins: Twins) -> None:
    database, clock = twins.house.database, twins.house.clock
    put_on = brakes.put_on(database, Scope.CLIENT, "warung", WORD, clock.now)
    assert "cash desk" in twins.say(TOGETHER)["hold"]
    brakes.take_off(database, put_on.number, WORD, clock.now, may_lift=False)
    assert twins.say(TOGETHER)["hold"] == ""
    begins = clock.now.replace(tzinfo=None, second=0, microsecond=0)
    freeze = Freeze(name="stocktaking", zone="UTC", starts=begins, duration_seconds=600)
    freezes.announce(database, Whose.CLIENT, "warung", [freeze], WORD, clock.now)
    assert [each["name"] for each in twins.say(TOGETHER)["freezes"]] == ["stocktaking"]
    assert twins.say(TOGETHER, 700)["freezes"] == []
    for site in twins.both:
        brakes.put_on(database, Scope.SITE, site.site_id, WORD, clock.now)
    assert "this site" in twins.say(TOGETHER)["hold"]


@pytest.mark.both_databases
def test_who_is_asked_for_something_or_contradicts_the_audit_log_is_heard_alone(
    twins: Twins,
) -> None:
    database, clock = twins.house.database, twins.house.clock
    with database.writing() as session:
        for site in twins.both:
            session.add(AskAgain(site_id=site.site_id))
    twins.say(ALONE, last_sequence=3)
    with database.writing() as session:
        for row in session.exec(select(AskAgain)):
            session.delete(row)
    twins.say(TOGETHER, 61)
    sealed = twins.one.sealed(b'{"seq":1}', "application/vnd.hsp.audit-checkpoint+json").decode()
    twins.say(ALONE, audit_checkpoint=sealed)
    twins.say(TOGETHER)
    for site in twins.both:
        remote_steps.ask(database, site.site_id, Wanted(StepKind.COLLECT), WORD, clock.now)
    clock.forward(30)
    twins.full.clear()
    for site in twins.both:
        answer = twins.quick.post("/v1/check-in", content=_signed(site), headers=WANTED)
        assert len(answer.json()["steps"]) == 1
    assert twins.full == ["accept", "accept"]


@pytest.mark.both_databases
def test_who_hears_of_a_change_of_keys_is_heard_alone(twins: Twins) -> None:
    twins.say(TOGETHER, root_version=1, timestamp_version=5)
    with twins.house.database.writing() as session:
        notices.begin_everywhere(session, 1, 8, twins.house.clock.now)
    twins.say(TOGETHER, root_version=1, timestamp_version=7)
    twins.say(ALONE, root_version=1, timestamp_version=9)
    twins.say(TOGETHER, root_version=1, timestamp_version=10)


@pytest.mark.both_databases
def test_what_a_database_cannot_keep_stops_nobody_else(twins: Twins) -> None:
    clients = [
        TestClient(each.app, str(each.base_url), False) for each in (twins.quick, twins.plain)
    ]
    for said in ({"status": {"candidate": "a\0b"}}, {"timestamp_version": 2**70}):
        twins.full.clear()
        for client, site in zip(clients, twins.both, strict=True):
            client.post("/v1/check-in", content=_signed(site, **said), headers=WANTED)
        assert twins.full == ["accept", "accept"]
    twins.say(TOGETHER)


def test_a_site_that_was_revoked_or_has_another_key_is_refused(twins: Twins) -> None:
    with twins.house.database.writing() as session:
        for site in twins.both:
            session.get_one(Site, site.site_id).place_base = 7
    other = replace(twins.one, key=Talker("x", twins.house.server).key)
    answer = twins.quick.post("/v1/check-in", content=_signed(other), headers=WANTED)
    assert answer.status_code == 401
    for site in twins.both:
        site_identity.revoke(twins.house.database, site.site_id, WORD, twins.house.clock.now)
    assert twins.say(ALONE)["error"]["code"] == "unauthorised"


@pytest.mark.both_databases
def test_many_that_speak_at_once_are_heard_in_fewer_transactions_than_they_are(
    house: House, quick: TestClient, full: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sites = house.sites(12)
    remember(quick, *(each.site_id for each in sites))
    house.clock.forward(30)
    sizes: list[int] = []
    true, gate = check_in_batches.CheckIns.hear, threading.Event()

    def hear(self: Any, batch: Any) -> Any:
        sizes.append(len(batch))
        gate.wait(0.5)
        return true(self, batch)

    news = quick.app.quick._ways["/v1/check-in"].answer.__self__._check_ins  # type: ignore[attr-defined]
    monkeypatch.setattr(news, "_work", lambda batch: hear(news, batch))
    full.clear()
    answers: list[Any] = []

    def send(site: Talker) -> None:
        site.installed = "3.0"
        answers.append(quick.post("/v1/check-in", content=_signed(site), headers=WANTED))

    threads = [threading.Thread(target=send, args=(site,)) for site in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.status_code for each in answers} == {200}
    assert len({each.json()["session"]["token"] for each in answers}) == len(sites)
    assert full == [] and sum(sizes) == len(sites) and len(sizes) <= 4
    with house.database.reading() as session:
        assert set(session.exec(select(SiteProduct.version))) == {"3.0"}


@pytest.mark.both_databases
def test_a_group_that_fails_is_heard_one_by_one(twins: Twins, monkeypatch: Any) -> None:
    def away(*_: Any) -> Any:
        raise Unavailable("the database does not answer: it is away")

    with monkeypatch.context() as patched:
        patched.setattr(check_in_batches, "_note", away)
        twins.say(ALONE)
    twins.say(TOGETHER)
