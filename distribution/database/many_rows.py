"""Many rows as one parameter of one statement: the database takes them apart, not this process.

    rows = ManyRows(is_postgres, name=Text(), seen=UtcDateTime())
    update(table).where(table.c.id == rows.c.name)      # to be executed with rows.given([...])
    ready = rows.ready(insert(table).from_select(...))  # made once, for ready.run(connection, ...)

A thousand rows cost the thread that answers requests hardly more than one, since Python's lock is
held for none of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import (
    ClauseElement,
    ColumnCollection,
    ColumnElement,
    Connection,
    FromClause,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import JSON, psycopg
from sqlalchemy.types import TypeEngine

from distribution.database import engines

_PARAMETER = "many_rows"
_SHARED = "SELECT pg_advisory_xact_lock_shared(%(lock)s)"


class ManyRows:
    """A table for the length of a statement."""

    def __init__(self, is_postgres: bool, /, **columns: TypeEngine[Any]) -> None:
        self.is_postgres = is_postgres
        self.table = _of_postgres(columns) if is_postgres else _of_sqlite(columns)

    @property
    def c(self) -> "ColumnCollection[str, Any]":
        """Its columns."""
        return self.table.c

    def one_has(self, cell: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether one of them has ``value`` in this cell, where they are few and the others many:
        PostgreSQL, which cannot know that, would join by reading the whole of the other table."""
        some = select(cell)
        if self.is_postgres:
            return value == func.any(func.array(some.scalar_subquery()))
        return value.in_(some)

    def given(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """The parameter. Moments must have gone through ``moment``."""
        return {_PARAMETER: msgspec.json.encode(list(rows)).decode()}

    def moment(self, at: datetime) -> str:
        """A moment as this database reads it."""
        if self.is_postgres:
            return at.isoformat()
        return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")

    def ready(self, statement: ClauseElement) -> "Ready":
        """A statement without any other parameter, as text: most of the time that this process
        spends on a small one goes into making it."""
        kind: Any = psycopg if self.is_postgres else sqlite
        # By name on SQLite as well, since a statement may look at the rows more than once.
        named = {} if self.is_postgres else {"paramstyle": "named"}
        compiled = statement.compile(dialect=kind.dialect(**named))
        if set(compiled.params) != {_PARAMETER}:
            raise ValueError(f"other parameters than the rows: {sorted(compiled.params)}")
        return Ready(self, str(compiled))


@dataclass(frozen=True)
class Ready:
    """A statement that is made."""

    rows: ManyRows
    text: str

    def run(
        self, connection: Connection, rows: Iterable[Mapping[str, Any]], shared: int | None = None
    ) -> Sequence[Any]:
        """Run it with these rows; what it returns.

        Args:
            shared: an advisory lock of PostgreSQL to be shared first, on the same way.
        """
        given = self.rows.given(rows)
        if not self.rows.is_postgres:
            return connection.exec_driver_sql(self.text, given).all()
        before = [] if shared is None else [(_SHARED, {"lock": shared})]
        return engines.in_one_trip(connection, [*before, (self.text, given)])


def _of_postgres(columns: Mapping[str, TypeEngine[Any]]) -> FromClause:
    given = func.json_to_recordset(cast(bindparam(_PARAMETER, type_=Text()), JSON))
    typed = [column(name, kind) for name, kind in columns.items()]
    return given.table_valued(*typed, name="rows").render_derived(with_types=True)


def _of_sqlite(columns: Mapping[str, TypeEngine[Any]]) -> FromClause:
    each = func.json_each(bindparam(_PARAMETER, type_=Text())).table_valued("value")
    cells = [
        type_coerce(func.json_extract(each.c.value, literal_column(f"'$.{name}'")), kind).label(
            name
        )
        for name, kind in columns.items()
    ]
    # The limit that is none keeps SQLite from taking the rows apart anew for each row of a table.
    endless = select(*cells).limit(literal_column("-1")).offset(literal_column("0"))
    return endless.subquery("rows")
