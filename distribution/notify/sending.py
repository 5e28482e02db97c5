"""Sending what is due: a thread for each channel, so that nobody waits for somebody slow.

A channel's messages go out one after another, and the first one that fails ends its turn. Each is
noted at once: whoever is killed between sending and noting sends that one message again.
"""

import logging
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, update

from distribution.database.sessions import Database
from distribution.desk import own_problems
from distribution.notify import chat, mail, pace, sealing, secret_places, sms, tracker, webhook
from distribution.notify.errors import NotDelivered
from distribution.notify.facts import Pair
from distribution.notify.reach import Reach
from distribution.notify.saying import message_of
from distribution.notify.secret_places import Kept
from distribution.notify.states import OPEN_STATES, Kind, State
from distribution.notify.tables import Delivery
from distribution.server import Server
from distribution.settings import Settings
from manifests.errors import UpdateError
from manifests.failures import FailureCode

log = logging.getLogger(__name__)

TURN_SECONDS = 30.0
"""So long one channel may take; with its last message it stays below ``sealing.GIVEN_OUT``."""


def send_due(
    server: Server, now: datetime, wait_seconds: float = 0, only: int | None = None
) -> None:
    """Begin to send what is due, and wait so long for the threads that do.

    Args:
        only: of this channel.

    Raises:
        Unavailable: the database does not answer.
    """
    by_channel: dict[int, list[Pair]] = {}
    for delivery, channel in sealing.take(server.database, now, only):
        by_channel.setdefault(channel.id or 0, []).append((delivery, channel))
    threads = [
        threading.Thread(target=_turn, args=(server, pairs), name=f"channel {number}")
        for number, pairs in by_channel.items()
    ]
    for thread in threads:
        thread.daemon = True  # the end of the process is one more way to die between two lines
        thread.start()
    until = time.monotonic() + wait_seconds
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0))


def _turn(server: Server, pairs: Sequence[Pair]) -> None:
    """All that one channel gets now."""
    until = time.monotonic() + TURN_SECONDS
    try:
        for number, pair in enumerate(pairs):
            if time.monotonic() > until:
                return _give_back(server.database, pairs[number:], server.clock())
            if (error := _error_of(server, pair)) is not None:
                rest = pairs[number + 1 :]
                return _note_failure(server.database, pair, rest, error, server.clock())
            _note_success(server.database, pair, server.clock())
    except UpdateError as error:
        log.warning("a notification was not noted, and is sent again: %s", error)


def _error_of(server: Server, pair: Pair) -> UpdateError | None:
    try:
        send(server.settings, pair, server.clock())
    except UpdateError as error:
        return error
    return None


def send(settings: Settings, pair: Pair, now: datetime) -> None:
    """Send one message.

    Raises:
        NotDelivered: the receiver did not take it.
        Misconfigured: a secret or a setting is missing or wrong.
        Invalid: the address is none.
    """
    delivery, channel = pair
    message = message_of(delivery, channel)
    reach = Reach(not channel.client_id, settings.client_webhook_networks)
    kept = Kept(channel.secret, channel.sealed)
    secret = secret_places.read(settings, kept) if kept.place else ""
    match Kind(channel.kind):
        case Kind.EMAIL:
            mail.send(message, channel.address, settings)
        case Kind.WEBHOOK:
            webhook.send(message, channel.address, secret, reach, now)
        case Kind.CHAT:
            chat.send(message, secret, reach)
        case Kind.SMS:
            sms.send(message, channel.address)
        case Kind.TRACKER:
            tracker.send(message, channel, secret, reach)


def _note_success(database: Database, pair: Pair, now: datetime) -> None:
    sent, channel = pair
    with database.writing() as session:
        delivery = session.get_one(Delivery, sent.id)
        delivery.error = ""
        sealing.end(session, delivery, State.SENT, now)
        about = sealing.what(channel)
        own_problems.ended(session, FailureCode.NOTIFICATION_UNDELIVERABLE, about, now)


def _note_failure(
    database: Database,
    pair: Pair,
    rest: Sequence[Pair],
    error: UpdateError,
    now: datetime,
) -> None:
    """Try it again later; those behind it are due as before, unless the receiver wants quiet."""
    tried, channel = pair
    log.info("channel %d did not take a notification: %s", channel.id, error)
    asked_for = error.retry_after if isinstance(error, NotDelivered) else 0
    until = now + timedelta(seconds=asked_for)
    with database.writing() as session:
        delivery = session.get_one(Delivery, tried.id)
        delivery.state, delivery.error = State.WAITING, str(error)[:500]
        delivery.due_at = now + pace.try_again_after(tried.tries, asked_for)
        session.add(delivery)
        session.flush()
        _put_back(session, rest, until)
        waiting = col(Delivery.state).in_(OPEN_STATES) & (col(Delivery.channel_id) == channel.id)
        later = update(Delivery).where(waiting, col(Delivery.due_at) < until)
        session.exec(later.values(due_at=until))


def _give_back(database: Database, pairs: Sequence[Pair], now: datetime) -> None:
    with database.writing() as session:
        _put_back(session, pairs, now)


def _put_back(session: Session, pairs: Sequence[Pair], due_at: datetime) -> None:
    """Those that were not tried: this was no try."""
    for waiting, _ in pairs:
        delivery = session.get_one(Delivery, waiting.id)
        delivery.state, delivery.tries = State.WAITING, delivery.tries - 1
        delivery.due_at = due_at
        session.add(delivery)
    session.flush()
