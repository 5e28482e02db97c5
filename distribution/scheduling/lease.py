"""One leader among any number of schedulers: a row that one of them holds for a while.

A leader that dies is followed by another when its time is over. One that only slept (a stopped
machine, a slow disk) may still believe that it leads: so each of its transactions first looks
whether the row still names its fence, and is refused otherwise. The same look prolongs the lease,
so that a leader keeps it by working, and loses it by hanging.
"""

import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, select

from distribution.control.control_tables import Lease
from distribution.database.sessions import Check, Database
from distribution.errors import LostLease

SCHEDULING = "scheduling"

PERIODS = 3
"""A lease lasts for so many turns of the loop at least."""


@dataclass(frozen=True)
class Held:
    """A lease that is held: by whom, and the number that tells its turn from any other."""

    holder: str
    fence: int


def new_holder() -> str:
    """A name for this process that no other one has, and that a person can follow."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def take(database: Database, holder: str, life: timedelta, now: datetime) -> Held | None:
    """Get the lease, or prolong it; None while another scheduler holds it.

    Raises:
        Unavailable: the database does not answer.
    """
    with database.writing() as session:
        row = _row(session)
        if row is None:
            row = Lease(work=SCHEDULING, holder="", until=now)
        if row.holder != holder:
            if row.holder and row.until > now:
                return None
            row.holder, row.fence = holder, row.fence + 1
        row.until = now + life
        session.add(row)
        return Held(holder, row.fence)


def give_back(database: Database, held: Held, now: datetime) -> None:
    """Let the next one take it at once, if it is still ours.

    Raises:
        Unavailable: the database does not answer.
    """
    with database.writing() as session:
        row = _row(session)
        if row is not None and (row.holder, row.fence) == (held.holder, held.fence):
            row.holder, row.until = "", now
            session.add(row)


def fence(held: Held, life: timedelta, clock: Callable[[], datetime]) -> Check:
    """A look at the start of each transaction; it refuses one whose lease has gone to another."""

    def check(session: Session) -> None:
        row = _row(session)
        if row is None or (row.holder, row.fence) != (held.holder, held.fence):
            raise LostLease("another scheduler has taken over; nothing of this was written")
        row.until = max(row.until, clock() + life)
        session.add(row)

    return check


def leader(session: Session) -> Lease | None:
    """Who leads, for those who look."""
    return session.get(Lease, SCHEDULING)


def _row(session: Session) -> Lease | None:
    """The row, kept from others until the transaction ends, on databases that can."""
    return session.exec(select(Lease).where(Lease.work == SCHEDULING).with_for_update()).first()
