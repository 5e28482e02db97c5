"""Ten thousand incidents of one problem: one message a channel, and numbers or own sites in it."""

import json
import time
from datetime import timedelta

import pytest
from sqlalchemy import event, insert
from sqlmodel import func, select

from distribution.audit import Deed, note
from distribution.database.tables import Client, Incident, Site
from distribution.desk import endings, incidents
from distribution.desk.news import News
from distribution.desk.opening import Sighting
from distribution.desk.tables import NewsRow
from distribution.notify import reading, sealing
from distribution.notify.saying import message_of
from distribution.notify.states import Kind
from manifests.failures import FailureCode, Tier
from tests.distribution.notify.conftest import Desk, put_site
from tests.simulators.mail_server import MailServer
from tests.simulators.receiver import Receiver

pytestmark = pytest.mark.both_databases

SITES, CLIENTS = 10_000, 37


def storm(desk: Desk, problem: int) -> None:
    """Every site has the problem, with a line of news each."""
    now, names = desk.now, [f"s{number:05}" for number in range(SITES)]
    with desk.house.database.writing() as session:
        for number in range(CLIENTS):
            session.add(Client(id=f"c{number:02}", created_at=now))
        note(session, Deed("test", "clients.add", "many"), now)
    tables = {
        Site: {"public_key": "", "enrolled_at": now, "last_seen": now, "profile": "", "hold": ""}
        | {"root_version": 0, "timestamp_version": 0, "problem": "", "place_base": 0},
        Incident: {"problem_id": problem, "tier": Tier.L3, "state": "open", "detail": ""}
        | {"occurrences": 1, "reopened": 0, "last_place": 0, "opened_at": now, "last_at": now},
    }
    rows = {
        Site: [{"id": name, "client_id": f"c{i % CLIENTS:02}"} for i, name in enumerate(names)],
        Incident: [
            {"id": 100 + i, "site_id": name, "client_id": f"c{i % CLIENTS:02}"}
            for i, name in enumerate(names)
        ],
    }
    with desk.house.database.engine.begin() as connection:  # past the audit: ten thousand at once
        for table, plain in tables.items():
            connection.execute(insert(table), [{**plain, **row} for row in rows[table]])
        lines = [
            {
                "at": now,
                "kind": News.OPENED if i == 0 else News.JOINED,
                "problem_id": problem,
                "incident_id": 100 + i,
                "tier": Tier.L3,
            }
            for i in range(SITES)
        ]
        connection.execute(insert(NewsRow), lines)


