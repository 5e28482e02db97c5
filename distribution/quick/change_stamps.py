"""How a server learns that what it remembers has changed, whoever changed it, in whatever process.

A transaction that touches something on which answers to check-ins depend raises one number, and on
PostgreSQL it calls out, both in the same transaction. So who has read the number, and finds it
again, has missed nothing; and who listens need not ask. It hangs on the flush of every session that
writes, so no deed has to think of it.
"""

from typing import Any

from sqlalchemy import func, insert, inspect, select, update
from sqlmodel import Session, SQLModel, col

from distribution.control.control_tables import ChangeStamp
from distribution.database.tables import Site

CHANNEL = "hsp_changes"
"""PostgreSQL's, for LISTEN."""

WATCHED = frozenset(
    {"brakerow", "clientapproval", "rolloutrow", "freezerow", "checkpointrow", "remotesteprow"}
)
"""Whose every change may change an answer."""

_OF_SITES = ("public_key", "revoked_at", "hold")
"""Of a site that is known; the rest is what it told itself."""

_ROW = 1
_RAISED = "change stamp"


def note(session: Session) -> None:
    """Before a flush: raise the number, once in a transaction, if it writes what is watched."""
    written = [*session.new, *session.dirty, *session.deleted]
    sites = [row for row in session.dirty if isinstance(row, Site) and _matters(row)]
    if sites or any(_table(row) in WATCHED for row in written):
        number = session.info.get(_RAISED) or _raise(session)
        session.info[_RAISED] = number
        for site in sites:
            site.stamp = number


def _matters(site: Site) -> bool:
    attributes = inspect(site).attrs
    return any(attributes[name].history.has_changes() for name in _OF_SITES)


def _table(row: Any) -> str:
    return str(row.__tablename__) if isinstance(row, SQLModel) else ""


def _raise(session: Session) -> int:
    connection = session.connection()
    raised = (
        update(ChangeStamp)
        .where(col(ChangeStamp.id) == _ROW)
        .values(number=col(ChangeStamp.number) + 1)
        .returning(col(ChangeStamp.number))
    )
    number = connection.execute(raised).scalar()
    if number is None:
        connection.execute(insert(ChangeStamp).values(id=_ROW, number=1))
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, "")))
    return int(number or 1)


def read(session: Session) -> int:
    """The number; 0 before the first change."""
    found = session.connection().execute(select(col(ChangeStamp.number))).scalar()
    return int(found or 0)
