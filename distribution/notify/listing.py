"""The channels as people see them, and how each does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from distribution.notify.states import OPEN_STATES, Kind, State
from distribution.notify.tables import Delivery, NotifyChannel


@dataclass(frozen=True)
class Channel:
    """A channel, and how it does.

    Attributes:
        client: whose; empty: ours, and ``tier``'s.
        address: of a chat only the host.
        waiting: messages that are to be sent.
        last_sent_at: when the last one was taken.
        error: why the last try failed; empty if it did not.
    """

    number: int
    tier: str
    client: str
    label: str
    kind: Kind
    address: str
    language: str
    zone: str
    quiet_from: str
    quiet_to: str
    news: tuple[str, ...]
    least: str
    created_by: str
    created_at: datetime
    waiting: int = 0
    last_sent_at: datetime | None = None
    error: str = ""


def listed(session: Session, *, client: str = "") -> list[Channel]:
    """Those that are in use, of one client or of all and ours, oldest first."""
    wanted = select(NotifyChannel).where(col(NotifyChannel.ended_at).is_(None))
    if client:
        wanted = wanted.where(NotifyChannel.client_id == client)
    rows = session.exec(wanted.order_by(col(NotifyChannel.id))).all()
    doing = _doing(session, [row.id or 0 for row in rows])
    return [channel_of(row, *doing.get(row.id or 0, (0, None, ""))) for row in rows]


def _doing(session: Session, numbers: Sequence[int]) -> dict[int, tuple[int, datetime | None, str]]:
    """By channel: how many wait, when the last one was taken, why the last try failed."""
    waiting = func.count().filter(col(Delivery.state).in_(OPEN_STATES))
    taken = func.max(col(Delivery.ended_at)).filter(col(Delivery.state) == State.SENT)
    errors = func.max(col(Delivery.error)).filter(col(Delivery.state).in_(OPEN_STATES))
    wanted = (
        select(Delivery.channel_id, waiting, taken, errors)
        .where(col(Delivery.channel_id).in_(numbers))
        .group_by(col(Delivery.channel_id))
    )
    return {number: (count, at, error or "") for number, count, at, error in session.exec(wanted)}


def channel_of(
    row: NotifyChannel, waiting: int = 0, last: datetime | None = None, error: str = ""
) -> Channel:
    """A row with its figures."""
    return Channel(
        number=row.id or 0,
        tier=row.tier,
        client=row.client_id,
        label=row.label,
        kind=Kind(row.kind),
        address=row.address,
        language=row.language,
        zone=row.zone,
        quiet_from=row.quiet_from,
        quiet_to=row.quiet_to,
        news=tuple(row.news.split()),
        least=row.least,
        created_by=row.created_by,
        created_at=row.created_at,
        waiting=waiting,
        last_sent_at=last,
        error=error,
    )
