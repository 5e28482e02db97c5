"""Whom we tell: added, listed, tried and removed, by whoever may, and by nobody else."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlmodel import select
from starlette.testclient import TestClient

from distribution.cli import main
from distribution.desk.news import News
from distribution.errors import Conflict, Invalid, Misconfigured, NotFound
from distribution.notify import channels, reading, secret_places
from distribution.notify.secret_places import Kept
from distribution.notify.states import Kind
from distribution.notify.tables import NotifyChannel
from distribution.notify.wishes import Wish
from distribution.people.roles import Role
from distribution.telemetry import metrics
from manifests.failures import Tier
from tests.distribution.notify.conftest import WATI, Desk
from tests.simulators.deeds import hsp, records
from tests.simulators.estate_databases import written
from tests.simulators.mail_server import MailServer
from tests.simulators.receiver import Receiver
from tests.simulators.staff import api_of, hire, token_of

PATH = "/v1/notify/channels"
MAIL = {"kind": "email", "address": "rina@warung.example", "reason": "she asked for it"}


@pytest.fixture
def voice(desk: Desk) -> Iterator[Callable[[str], TestClient]]:
    """The API in somebody's voice; Rina is Warung's."""
    hire(desk.house.database, desk.now, {"rina-warung": (Role.CUSTOMER,)}, client="warung")
    yield lambda name: api_of(desk.server, token_of(desk.house.database, name, desk.now))


def test_a_customer_has_their_own_channels_and_knows_of_no_others(
    desk: Desk, voice: Callable[[str], TestClient]
) -> None:
    wati, rina = voice("wati"), voice("rina-warung")
    for owner in ({"tier": "L2"}, {"client": "klinik"}):
        assert wati.post(PATH, json={**MAIL, **owner}).status_code == 200
    made = rina.post(PATH, json={**MAIL, "client": "warung", "language": "id"})
    assert made.status_code == 200, made.text
    number = made.json()["channel"]["number"]
    assert [each["number"] for each in rina.get(PATH).json()] == [number]
    assert len(wati.get(PATH).json()) == 3
    for owner in ({"tier": "L2"}, {"client": "klinik"}, {"client": "nobody"}):
        assert rina.post(PATH, json={**MAIL, **owner}).status_code == 404
    for verb in ("remove", "test"):
        foreign = [rina.post(f"{PATH}/{n}/{verb}", json={"reason": "x"}) for n in (1, 2, 99)]
        assert [answer.status_code for answer in foreign] == [404] * 3
        hidden = {re.sub(r"channel [0-9]+", "channel N", answer.text) for answer in foreign}
        assert len(hidden) == 1, "those of others and those that are not there are the same"
    for verb in ("test", "remove"):
        own = rina.post(f"{PATH}/{number}/{verb}", json={"reason": "x"})
        assert own.status_code == 200, own.text
    assert rina.get(PATH).json() == []


def test_a_webhooks_secret_is_shown_once_and_a_chats_address_never(
    desk: Desk, voice: Callable[[str], TestClient]
) -> None:
    wati = voice("wati")
    chat = {"tier": "L3", "kind": "chat", "address": "https://chat.example/T0/k3y", "reason": "x"}
    hook = {**chat, "kind": "webhook", "address": "https://hooks.example/hsp"}
    assert wati.post(PATH, json=chat).json()["secret"] == ""
    secret = wati.post(PATH, json=hook).json()["secret"]
    assert secret.startswith("whsec_")
    told = wati.get(PATH).text + str(records(desk.house.database))
    assert secret not in told
    assert "k3y" not in told
    assert "chat.example" in told
    content = written(desk.server.settings)
    assert b"hooks.example" in content
    assert secret.encode() not in content
    assert b"k3y" not in content


@pytest.mark.both_databases
def test_servers_that_share_a_key_read_each_others_secrets_and_nobody_else_does(
    desk: Desk, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("x" * 40 + "\n")
    shared = desk.server.settings.model_copy(update={"secrets_key": f"file:{key}"})
    elsewhere = shared.model_copy(update={"home": tmp_path / "another machine's"})
    wish = Wish(kind=Kind.WEBHOOK, address="https://hooks.example/hsp", tier=Tier.L3)
    made = channels.add(desk.house.database, shared, wish, WATI, desk.now)

    def kept() -> Kept:
        with desk.house.database.reading() as session:
            row = session.exec(select(NotifyChannel)).one()
            return Kept(row.secret, row.sealed)

    assert secret_places.read(elsewhere, kept()) == made.secret
    for place in (written(shared), str(records(desk.house.database)).encode()):
        assert made.secret.encode() not in place
    assert kept().sealed not in str(records(desk.house.database))
    for wrong in ("", f"file:{tmp_path / 'nothing'}"):
        with pytest.raises(Misconfigured):
            secret_places.read(shared.model_copy(update={"secrets_key": wrong}), kept())
    with pytest.raises(Misconfigured, match="was changed"):
        secret_places.read(shared, kept()._replace(sealed=kept().sealed[::-1]))
    key.write_text("y" * 40)
    with pytest.raises(Misconfigured, match="was sealed by key"):
        secret_places.read(shared, kept())
    channels.end(desk.house.database, shared, made.channel.number, WATI, desk.now)
    assert kept().sealed == "", "what has ended is forgotten"
    key.write_text("short")
    with pytest.raises(Misconfigured, match="too short"):
        channels.add(desk.house.database, shared, wish, WATI, desk.now)


def test_the_api_takes_no_place_of_a_secret(voice: Callable[[str], TestClient]) -> None:
    tracker = {"tier": "L3", "kind": "tracker", "shape": "github", "reason": "x"}
    url = "https://api.github.com/repos/hsp/kasir/issues"
    answer = voice("wati").post(PATH, json={**tracker, "address": url})
    assert answer.status_code == 422
    assert "hsp notify add" in answer.text
    secret = {**MAIL, "tier": "L2", "secret": "file:/etc/shadow"}
    assert voice("wati").post(PATH, json=secret).status_code == 422


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"address": "rina"}, "none of e-mail"),
    ({"address": "a@b.example\r\nBcc: all@c.example"}, "none of e-mail"),
    ({"kind": "sms", "address": "0812345"}, "telephone number"),
    ({"kind": "webhook", "address": "http://hooks.example/"}, "not one of https"),
    ({"kind": "webhook", "address": "https://me:pw@hooks.example/"}, "password"),
    ({"kind": "webhook", "address": "https://10.0.0.1/"}, "private network"),
    ({"kind": "webhook", "address": "https://hooks.example:99999/"}, "no URL"),
    ({"kind": "webhook", "address": "https://hooks.example/\n"}, "no URL has"),
    ({"zone": "Jakarta"}, "no IANA time zone"),
    ({"quiet_from": "22:00"}, "a begin and another end"),
    ({"quiet_from": "22:00", "quiet_to": "late"}, "no time of day"),
    ({"news": ["overdue"]}, "opened, closed"),
    ({"news": []}, "opened, closed"),
    ({"tier": "L1"}, "and not both"),
    ({"client": ""}, "and not both"),
    ({"reason": " "}, "a reason is needed"),
)
"""What is wrong with a wish, and the words that say so."""


def test_what_makes_no_channel_is_refused_in_words(voice: Callable[[str], TestClient]) -> None:
    wati = voice("wati")
    for wrong, said in WRONG:
        answer = wati.post(PATH, json={**MAIL, "client": "warung", **wrong})
        assert answer.status_code == 422, wrong
        assert said in answer.json()["error"]["message"], wrong


def test_a_client_has_no_end_of_channels_and_none_of_them_twice(desk: Desk) -> None:
    for number in range(channels.MOST_OF_A_CLIENT):
        desk.channel(Kind.EMAIL, f"a{number}@warung.example", client="warung")
    with pytest.raises(Conflict, match="has 20 channels already"):
        desk.channel(Kind.EMAIL, "one-more@warung.example", client="warung")
    desk.channel(Kind.EMAIL, "a@hsp.example", tier=Tier.L2)
    with pytest.raises(Conflict, match="is the same already"):
        desk.channel(Kind.EMAIL, "a@hsp.example", tier=Tier.L2)


def test_without_a_mail_server_nobody_is_promised_mail(desk: Desk) -> None:
    silent = desk.server.settings.model_copy(update={"smtp_host": ""})
    wish = Wish(tier=Tier.L2, kind=Kind.EMAIL, address="a@hsp.example")
    with pytest.raises(Invalid, match="sends no mail"):
        channels.add(desk.house.database, silent, wish, WATI, desk.now)


def test_what_waits_for_a_removed_channel_is_left_out_and_its_secret_forgotten(
    desk: Desk, hook: Receiver
) -> None:
    number = desk.channel(Kind.WEBHOOK, hook.url, client="warung").channel.number
    desk.tell(News.OPENED, desk.problem(), "shop")
    reading.read(desk.house.database, desk.now)
    args = desk.house.database, desk.server.settings, number, WATI, desk.now
    channels.end(*args)
    desk.send()
    assert hook.posts == []
    assert [each.state for each in desk.deliveries()] == ["left_out"]
    assert list((desk.server.settings.home / "notify").iterdir()) == []
    with pytest.raises(NotFound):
        channels.end(*args)


def test_the_commands_add_try_list_and_remove(
    desk: Desk, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in mail.settings().items():
        monkeypatch.setenv(f"HSP_{name.upper()}", str(value))
    house = desk.house
    said = hsp(
        house,
        *("notify", "add", "email", "rina@warung.example", "--client", "warung", "--by", "wati"),
        *("--language", "id", "--zone", "Asia/Jakarta", "--quiet", "22:00-06:00"),
        *("--news", "opened", "--least", "L2", "--reason", "she asked"),
    )
    assert "hsp notify test 1" in said
    assert "took it" in hsp(house, "notify", "test", "1", "--by", "wati")
    [letter] = mail.letters
    assert letter["Subject"] == "Uji coba pemberitahuan"
    listed = hsp(house, "notify", "list")
    assert "22:00-06:00" in listed
    assert "rina@warung.example" in listed
    hsp(house, "notify", "remove", "1", "--reason", "left", "--by", "wati")
    assert "rina@" not in hsp(house, "notify", "list")
    found = records(house.database)[-3:]
    assert [each.action for each in found] == ["notify.add", "notify.test", "notify.remove"]
    assert {each.actor for each in found} == {"wati"}
    assert {each.about for each in found} == {"notification channel 1 of client warung"}


def test_a_test_that_fails_says_why(desk: Desk, mail: MailServer) -> None:
    number = desk.channel(Kind.EMAIL, "a@hsp.example", tier=Tier.L2).channel.number
    home = str(desk.server.settings.home)
    words = ["--home", home, "notify", "test", str(number), "--by", "wati"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 75
    assert "smtp_host is not set" in done.output
    assert mail.letters == []


def test_the_figures_say_what_waits_for_how_long_and_what_fails(
    desk: Desk, mail: MailServer
) -> None:
    desk.channel(Kind.EMAIL, "a@hsp.example", tier=Tier.L2)
    mail.refusals = ["450 busy"]
    desk.tell(News.OPENED, desk.problem(), "shop")
    reading.read(desk.house.database, desk.now)
    before = metrics.text(desk.server, desk.house.clock.forward(7)).decode()
    assert 'hsp_notifications{state="waiting"} 1.0' in before
    assert "hsp_notification_oldest_seconds 7.0" in before
    assert "hsp_notifications_failing 0.0" in before
    desk.send()
    after = metrics.text(desk.server, desk.house.clock.forward(7)).decode()
    assert "hsp_notification_oldest_seconds 0.0" in after, "the receiver's delay is not ours"
    assert "hsp_notifications_failing 1.0" in after
