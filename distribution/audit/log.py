"""Reading the log: pages for people, and the whole of it as it was written, to be verified."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from distribution.audit.chain import BEGINNING, COLUMNS, Record
from distribution.audit.tables import AuditRow
from distribution.errors import NotFound

MOST_OF_A_PAGE = 1000
_AT_ONCE = 5000


@dataclass(frozen=True)
class AuditRecord:
    """One record, for whoever reads it. ``changes`` is as it was hashed: JSON in a text."""

    seq: int
    at: str
    actor: str
    role: str
    action: str
    about: str
    reason: str
    request: str
    changes: str
    prev_hash: str
    hash: str


@dataclass(frozen=True)
class Filter:
    """Which records; empty: all. ``action`` also takes a noun: ``rollout`` finds every verb."""

    actor: str = ""
    action: str = ""
    about: str = ""


_EVERYTHING = Filter()


def page(
    session: Session, after: int, limit: int, wanted: Filter = _EVERYTHING
) -> list[AuditRecord]:
    """The records that follow the one with this number, oldest first."""
    found = _matching(wanted).where(col(AuditRow.seq) > after).order_by(col(AuditRow.seq))
    return [_record(row) for row in session.exec(found.limit(limit))]


def last(
    session: Session, limit: int, wanted: Filter = _EVERYTHING, *, before: int | None = None
) -> list[AuditRecord]:
    """The newest records, or those before one of them, oldest first."""
    found = _matching(wanted).order_by(col(AuditRow.seq).desc()).limit(limit)
    if before is not None:
        found = found.where(col(AuditRow.seq) < before)
    return [_record(row) for row in session.exec(found)][::-1]


def _matching(given: Filter) -> SelectOfScalar[AuditRow]:
    found = select(AuditRow)
    if given.actor:
        found = found.where(AuditRow.actor == given.actor)
    if given.action:
        starts = col(AuditRow.action).startswith(f"{given.action}.", autoescape=True)
        found = found.where(starts | (col(AuditRow.action) == given.action))
    if given.about:
        found = found.where(col(AuditRow.about).contains(given.about, autoescape=True))
    return found


def find(session: Session, seq: int) -> AuditRecord:
    """One record.

    Raises:
        NotFound: there is none with this number.
    """
    row = session.get(AuditRow, seq)
    if row is None:
        raise NotFound(f"there is no record {seq}", hint="see 'hsp audit list'")
    return _record(row)


def newest(session: Session) -> tuple[int, str]:
    """The number and the hash of the last record."""
    wanted = select(AuditRow.seq, AuditRow.hash).order_by(col(AuditRow.seq).desc()).limit(1)
    return session.exec(wanted).first() or (0, BEGINNING)


def walk(session: Session) -> Iterator[Record]:
    """Every record as it is written, whatever somebody may have written over it."""
    columns = [getattr(AuditRow, name) for name in COLUMNS]
    with as_it_is(session):
        wanted = select(*columns).order_by(col(AuditRow.seq))
        options = {"yield_per": _AT_ONCE}
        found: Any = session.connection().execute(wanted, execution_options=options)
        yield from found


@contextmanager
def as_it_is(session: Session) -> Iterator[None]:
    """Let SQLite give out text that is no text: it was tampered with, and is to be told of."""
    connection: Any = session.connection().connection.driver_connection
    if session.get_bind().dialect.name != "sqlite":
        yield
        return
    before = connection.text_factory
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        connection.text_factory = before


def _record(row: AuditRow) -> AuditRecord:
    return AuditRecord(**{name: getattr(row, name) for name in COLUMNS})


def changes_in(record: AuditRecord) -> list[dict[str, Any]]:
    """The changes of a record: per row its table, its key and its columns."""
    found: list[dict[str, Any]] = json.loads(record.changes) if record.changes else []
    return found
