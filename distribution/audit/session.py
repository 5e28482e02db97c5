"""A session that writes the audit log with what it tells of, or writes nothing.

What is changed row by row is seen as it is flushed. Statements that change many rows at once show
nobody what was there before, so audited tables are not changed by them.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

from sqlalchemy import ColumnElement, Table, Update, event, update
from sqlalchemy.orm import ORMExecuteState
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.sql.dml import UpdateBase
from sqlmodel import Session, col, select

from distribution.audit import chain
from distribution.audit.coverage import rule_of
from distribution.audit.records import Book, Entry, NotNoted, changes_of, moment
from distribution.audit.tables import AuditRow
from distribution.quick import change_stamps


class AuditedSession(Session):
    """The session of ``Database.writing``, and of ``appending``, which has no turn."""

    has_turn = True

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


@event.listens_for(AuditedSession, "before_flush")
def _stamp(session: AuditedSession, _context: object, _instances: object) -> None:
    change_stamps.note(session)


@event.listens_for(AuditedSession, "after_flush")
def _gather(session: AuditedSession, _: object) -> None:
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


def update_told(
    session: Session,
    table: Table,
    values: Mapping[str, ColumnElement[Any]],
    where: ColumnElement[bool],
    parameters: Mapping[str, Any],
) -> int:
    """Change many rows of an audited table at once, in columns that are not audited; says how many.

    Raises:
        NotNoted: one of the columns is.
    """
    statement = update_of_told(table, values, where)
    return int(session.connection().execute(statement, parameters).rowcount)


def update_of_told(
    table: Table, values: Mapping[str, ColumnElement[Any]], where: ColumnElement[bool]
) -> Update:
    """The statement of ``update_told``, for who keeps it and runs it often.

    Raises:
        NotNoted: as there.
    """
    rule = rule_of(table.name)
    if rule is None or not rule.but.keys() >= values.keys():
        raise NotNoted(f"{table.name}: {', '.join(values)} are not all excepted from its audit")
    return update(table).where(where).values(dict(values))


@event.listens_for(AuditedSession, "before_commit")
def _append(session: AuditedSession) -> None:
    session.flush()
    entries = _book(session).close()
    if not entries:
        return
    if not session.has_turn:
        raise NotNoted("a deed needs the writers' turn: use Database.writing")
    seq, hashed = _last(session)
    for entry in entries:
        row = _row(entry, seq + 1, hashed)
        session.add(row)
        seq, hashed = row.seq, row.hash


def _last(session: Session) -> tuple[int, str]:
    """The end of the log, which stays the end until this transaction is over: it has the turn."""
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