def test_ten_thousand_incidents_of_one_problem_are_one_message_a_channel(
    desk: Desk, mail: MailServer, hook: Receiver
) -> None:
    problem = desk.problem(Tier.L3)
    storm(desk, problem)
    desk.channel(Kind.EMAIL, "l3@hsp.example", tier=Tier.L3)
    desk.channel(Kind.WEBHOOK, hook.url, client="c05")
    for number in range(CLIENTS):
        desk.channel(Kind.CHAT, f"{hook.url}/{number}", tier=Tier.L3, label=f"room {number}")
    statements: list[str] = []
    engine = desk.house.database.engine
    event.listen(engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    begun = time.perf_counter()
    reading.read(desk.house.database, desk.now)
    read_seconds = time.perf_counter() - begun
    pairs = sealing.take(desk.house.database, desk.now)
    assert len(pairs) == 2 + CLIENTS
    assert len(statements) < 400, "no query for each of the ten thousand"
    assert read_seconds < 30, "a bound for a slow machine; it is less than one"

    by_client = {channel.client_id: message_of(one, channel) for one, channel in pairs}
    staff, client = by_client[""], by_client["c05"]
    assert staff.subject == "[L3] new: unhealthy, app 2.0 (10,000 sites at 37 clients)"
    assert client.subject.startswith("271 of your sites: ")
    assert client.data["affected_count"] == 271
    own = {f"s{number:05}" for number in range(5, SITES, CLIENTS)}
    assert set(client.data["affected_sites"]) < own
    assert len(client.data["affected_sites"]) == 100
    assert "and 251 more" in " ".join(client.lines)


def test_what_comes_after_the_first_message_is_gathered(desk: Desk, mail: MailServer) -> None:
    desk.channel(Kind.EMAIL, "l2@hsp.example", tier=Tier.L2)
    problem = desk.problem()
    desk.tell(News.OPENED, problem, "shop")
    desk.send()
    assert len(mail.letters) == 1, "the first one at once"
    desk.tell(News.JOINED, problem, "stall")
    desk.send(60)
    desk.tell(News.JOINED, problem, "ward")
    desk.send(60)
    assert len(mail.letters) == 1
    desk.send(180)
    [_, second] = mail.letters
    assert second["Subject"] == "[L2] more sites: unhealthy, app 2.0 (3 sites at 2 clients)"
    assert "New sites since the last message: 2." in second.get_body(("plain",)).get_content()


def test_news_that_matter_come_at_once_but_three_in_five_minutes_at_most(
    desk: Desk, mail: MailServer
) -> None:
    desk.channel(Kind.EMAIL, "l2@hsp.example", tier=Tier.L2)
    problem = desk.problem()
    for round_ in range(10):
        desk.tell(News.CLOSED if round_ % 2 else News.REOPENED, problem, tier=Tier.L2)
        desk.send(10)
    assert len(mail.letters) == 3
    desk.send(300)
    assert len(mail.letters) == 4
    assert "over" in mail.letters[-1]["Subject"], "as it is by then"
    desk.send(3600)
    assert len(mail.letters) == 4


def test_the_same_news_read_twice_are_one_delivery(desk: Desk) -> None:
    desk.channel(Kind.EMAIL, "l2@hsp.example", tier=Tier.L2)
    desk.tell(News.OPENED, desk.problem(), "shop")
    assert reading.read(desk.house.database, desk.now) == 1
    assert reading.read(desk.house.database, desk.now) == 0
    assert len(desk.deliveries()) == 1


def test_news_whose_number_is_late_are_not_passed_over(desk: Desk) -> None:
    desk.channel(Kind.EMAIL, "l2@hsp.example", tier=Tier.L2)
    problem = desk.problem()
    desk.tell(News.OPENED, problem, "shop")
    with desk.house.database.engine.begin() as connection:
        late = {"id": 3, "at": desk.now, "kind": News.RAISED, "problem_id": problem}
        connection.execute(insert(NewsRow), {**late, "incident_id": None, "tier": Tier.L2})
    assert reading.read(desk.house.database, desk.now) == 1, "number 2 may still be written"
    with desk.house.database.reading() as session:
        assert session.exec(select(func.count()).select_from(NewsRow)).one() == 2
    later = desk.now + timedelta(seconds=reading.GAP_SECONDS)
    assert reading.read(desk.house.database, later) == 1, "whoever had number 2 gave it up"


def test_many_problems_at_once_are_one_message_too(desk: Desk, mail: MailServer) -> None:
    desk.channel(Kind.EMAIL, "l1@hsp.example", tier=Tier.L1)
    for number in range(100):
        desk.tell(News.OPENED, desk.problem(Tier.L1, signature=f"{number}"), "shop")
    desk.send()
    [letter] = mail.letters
    assert letter["Subject"] == "[L1] 100 tickets have news"
    text = letter.get_body(("plain",)).get_content()
    assert "1: [L1] new: unhealthy, app 2.0 (1 site at 1 client)" in text
    assert "and 70 more" in text
    states = [delivery.state for delivery in desk.deliveries()]
    assert (states.count("sent"), states.count("gathered")) == (1, 99)


def test_a_channel_of_ours_has_twenty_messages_in_five_minutes_at_most(
    desk: Desk, mail: MailServer
) -> None:
    desk.channel(Kind.EMAIL, "l1@hsp.example", tier=Tier.L1)
    for number in range(25):
        desk.tell(News.OPENED, desk.problem(Tier.L1, signature=f"{number}"), "shop")
        desk.send(1)
    assert len(mail.letters) == 20
    desk.send(300)
    assert len(mail.letters) == 25, "none is lost"


def test_a_storm_as_the_desk_sees_it_from_the_first_site_to_the_last_confirmation(
    desk: Desk, mail: MailServer, hook: Receiver
) -> None:
    for tier in (Tier.L2, Tier.L3):
        desk.channel(Kind.EMAIL, f"{tier.lower()}@hsp.example", tier=tier)
    desk.channel(Kind.WEBHOOK, hook.url, client="warung")
    names = [f"w{number}" for number in range(60)] + [f"k{number}" for number in range(60)]
    with desk.house.database.writing() as session:
        for name in names:
            put_site(session, name, "warung" if name[0] == "w" else "klinik", desk.now)
        note(session, Deed("test", "sites.add", "many"), desk.now)
    for begin in range(0, 120, 20):
        with desk.house.database.writing() as session:
            for name in names[begin : begin + 20]:
                seen = Sighting(name, FailureCode.UNHEALTHY, "no prices", desk.now, "app", "2.0")
                incidents.record(session, seen)
        desk.send(10)
    assert [letter["Subject"].strip() for letter in mail.letters] == [
        "[L2] new: unhealthy, app 2.0 (20 sites at 1 client)",
        "[L3] raised: unhealthy, app 2.0 (80 sites at 2 clients)",
    ]
    assert len(hook.posts) == 1
    desk.send(300)
    assert "(120 sites at 2 clients)" in mail.letters[2]["Subject"]
    told = [json.loads(post.body)["data"]["affected_sites"] for post in hook.posts]
    assert sorted(told[0] + told[1]) == sorted(names[:60]), "its own, each once"
    with desk.house.database.writing() as session:
        for name in names:
            endings.recovered(session, name, [FailureCode.UNHEALTHY], desk.now)
    desk.send(3600)
    assert len(mail.letters) == 4
    assert "[L3] over" in mail.letters[3]["Subject"]
    assert len(hook.posts) == 3
    assert json.loads(hook.posts[2].body)["data"]["recovered_count"] == 60
