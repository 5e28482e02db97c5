"""Webhooks and chats, to a real receiver that verifies them, and to one that misbehaves."""

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path

import pytest
from sqlmodel import col, update
from standardwebhooks import Webhook, WebhookVerificationError

from distribution.desk import own_problems
from distribution.desk.news import News
from distribution.notify import posting, reach, reading, sending
from distribution.notify.errors import NotDelivered
from distribution.notify.reach import Reach
from distribution.notify.states import Kind
from distribution.notify.tables import NotifyChannel
from manifests.failures import FailureCode, Tier
from tests.distribution.notify.conftest import LOOPBACK, Desk
from tests.simulators.certificates import certificate
from tests.simulators.ports import free_port
from tests.simulators.receiver import Hang, Receiver
from tests.simulators.web import Reset, Status, TrickledHeaders

OURS = Reach(True)


def test_a_webhook_is_signed_as_standard_webhooks_says(desk: Desk, hook: Receiver) -> None:
    made = desk.channel(Kind.WEBHOOK, hook.url, client="warung")
    desk.house.clock.now = datetime.now(UTC)  # the library refuses what is old
    desk.tell(News.OPENED, desk.problem(), "shop")
    desk.send()
    [post] = hook.posts
    read = Webhook(made.secret).verify(post.body, dict(post.headers))
    assert read["type"] == "site.affected"
    assert read["data"]["affected_sites"] == ["shop"]
    assert set(read["data"]) == {
        *("client", "sentence", "product", "version", "at", "affected_sites", "affected_count"),
        *("recovered_sites", "recovered_count"),
    }
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(post.body + b" ", dict(post.headers))


def test_its_secret_is_in_a_private_file_and_nowhere_else(desk: Desk, hook: Receiver) -> None:
    secret = desk.channel(Kind.WEBHOOK, hook.url, client="warung").secret
    home = desk.server.settings.home
    holders = [f for f in home.rglob("*") if f.is_file() and secret.encode() in f.read_bytes()]
    assert [file.parent.name for file in holders] == ["notify"]
    assert holders[0].stat().st_mode & 0o777 == 0o600


def test_a_chat_gets_a_text_that_calls_nobody(desk: Desk, hook: Receiver) -> None:
    made = desk.channel(Kind.CHAT, f"{hook.url}/T0/secret", tier=Tier.L3)
    assert made.channel.address == "127.0.0.1", "the rest of it is a secret"
    desk.tell(News.OPENED, desk.problem(Tier.L3, detail="<!channel> & more"), "shop")
    desk.send()
    [post] = hook.posts
    assert post.path == "/hook/T0/secret"
    assert set(json.loads(post.body)) == {"text"}
    text = json.loads(post.body)["text"]
    assert "&lt;!channel&gt; &amp; more" in text
    assert text.count("[L3] new: unhealthy") == 1


def test_a_receiver_that_fails_in_every_way_gets_the_message_in_the_end_with_the_same_id(
    desk: Desk, hook: Receiver
) -> None:
    desk.channel(Kind.WEBHOOK, hook.url, client="warung")
    redirect = Status(status=307, headers={"Location": hook.url + "/else"})
    hook.faults = [Status(status=500), Reset(), redirect]
    desk.tell(News.OPENED, desk.problem(), "shop")
    errors = []
    for seconds in (0, 11, 61, 301):
        desk.send(seconds)
        errors.append(desk.deliveries()[0].error)
    assert errors == [
        "127.0.0.1 answered 500",
        "127.0.0.1: the connection was refused or ended",
        "127.0.0.1 answered 307, a redirect, which is not followed "
        "(name the address that it leads to)",
        "",
    ]
    assert len({post.headers["webhook-id"] for post in hook.posts}) == 1
    assert {post.path for post in hook.posts} == {"/hook"}
    assert len({post.body for post in hook.posts}) == 1, "settled when it was first sent"


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_obeyed_for_the_whole_channel(
    desk: Desk, hook: Receiver, as_date: bool
) -> None:
    asked = formatdate(time.time() + 600, usegmt=True) if as_date else "600"
    desk.channel(Kind.WEBHOOK, hook.url, tier=Tier.L2)
    hook.faults = [Status(status=429, headers={"Retry-After": asked})]
    for number in range(3):
        desk.tell(News.OPENED, desk.problem(signature=f"{number}"), "shop")
    desk.send()
    desk.send(590)
    assert len(hook.posts) == 1
    desk.send(11)
    assert len(hook.posts) == 4


def test_a_slow_receiver_holds_up_nobody(
    desk: Desk, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "OPERATION_SECONDS", 2.0)
    with Receiver() as slow:
        slow.faults = [Hang()]
        desk.channel(Kind.WEBHOOK, slow.url, tier=Tier.L2)
        desk.channel(Kind.WEBHOOK, hook.url, tier=Tier.L2)
        desk.tell(News.OPENED, desk.problem(signature="1"), "shop")
        begun = time.monotonic()
        reading.read(desk.house.database, desk.now)
        sending.send_due(desk.server, desk.now)
        while not hook.posts:
            time.sleep(0.01)
        desk.tell(News.OPENED, desk.problem(signature="2"), "shop")
        reading.read(desk.house.database, desk.now)
        sending.send_due(desk.server, desk.now, wait_seconds=1)
        assert len(hook.posts) == 2, "also while the slow one still has its thread"
        assert time.monotonic() - begun < 2
        assert len(slow.posts) == 1
        while not any(delivery.error for delivery in desk.deliveries()):
            time.sleep(0.05)


