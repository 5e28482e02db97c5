"""A sender that is killed between sending and noting: the same message again, and never none."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from sqlalchemy import event
from sqlmodel import Session, select

from distribution.desk.news import News
from distribution.notify import reading, sealing
from distribution.notify.states import Kind
from distribution.notify.tables import Delivery
from manifests.failures import Tier
from tests.distribution.notify.conftest import Desk
from tests.simulators.receiver import Hang, Receiver
from tests.simulators.web import Status

SENDER = """
import sys, datetime, pathlib
from distribution.database.sessions import Database
from distribution.notify import sending
from distribution.server import Server
from distribution.settings import Settings

settings = Settings.load(pathlib.Path(sys.argv[1]))
now = datetime.datetime.fromisoformat(sys.argv[2])
server = Server(settings, Database.open(settings), None, None, lambda: now)
sending.send_due(server, now, wait_seconds=60)
"""


def test_kill_9_after_sending_and_before_noting_it_sends_it_again_with_the_same_id(
    desk: Desk, hook: Receiver
) -> None:
    desk.channel(Kind.WEBHOOK, hook.url, tier=Tier.L2)
    desk.tell(News.OPENED, desk.problem(), "shop")
    reading.read(desk.house.database, desk.now)
    hook.faults = [Hang()]
    home, now = str(desk.server.settings.home), desk.now.isoformat()
    sender = subprocess.Popen([sys.executable, "-c", SENDER, home, now])
    while not hook.posts:
        assert sender.poll() is None, "the sender ended before it sent"
    os.kill(sender.pid, signal.SIGKILL)
    sender.wait()
    desk.send(1)
    assert len(hook.posts) == 1, "somebody could still be sending it"
    desk.send(sealing.GIVEN_OUT.total_seconds())
    first, second = hook.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert [delivery.state for delivery in desk.deliveries()] == ["sent"]
    desk.send(3600)
    assert len(hook.posts) == 2


def test_a_kill_between_reading_the_news_and_noting_how_far_loses_none_and_doubles_none(
    desk: Desk, hook: Receiver
) -> None:
    desk.channel(Kind.WEBHOOK, hook.url, tier=Tier.L2)
    desk.tell(News.OPENED, desk.problem(), "shop")

    database = desk.house.database.guarded(die_at_commit)
    with pytest.raises(SystemExit):
        reading.read(database, desk.now)
    assert desk.deliveries() == []
    desk.send()
    assert len(hook.posts) == 1


def die_at_commit(session: Session) -> None:
    """The process ends when everything is written and nothing is kept."""

    def die(*_: object) -> None:
        raise SystemExit

    event.listen(session, "before_commit", die, once=True)


def test_two_senders_at_once_send_it_once(desk: Desk, hook: Receiver) -> None:
    for number in range(5):
        desk.channel(Kind.WEBHOOK, hook.url, tier=Tier.L2, label=f"{number}")
    desk.tell(News.OPENED, desk.problem(), "shop")
    threads = [threading.Thread(target=desk.send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({post.headers["webhook-id"] for post in hook.posts}) == len(hook.posts) == 5


def test_a_message_that_nobody_can_read_any_more_holds_up_no_other(
    desk: Desk, hook: Receiver
) -> None:
    desk.channel(Kind.WEBHOOK, hook.url, tier=Tier.L2)
    hook.faults = [Status(status=500)]
    desk.tell(News.OPENED, desk.problem(signature="1"), "shop")
    desk.send()
    with desk.house.database.writing() as session:
        older = session.exec(select(Delivery)).one()
        older.content = '{"what": "opened"}'
        session.add(older)
    desk.tell(News.OPENED, desk.problem(signature="2"), "shop")
    for seconds in (11, 61):
        desk.send(seconds)
    assert [delivery.state for delivery in desk.deliveries()] == ["waiting", "sent"]
    assert "cannot be read" in desk.deliveries()[0].error
