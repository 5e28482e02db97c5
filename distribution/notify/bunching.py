"""Many problems at once, such as when a region is away: one message to a channel of ours.

``pace`` bounds the messages about one problem; this bounds those of a channel. Up to ``AT_MOST`` in
``pace.WINDOW`` are told one by one; what is more is gathered into one of them, and waits when even
that would be one too many.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select, update

from distribution.notify import pace
from distribution.notify.facts import Pair
from distribution.notify.states import Kind, State
from distribution.notify.tables import Delivery, NotifyChannel

AT_MOST = 20
GATHERED_AT_ONCE = 5000


def bunched(session: Session, pairs: Sequence[Pair], now: datetime) -> list[Pair]:
    """Those that are told now; one of them may tell of the others, ``Delivery.gathered``."""
    fresh = {d.channel_id: c for d, c in pairs if _is_bunchable(d, c)}
    if not fresh:
        return list(pairs)
    due, told = _due(session, list(fresh), now), _told(session, list(fresh), now)
    left = list(pairs)
    for number, channel in fresh.items():
        lately = told.get(number, [])
        room = AT_MOST - len(lately)
        if due[number] <= room:
            continue
        left = [(d, c) for d, c in left if d.channel_id != number or not _is_bunchable(d, c)]
        if room > 0:
            left.append((_carrier(session, number, now), channel))
        else:
            _hold(session, number, now, lately[0] + pace.WINDOW)
    return left


def _is_bunchable(delivery: Delivery, channel: NotifyChannel) -> bool:
    is_fresh = delivery.sealed_at is None and delivery.problem_id is not None
    return is_fresh and not channel.client_id and channel.kind != Kind.TRACKER


def _due(session: Session, channels: Sequence[int], now: datetime) -> dict[int, int]:
    """By channel: how many are due and settled by nobody."""
    wanted = select(Delivery.channel_id, func.count()).where(
        col(Delivery.channel_id).in_(channels), *_fresh(now)
    )
    return dict(session.exec(wanted.group_by(col(Delivery.channel_id))).all())


def _fresh(now: datetime) -> Sequence[ColumnElement[bool]]:
    return (
        col(Delivery.state) == State.WAITING,
        col(Delivery.sealed_at).is_(None),
        col(Delivery.due_at) <= now,
    )


def _told(session: Session, channels: Sequence[int], now: datetime) -> dict[int, list[datetime]]:
    """By channel: when it was told something in this window, oldest first."""
    found: dict[int, list[datetime]] = {}
    wanted = select(Delivery.channel_id, Delivery.sealed_at).where(
        col(Delivery.channel_id).in_(channels),
        col(Delivery.sealed_at) > now - pace.WINDOW,
        Delivery.state != State.GATHERED,
    )
    for number, at in session.exec(wanted.order_by(col(Delivery.sealed_at))):
        if at is not None:
            found.setdefault(number, []).append(at)
    return found


def _carrier(session: Session, channel: int, now: datetime) -> Delivery:
    """The first one, which tells of the others."""
    wanted = select(Delivery).where(Delivery.channel_id == channel, *_fresh(now))
    order = col(Delivery.due_at), col(Delivery.id)
    first, *others = session.exec(wanted.order_by(*order).limit(GATHERED_AT_ONCE)).all()
    first.gathered = len(others)
    for other in others:
        other.state, other.sealed_at, other.ended_at = State.GATHERED, now, now
        other.content = first.message_id
        session.add(other)
    session.add(first)
    session.flush()
    return first


def _hold(session: Session, channel: int, now: datetime, until: datetime) -> None:
    held = update(Delivery).where(col(Delivery.channel_id) == channel, *_fresh(now))
    session.exec(held.values(due_at=until))


def told_with(session: Session, carrier: Delivery, at_most: int) -> Sequence[Delivery]:
    """The first of those that a delivery tells of, itself in front."""
    wanted = select(Delivery).where(
        Delivery.state == State.GATHERED,
        Delivery.channel_id == carrier.channel_id,
        Delivery.content == carrier.message_id,
    )
    others = session.exec(wanted.order_by(col(Delivery.id)).limit(at_most - 1)).all()
    return [carrier, *others]