def test_an_answer_that_dribbles_is_cut_off(
    hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "DEADLINE_SECONDS", 0.3)
    hook.faults = [TrickledHeaders(pause_seconds=0.02)]
    with pytest.raises(NotDelivered, match="took too long"):
        posting.post(hook.url, b"{}", {}, OURS)


def test_an_endless_answer_is_read_to_a_limit_only(hook: Receiver) -> None:
    hook.answer = b"x" * 1_000_000
    assert len(posting.post(hook.url, b"{}", {}, OURS)) == posting.MAX_ANSWER_BYTES


def test_certificates_are_verified_against_the_name_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = certificate(tmp_path / "hook.pem")
    with Receiver(tls) as hook:
        with pytest.raises(NotDelivered, match="certificate"):
            posting.post(hook.url, b"{}", {}, OURS)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "hook.pem"))
        assert posting.post(hook.url, b"{}", {}, OURS) == b"ok"
        elsewhere = hook.url.replace("127.0.0.1", "localhost")
        with pytest.raises(NotDelivered, match="certificate"):
            posting.post(elsewhere, b"{}", {}, OURS)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),  # noqa: S104 - refused
        *("[::1]", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]"),
        *("[2002:7f00:1::]", "[fec0::1]", "[::7f00:1]", "224.0.0.1", "255.255.255.255"),
    ],
)
def test_a_clients_webhook_leads_into_no_private_network(host: str) -> None:
    with pytest.raises(NotDelivered, match="private network"):
        reach.looked_up(reach.taken_apart(f"https://{host}/"), Reach(False))


def test_of_several_addresses_the_next_one_is_tried(
    hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lookup(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host != "two.example":
            return real(host, port, *_, **__)
        return [(2, 1, 6, "", (number, port)) for number in ("127.0.0.9", "127.0.0.1")]

    real = reach.socket.getaddrinfo
    monkeypatch.setattr(reach.socket, "getaddrinfo", lookup)
    monkeypatch.setattr(reach, "is_loopback", lambda host: host == "two.example")
    url = hook.url.replace("127.0.0.1", "two.example")
    assert posting.post(url, b"{}", {}, OURS) == b"ok"


def test_the_world_may_be_reached() -> None:
    for host in ("8.8.8.8", "[2606:4700::1]"):
        assert reach.looked_up(reach.taken_apart(f"https://{host}/"), Reach(False)) == [
            host.strip("[]")
        ]


def test_a_name_is_checked_by_what_it_stands_for_and_that_is_what_is_connected_to(
    hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["8.8.8.8", "127.0.0.1"]

    def lookup(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", (answers.pop(0), port))]

    monkeypatch.setattr(reach.socket, "getaddrinfo", lookup)
    target = reach.taken_apart("https://rebinds.example/")
    assert reach.looked_up(target, Reach(False)) == ["8.8.8.8"], "looked up once"
    with pytest.raises(NotDelivered, match="private network"):
        reach.looked_up(target, Reach(False))
    assert Reach(False, LOOPBACK).allows(reach.ip_address("127.0.0.1"))
    assert not hook.posts


def test_after_three_days_it_is_given_up_and_l2_hears_of_it_until_it_works_again(
    desk: Desk, hook: Receiver
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/"
    made = desk.channel(Kind.WEBHOOK, nobody, client="warung")
    desk.channel(Kind.WEBHOOK, hook.url, tier=Tier.L2, news=[News.OPENED])
    desk.tell(News.OPENED, desk.problem(Tier.L1), "shop")
    for _ in range(5):
        desk.send(timedelta(hours=12).total_seconds())
    assert desk.deliveries()[0].state == "waiting"
    desk.send(timedelta(hours=25).total_seconds())
    assert desk.deliveries()[0].state == "given_up"
    with desk.house.database.reading() as session:
        found = own_problems.details(session, FailureCode.NOTIFICATION_UNDELIVERABLE)
    assert found == {
        f"channel {made.channel.number}": f"channel {made.channel.number} (webhook to {nobody}): "
        "127.0.0.1: the connection was refused or ended"
    }
    desk.send(1)
    [post] = hook.posts
    assert json.loads(post.body)["data"]["code"] == "notification_undeliverable"
    with Receiver() as back:
        with desk.house.database.engine.begin() as connection:  # past the audit
            its = col(NotifyChannel.id) == made.channel.number
            connection.execute(update(NotifyChannel).where(its).values(address=back.url))
        desk.tell(News.OPENED, desk.problem(Tier.L1, signature="2"), "shop")
        desk.send(1)
        assert len(back.posts) == 1
    with desk.house.database.reading() as session:
        assert not own_problems.are_open(session, FailureCode.NOTIFICATION_UNDELIVERABLE)
