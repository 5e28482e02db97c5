"""A failure at a real agent becomes a mail at L2 and a signed webhook at the client."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from distribution.control.rollouts import Word
from distribution.notify import channels, sending
from distribution.notify.figures import figures
from distribution.notify.states import Kind, State
from distribution.notify.wishes import Wish
from manifests.failures import Tier
from tests.simulators.mail_server import MailServer
from tests.simulators.receiver import Receiver
from tests.simulators.village import Village, now, open_village

WATI = Word("wati", "they asked for it")


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """L2's."""
    with MailServer(tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        yield server


def work(village: Village, later: timedelta = timedelta(0)) -> None:
    """The scheduler works, and what it sends by then has arrived."""
    village.tick()
    sending.send_due(village.server, now() + later, wait_seconds=30)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with village.server.database.reading() as session:
            if not figures(session, now()).by_state[State.SENDING]:
                return
        time.sleep(0.02)
    raise TimeoutError("a message is still under way")


def add(village: Village, wish: Wish) -> str:
    """A channel; its secret."""
    args = village.server.database, village.server.settings, wish, WATI, now()
    return channels.add(*args).secret


def test_a_failure_is_a_mail_at_l2_and_a_signed_webhook_at_the_client_and_so_is_its_end(
    tmp_path: Path, mail: MailServer
) -> None:
    settings = {**mail.settings(), "client_webhook_networks": "127.0.0.0/8"}
    with open_village(tmp_path, **settings) as village, Receiver() as warung, Receiver() as apotek:
        site = village.site("warung-1", "warung")
        village.site("apotek-1", "apotek")
        add(village, Wish(kind=Kind.EMAIL, address="l2@hsp.example", tier=Tier.L2))
        wish = Wish(kind=Kind.WEBHOOK, address=warung.url, client="warung", language="id")
        secret = add(village, wish)
        add(village, Wish(kind=Kind.WEBHOOK, address=apotek.url, client="apotek"))
        village.publish("1.0")
        village.start("1.0")
        village.poll_all()

        village.publish("2.0", healthy=False)
        village.start("2.0")
        site.poll()
        assert site.serves() == "1.0", "it went back by itself"
        work(village)
        subjects = [letter["Subject"].strip() for letter in mail.letters]
        assert "[L2] new: unhealthy, app 2.0 (1 site at 1 client)" in subjects
        [post] = warung.posts
        told = Webhook(secret).verify(post.body, dict(post.headers))
        assert told["type"] == "site.affected"
        assert told["data"]["affected_sites"] == ["warung-1"]
        assert told["data"]["sentence"].startswith("Versi baru tidak")

        village.publish("2.1")
        village.start("2.1")
        site.poll()
        work(village, timedelta(minutes=6))
        over = json.loads(warung.posts[-1].body)
        assert (over["type"], over["data"]["recovered_sites"]) == ("site.recovered", ["warung-1"])
        assert "[L2] over: unhealthy" in str([letter["Subject"] for letter in mail.letters])
        assert apotek.posts == [], "it was none of its sites"
        assert b"apotek" not in b"".join(post.body for post in warung.posts)
