"""What is due, taken to be sent: held over quiet hours, settled, and never lost.

``take`` gives each delivery out for ``GIVEN_OUT``: whoever took it has sent it and said so by then,
or has died, and it is given out again. A channel that somebody is busy with is left to them, so a
slow receiver has one connection of ours and holds up nobody else.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, delete, select

from distribution.database.sessions import Database
from distribution.desk import own_problems
from distribution.desk.news import News
from distribution.desk.tables import HandOverRow, NewsRow
from distribution.notify import facts, pace
from distribution.notify.bunching import bunched, told_with
from distribution.notify.facts import BUNCH, CLIENT, STAFF, Pair
from distribution.notify.quiet import end_of_quiet
from distribution.notify.states import ALWAYS_AWAKE, OPEN_STATES, RANK, Kind, State
from distribution.notify.tables import Delivery, NotifyChannel
from manifests.failures import FailureCode, Tier

log = logging.getLogger(__name__)

GIVEN_OUT = timedelta(minutes=2)
PER_CHANNEL = 20
"""Given out at once, so that a channel with thousands waiting does not crowd out the others."""
AT_ONCE = 500
KEPT = timedelta(days=30)

MOST_OF_A_BUNCH = 30
"""So many tickets are named in a message about many."""


def take(database: Database, now: datetime, only: int | None = None) -> list[Pair]:
    """Give out what is due.

    Args:
        only: of this channel.

    Raises:
        Unavailable: the database does not answer.
    """
    with database.reading() as session:
        if not _due(session, now, only):
            return []
    with database.writing() as session:
        pairs = _awake(session, _due(session, now, only), now)
        pairs = bunched(session, _still_wanted(session, pairs, now), now)
        _seal(session, [pair for pair in pairs if pair[0].sealed_at is None], now)
        given = [pair for pair in pairs if pair[0].state in OPEN_STATES]
        for delivery, _ in given:
            _given_out(session, delivery, now)
        return given


def _due(session: Session, now: datetime, only: int | None) -> list[Pair]:
    is_open = col(Delivery.state).in_(OPEN_STATES)
    busy = select(Delivery.channel_id).where(Delivery.state == State.SENDING, Delivery.due_at > now)
    place = func.row_number().over(
        partition_by=col(Delivery.channel_id), order_by=(col(Delivery.due_at), col(Delivery.id))
    )
    ranked = (
        select(Delivery.id, place.label("place"))
        .where(is_open, Delivery.due_at <= now, col(Delivery.channel_id).not_in(busy))
        .subquery()
    )
    wanted = (
        select(Delivery, NotifyChannel)
        .join(NotifyChannel, col(Delivery.channel_id) == col(NotifyChannel.id))
        .join(ranked, ranked.c.id == col(Delivery.id))
        .where(ranked.c.place <= PER_CHANNEL)
        .order_by(ranked.c.place, col(Delivery.due_at))
        .limit(AT_ONCE)
    )
    if only is not None:
        wanted = wanted.where(Delivery.channel_id == only)
    return list(session.exec(wanted).all())


def _awake(session: Session, pairs: Sequence[Pair], now: datetime) -> list[Pair]:
    """Those whose channel has no quiet hours now; the others wait for the end of theirs."""
    awake = []
    for delivery, channel in pairs:
        end = end_of_quiet(now, channel.zone, channel.quiet_from, channel.quiet_to)
        if end is None or channel.tier in ALWAYS_AWAKE or delivery.problem_id is None:
            awake.append((delivery, channel))
        else:
            delivery.state, delivery.due_at = State.WAITING, end
            session.add(delivery)
    return awake


def _still_wanted(session: Session, pairs: Sequence[Pair], now: datetime) -> list[Pair]:
    """Without those that nobody listens for any more, or that were tried for days."""
    wanted = []
    for delivery, channel in pairs:
        if channel.ended_at is not None:
            end(session, delivery, State.LEFT_OUT, now)
        elif delivery.sealed_at and _is_hopeless(delivery, delivery.sealed_at, now):
            end(session, delivery, State.GIVEN_UP, now)
            log.warning("gave up a notification to channel %d: %s", channel.id, delivery.error)
            detail = f"channel {channel.id} ({channel.kind} to {channel.address}): {delivery.error}"
            own_problems.began(
                session, FailureCode.NOTIFICATION_UNDELIVERABLE, what(channel), detail, now
            )
        else:
            wanted.append((delivery, channel))
    return wanted


def _is_hopeless(delivery: Delivery, since: datetime, now: datetime) -> bool:
    return delivery.tries >= pace.MIN_TRIES and now - since > pace.GIVEN_UP_AFTER


def what(channel: NotifyChannel) -> str:
    """A channel as the ticket about it names it."""
    return f"channel {channel.id}"


def end(session: Session, delivery: Delivery, state: State, now: datetime) -> None:
    """Nothing more comes of it."""
    delivery.state, delivery.ended_at = state, now
    session.add(delivery)


def _seal(session: Session, pairs: Sequence[Pair], now: datetime) -> None:
    about_problems = [pair for pair in pairs if pair[0].problem_id is not None]
    trackers = [pair for pair in about_problems if pair[1].kind == Kind.TRACKER]
    ours = [p for p in about_problems if not p[1].client_id and p[1].kind != Kind.TRACKER]
    theirs = [pair for pair in about_problems if pair[1].client_id]
    contents = {delivery.id or 0: _handed(session, delivery, to) for delivery, to in trackers}
    for number, ours_told in facts.of_staff(session, ours).items():
        contents[number] = None if ours_told is None else STAFF.dump_json(ours_told).decode()
    contents |= {d.id or 0: _bunch(session, d, channel) for d, channel in ours if d.gathered}
    for number, told in facts.of_clients(session, theirs).items():
        contents[number] = None if told is None else CLIENT.dump_json(told).decode()
    for delivery, _ in pairs:
        content = contents.get(delivery.id or 0, "")
        if content is None:
            end(session, delivery, State.LEFT_OUT, now)
        else:
            delivery.content, delivery.sealed_at = content, now


def _bunch(session: Session, carrier: Delivery, channel: NotifyChannel) -> str | None:
    """The first of many, those of the highest tier in front."""
    told = [(each, channel) for each in told_with(session, carrier, MOST_OF_A_BUNCH)]
    found = [each for each in facts.of_staff(session, told).values() if each is not None]
    found.sort(key=lambda each: (-RANK[Tier(each.tier)], each.ticket))
    return BUNCH.dump_json(found).decode() if found else None


def _handed(session: Session, delivery: Delivery, tracker: NotifyChannel) -> str | None:
    """The newest document that was handed over to this tracker; None if it was to another one."""
    told = select(NewsRow.at).where(
        NewsRow.problem_id == delivery.problem_id,
        NewsRow.kind == News.HANDED_OVER,
        col(NewsRow.id) >= delivery.first_news,
        col(NewsRow.id) <= delivery.last_news,
    )
    wanted = select(HandOverRow.document).where(
        HandOverRow.problem_id == delivery.problem_id, col(HandOverRow.at).in_(told)
    )
    if tracker.label:
        wanted = wanted.where(HandOverRow.tracker == tracker.label)
    return session.exec(wanted.order_by(col(HandOverRow.id).desc()).limit(1)).first()


def _given_out(session: Session, delivery: Delivery, now: datetime) -> None:
    delivery.tries += 1
    delivery.state, delivery.due_at = State.SENDING, now + GIVEN_OUT
    session.add(delivery)


def forget_old(database: Database, now: datetime) -> None:
    """Delete what came to its end long ago.

    Raises:
        Unavailable: the database does not answer.
    """
    is_old = col(Delivery.ended_at) < now - KEPT
    with database.reading() as session:
        if session.exec(select(Delivery.id).where(is_old).limit(1)).first() is None:
            return
    with database.writing() as session:
        session.exec(delete(Delivery).where(is_old))
