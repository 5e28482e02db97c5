"""Rates over all servers: what is rare and could be guessed at is counted in the database.

What comes often (check-ins, reports, requests of a person) each process counts for itself.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import case
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, delete, select

from distribution.database.engines import is_postgres
from distribution.database.sessions import Database
from distribution.errors import TooMany
from distribution.people.rates import Rate
from distribution.people.tables import RateRow


class Count(NamedTuple):
    """One more of ``identity``, which has as much room as ``rate`` says."""

    kind: str
    identity: str
    rate: Rate

    @property
    def key(self) -> str:
        """What it is kept under: somebody may have typed a password where a name belongs."""
        return hashlib.sha256(f"{self.kind}\0{self.identity}".encode()).hexdigest()


def take(database: Database, counts: Sequence[Count], now: datetime) -> None:
    """Count one of each, or none.

    Raises:
        TooMany: one of them has no room; with the seconds after which it has again.
        Unavailable: the database does not answer.
    """
    for count in counts:
        count.rate.take(count.identity)  # this process's own count spares the database a flood
    with database.appending() as session:
        for count in sorted(counts, key=lambda each: each.key):  # always in one order: no deadlock
            _take(session, count, now.timestamp(), postgres=is_postgres(database.engine))


def _take(session: Session, count: Count, now: float, *, postgres: bool) -> None:
    seconds, burst = count.rate.seconds, count.rate.burst
    full_at = col(RateRow.full_at)
    then = case((full_at > now, full_at), else_=now) + seconds
    insert: Any = (postgresql if postgres else sqlite).insert(RateRow)
    counted = insert.values(key=count.key, full_at=now + seconds).on_conflict_do_update(
        index_elements=["key"],
        set_={"full_at": then},
        where=then <= now + seconds * burst + 1e-6,
    )
    if session.exec(counted.returning(full_at)).first() is None:
        found = session.exec(select(RateRow.full_at).where(RateRow.key == count.key)).one()
        wait = max(found, now) + seconds - now - seconds * burst
        raise TooMany("too often", hint="wait for Retry-After seconds", retry_after=wait)


def forget_old(database: Database, now: datetime) -> None:
    """Remove what says nothing any more: whoever is in it has all their room again.

    Raises:
        Unavailable: the database does not answer.
    """
    old = col(RateRow.full_at) < now.timestamp()
    with database.reading() as session:
        if session.exec(select(RateRow.key).where(old).limit(1)).first() is None:
            return
    with database.writing() as session:
        session.exec(delete(RateRow).where(old))
