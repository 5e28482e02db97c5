"""Deeds, and the book that gathers those of one transaction with the changes that they made."""

import hashlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from sqlalchemy import inspect
from sqlmodel import Session

from distribution.audit.coverage import Rule, rule_of
from manifests.documents import to_json

AUTOMATIC = "scheduler"
"""Who acts where nobody does."""

REQUEST: ContextVar[str] = ContextVar("request", default="")
"""The id of the request that is answered; empty where none is."""

LONGEST_BYTES = 1024
"""Of a value that is kept as it is; of a longer one the record has the sha256."""

Changes = dict[tuple[str, str], dict[str, list[Any]]]
"""By table and key: per changed column, what it was and what it is."""


class NotNoted(RuntimeError):
    """A fault of ours: a transaction changes what is audited and does not say who did it."""


@dataclass(frozen=True)
class Deed:
    """Who did what, and why.

    Attributes:
        actor: a person's name, ``scheduler``, ``site:<id>`` or ``the repository``.
        action: a noun and a verb, such as ``rollout.pause``.
        about: what it was done to, such as ``rollout app 2.0``.
        role: in which role it was done, where one was asked for.
        request: the id of the request that asked for it; left empty, it is that of the present one.
    """

    actor: str
    action: str
    about: str
    reason: str = ""
    role: str = ""
    request: str = ""


@dataclass
class Entry:
    """A deed with its moment and its changes, which are written when the transaction ends."""

    deed: Deed
    at: datetime
    changes: Changes


@dataclass
class Book:
    """The deeds of one transaction. Changes belong to the next deed, the last ones to the last."""

    entries: list[Entry] = field(default_factory=list)
    changes: Changes = field(default_factory=dict)
    """Those that no deed has taken yet."""

    def gather(self, session: Session) -> None:
        """Take over what a flush has just written, while the session still knows what was there."""
        for row in [*session.new, *session.dirty, *session.deleted]:
            table = inspect(row).mapper.local_table.name
            rule = rule_of(table)
            columns = dict(changed_columns(row, rule, session)) if rule else {}
            if columns:
                _merge(self.changes.setdefault((table, _key(row)), {}), columns)

    def enter(self, deed: Deed, at: datetime) -> None:
        """Take a deed with the changes since the one before."""
        self.entries.append(Entry(deed, at, self.changes))
        self.changes = {}

    def close(self) -> list[Entry]:
        """All deeds, when nothing changes any more.

        Raises:
            NotNoted: there are changes, and no deed.
        """
        if self.changes and not self.entries:
            what = ", ".join(sorted({table for table, _ in self.changes}))
            raise NotNoted(f"{what} changed and no deed was noted: see distribution.audit.note")
        for where, columns in self.changes.items():
            _merge(self.entries[-1].changes.setdefault(where, {}), columns)
        entries, self.entries, self.changes = self.entries, [], {}
        return entries


def note(session: Session, deed: Deed, now: datetime) -> None:
    """Put a record of ``deed`` into the transaction, with what has changed since the last one.

    Note it after the changes that it tells of, as with ``events.tell``; what follows the last deed
    of a transaction belongs to that.

    Raises:
        NotNoted: the session is not one of ``Database.writing``.
    """
    book = session.info.get(Book)
    if not isinstance(book, Book):
        raise NotNoted(f"{deed.action} is noted in a session that cannot write")
    session.flush()
    book.enter(deed if deed.request else replace(deed, request=REQUEST.get()), now)


def changes_of(entry: Entry) -> str:
    """The changes as a record keeps them: JSON, an object a row with its table and its key."""
    rows = [
        {"table": table, "key": key, "columns": columns}
        for (table, key), columns in sorted(entry.changes.items())
    ]
    return to_json(rows).decode() if rows else ""


def moment(at: datetime) -> str:
    """A moment as a record spells it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def changed_columns(row: Any, rule: Rule, session: Session) -> Iterator[tuple[str, list[Any]]]:
    """Of a row that was flushed, the audited columns that differ: what was there, what is."""
    state = inspect(row)
    for column in state.mapper.column_attrs:
        if column.key in rule.but:
            continue
        history = state.attrs[column.key].history
        if row in session.deleted:
            before, after = shown(getattr(row, column.key)), None
        elif row in session.new:
            before, after = None, shown(getattr(row, column.key))
        else:
            before = shown(history.deleted[0]) if history.deleted else None
            after = shown(history.added[0]) if history.added else before
        if before != after:
            yield column.key, [before, after]


def shown(value: Any) -> Any:
    """A value as a record keeps it: short ones as they are, of others the sha256."""
    match value:
        case None | bool() | int():
            return value
        case Enum():
            return shown(value.value)
        case datetime():
            return moment(value)
        case bytes():
            return _digest(value)
    text = str(value)
    return text if len(text.encode()) <= LONGEST_BYTES else _digest(text.encode())


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _key(row: Any) -> str:
    return "/".join(str(shown(part)) for part in inspect(row).mapper.primary_key_from_instance(row))


def _merge(known: dict[str, list[Any]], news: dict[str, list[Any]]) -> None:
    """Of a column that changes twice, the first value and the last."""
    for column, (before, after) in news.items():
        known[column] = [known[column][0] if column in known else before, after]
