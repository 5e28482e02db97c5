"""A session that writes the audit log with what it tells of, or writes nothing.

What is changed row by row is seen as it is flushed. Statements that change many rows at once show
nobody what was there before, so audited tables are not changed by them.
"""

from typing import Any, NoReturn

from sqlalchemy import event, func
from sqlalchemy.orm import ORMExecuteState
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.sql.dml import UpdateBase
from sqlmodel import Session, col, select

from distribution.audit import chain
from distribution.audit.coverage import rule_of
from distribution.audit.records import Book, Entry, NotNoted, changes_of, moment
from distribution.audit.tables import AuditRow

_TURN = 0x68737061
"""PostgreSQL's advisory lock for who appends: the number means nothing."""


class AuditedSession(Session):
    """The session of ``Database.writing``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.info[Book] = Book()

    def begin_nested(self) -> NoReturn:
        """There are no savepoints: a record must not tell of what one has taken back.

        Raises:
            NotNoted: always.
        """
        raise NotNoted("a transaction that writes happens as a whole or not at all")


def _book(session: OrmSession) -> Book:
    book: Book = session.info[Book]
    return book


@event.listens_for(AuditedSession, "after_flush")
def _gather(session: Session, _: object) -> None:
    if any(isinstance(row, AuditRow) for row in [*session.dirty, *session.deleted]):
        raise NotNoted("a record is written once")
    _book(session).gather(session)


@event.listens_for(AuditedSession, "do_orm_execute")
def _refuse_unseen(state: ORMExecuteState) -> None:
    statement = state.statement
    if isinstance(statement, UpdateBase):
        table = getattr(statement.table, "name", "")
        if rule_of(table) is not None or table == AuditRow.__tablename__:
            raise NotNoted(f"{table} is audited: change its rows one by one, and note the deed")
    elif not state.is_select:
        raise NotNoted("a statement in plain SQL shows nobody what it changes")


@event.listens_for(AuditedSession, "before_commit")
def _append(session: Session) -> None:
    session.flush()
    entries = _book(session).close()
    if not entries:
        return
    seq, hashed = _last(session)
    for entry in entries:
        row = _row(entry, seq + 1, hashed)
        session.add(row)
        seq, hashed = row.seq, row.hash


def _last(session: Session) -> tuple[int, str]:
    """The end of the log, which stays the end until this transaction is over.

    SQLite's writers take turns from their beginning; PostgreSQL's do from here.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.exec(select(func.pg_advisory_xact_lock(_TURN)))
    newest = select(AuditRow.seq, AuditRow.hash).order_by(col(AuditRow.seq).desc()).limit(1)
    return session.exec(newest).first() or (0, chain.BEGINNING)


def _row(entry: Entry, seq: int, prev_hash: str) -> AuditRow:
    deed = entry.deed
    row = AuditRow(
        seq=seq,
        at=moment(entry.at),
        actor=deed.actor,
        role=deed.role,
        action=deed.action,
        about=deed.about,
        reason=deed.reason,
        request=deed.request,
        changes=changes_of(entry),
        prev_hash=prev_hash,
        hash="",
    )
    row.hash = chain.digest(chain.values_of(row))
    return row
