"""From the desk's news to deliveries: one transaction with the number that it has come to.

However many lines tell one channel of one problem, they become one delivery, as long as the one
before is not under way: it waits as ``pace`` says, and gathers what comes.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from distribution.database.sessions import Database
from distribution.database.tables import Incident
from distribution.desk import news
from distribution.desk.news import News
from distribution.desk.tables import NewsRow
from distribution.notify import pace
from distribution.notify.audience import Audience
from distribution.notify.states import AT_ONCE, OPEN_STATES, State
from distribution.notify.tables import Delivery, NotifyPosition

BATCH = 10_000
_AT_ONCE_IN_SQL = 500
"""SQLite takes so many values in one statement, and many more."""

GAP_SECONDS = 60
"""A number that is missing may be that of a transaction that is not over yet, on PostgreSQL. After
so long it is not."""

Key = tuple[int, int]
"""Channel and problem."""


def read(database: Database, now: datetime) -> int:
    """Make deliveries of the news since the last time; how many lines of news there were.

    Raises:
        Unavailable: the database does not answer.
    """
    done = 0
    while True:
        with database.reading() as session:
            newest = session.exec(select(func.max(NewsRow.id))).one() or 0
            if newest <= _position(session).number:
                return done
        with database.writing() as session:
            position = _position(session)
            rows = _settled(news.after(session, position.number, BATCH), position.number, now)
            if not rows:
                return done
            _gather(session, rows, now)
            position.number = rows[-1].id or 0
            session.add(position)
        done += len(rows)


def _position(session: Session) -> NotifyPosition:
    return session.get(NotifyPosition, 1) or NotifyPosition()


def _settled(rows: Sequence[NewsRow], number: int, now: datetime) -> list[NewsRow]:
    """The lines before which none can come any more."""
    settled: list[NewsRow] = []
    for row in rows:
        if row.id != number + 1 and now - row.at < timedelta(seconds=GAP_SECONDS):
            break
        settled.append(row)
        number = row.id or 0
    return settled


@dataclass
class _Bundle:
    """Lines of news for one channel about one problem."""

    first: int
    last: int = 0
    joined: int = 0
    kinds: set[News] = field(default_factory=set)


def _gather(session: Session, rows: Sequence[NewsRow], now: datetime) -> None:
    audience = Audience.of(session)
    clients = _clients(session, rows) if audience.by_client else {}
    bundles: dict[Key, _Bundle] = {}
    for row in rows:
        client = clients.get(row.incident_id or 0, "")
        for channel, kind in audience.of_row(row, client):
            number = row.id or 0
            bundle = bundles.setdefault((channel, row.problem_id), _Bundle(number))
            bundle.last = number
            bundle.joined += row.kind == News.JOINED
            bundle.kinds.add(kind)
    if bundles:
        _write(session, bundles, audience, now)


def _clients(session: Session, rows: Iterable[NewsRow]) -> dict[int, str]:
    """Whose incidents they are about."""
    numbers = list({row.incident_id for row in rows if row.incident_id})
    found: dict[int, str] = {}
    for part in _parts(numbers):
        wanted = select(Incident.id, Incident.client_id).where(col(Incident.id).in_(part))
        found.update({number or 0: client for number, client in session.exec(wanted)})
    return found


def _parts(numbers: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), _AT_ONCE_IN_SQL):
        yield numbers[start : start + _AT_ONCE_IN_SQL]


def _write(
    session: Session, bundles: dict[Key, _Bundle], audience: Audience, now: datetime
) -> None:
    before = _before(session, {problem for _, problem in bundles}, now)
    for (channel, problem), bundle in bundles.items():
        known = before.get((channel, problem), [])
        told = [one.sealed_at for one in known if one.sealed_at]
        # What a client hears can wait a few minutes, so that forty sites are one message.
        urgent = channel not in audience.of_clients and bool(bundle.kinds & AT_ONCE)
        due = pace.next_at(told, now, at_once=urgent)
        waiting = next((one for one in known if one.sealed_at is None), None)
        if waiting is None:
            session.add(_delivery(channel, problem, bundle, due, now))
        else:
            _add_to(waiting, bundle, due)
            session.add(waiting)


def _before(session: Session, problems: set[int], now: datetime) -> dict[Key, list[Delivery]]:
    """What these problems' channels have heard in the time that is remembered, or wait for."""
    found: dict[Key, list[Delivery]] = {}
    is_waiting = col(Delivery.state).in_(OPEN_STATES) & col(Delivery.sealed_at).is_(None)
    is_lately = col(Delivery.sealed_at) > now - pace.REMEMBERED
    for part in _parts(list(problems)):
        wanted = select(Delivery).where(col(Delivery.problem_id).in_(part), is_waiting | is_lately)
        for row in session.exec(wanted.order_by(col(Delivery.sealed_at))):
            found.setdefault((row.channel_id, row.problem_id or 0), []).append(row)
    return found


def _add_to(waiting: Delivery, bundle: _Bundle, due: datetime) -> None:
    waiting.last_news = bundle.last
    waiting.joined += bundle.joined
    waiting.kinds = " ".join(sorted({*waiting.kinds.split(), *bundle.kinds}))
    waiting.due_at = min(waiting.due_at, due)


def _delivery(
    channel: int, problem: int, bundle: _Bundle, due: datetime, now: datetime
) -> Delivery:
    return Delivery(
        channel_id=channel,
        about=f"{channel}:{problem}:{bundle.first}",
        message_id=new_id(),
        problem_id=problem,
        first_news=bundle.first,
        last_news=bundle.last,
        kinds=" ".join(sorted(bundle.kinds)),
        joined=bundle.joined,
        state=State.WAITING,
        created_at=now,
        due_at=due,
    )


def new_id() -> str:
    """A message's, which tells nothing."""
    return f"msg_{secrets.token_hex(16)}"
