"""Putting a backup's rows into the tables of any engine, within one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Table,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from distribution.backup import contents, files
from distribution.backup.manifest import Manifest, TableFile
from distribution.errors import Invalid

AT_ONCE = 5000
_NUL = rb"\u0000"


def check_known(manifest: Manifest) -> None:
    """Whether these tables are ours.

    Raises:
        Invalid: one is not, or has a column that this release does not know.
    """
    known = {table.name: set(table.columns.keys()) for table in contents.tables()}
    for each in manifest.tables:
        strange = set(each.columns) - known.get(each.name, set())
        if each.name not in known or strange:
            what = ", ".join(sorted(strange)) if each.name in known else "as a whole"
            raise Invalid(
                f"this release does not know the table {each.name} ({what})",
                hint=f"restore with release {manifest.release}, then 'hsp database upgrade'",
            )


def rows_in(connection: Connection) -> dict[str, int]:
    """Tables that are not empty, with how many rows each has."""
    counts = {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar() or 0
        for table in contents.everything()
    }
    return {name: count for name, count in counts.items() if count}


def empty(connection: Connection) -> None:
    """Remove every row."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in contents.everything())
        connection.execute(text(f"TRUNCATE {names}"))
        return
    connection.execute(text("PRAGMA defer_foreign_keys = ON"))
    for table in reversed(contents.everything()):
        connection.execute(table.delete())


def load(connection: Connection, manifest: Manifest, folder: Path) -> None:
    """Put the rows in.

    Raises:
        Invalid: a line is no row of its table, or there are more or fewer than the manifest says.
    """
    described = {each.name: each for each in manifest.tables}
    for table in contents.tables():
        if table.name in described:
            _load_table(connection, table, described[table.name], folder)


def _load_table(connection: Connection, table: Table, described: TableFile, folder: Path) -> None:
    columns = [table.columns[name] for name in described.columns]
    later = [described.columns.index(name) for name in contents.pointing_at_itself(table)]
    put_off: list[tuple[int, contents.Row]] = []
    count = 0
    rows = _rows(columns, described, folder)
    while batch := list(islice(rows, AT_ONCE)):
        count += len(batch)
        _insert(connection, table, columns, [_without(row, later, put_off) for row in batch])
    for position, row in put_off:
        where = [key == row[described.columns.index(key.name)] for key in table.primary_key]
        value = {described.columns[position]: row[position]}
        connection.execute(update(table).where(*where).values(value))
    if count != described.rows:
        raise Invalid(f"{described.path} has {count} rows, and its manifest says {described.rows}")


def _rows(
    columns: Sequence[Column[Any]], described: TableFile, folder: Path
) -> Iterator[contents.Row]:
    decoded = contents.decoder(columns)
    for number, line in enumerate(files.read_lines(folder / described.path), 1):
        try:
            row = decoded(line)
        except msgspec.MsgspecError as error:
            raise Invalid(
                f"row {number} of {described.path} is no row of {described.name}: {error}"
            ) from error
        if _NUL in line and any("\0" in value for value in row if isinstance(value, str)):
            raise Invalid(
                f"row {number} of {described.path} has a text with a zero byte",
                hint="no text of ours has one: find out who wrote it there",
            )
        yield row


def _without(
    row: contents.Row, later: Iterable[int], put_off: list[tuple[int, contents.Row]]
) -> contents.Row:
    """The row without what points at a row of its own table, which may not be there yet."""
    for position in later:
        if row[position] is not None:
            put_off.append((position, row))
            row = (*row[:position], None, *row[position + 1 :])
    return row


def _insert(
    connection: Connection,
    table: Table,
    columns: Sequence[Column[Any]],
    rows: Sequence[contents.Row],
) -> None:
    if connection.dialect.name == "postgresql":
        _copy(connection, table, columns, rows)
        return
    names = [column.name for column in columns]
    values: list[Mapping[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
    connection.execute(insert(table), values)


def _copy(
    connection: Connection,
    table: Table,
    columns: Sequence[Column[Any]],
    rows: Sequence[contents.Row],
) -> None:
    """PostgreSQL's own way for many rows; of columns that are not given, the defaults too."""
    given = {column.name for column in columns}
    defaults = {
        column.name: column.default.arg
        for column in table.columns
        if column.name not in given and isinstance(column.default, ScalarElementColumnDefault)
    }
    names = ", ".join(f'"{name}"' for name in [*(c.name for c in columns), *defaults])
    rest = tuple(defaults.values())
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as out:
        for row in rows:
            out.write_row((*row, *rest))


def go_on_numbering(connection: Connection) -> None:
    """Let PostgreSQL give the numbers behind those that are used; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in contents.everything():
        column = table.autoincrement_column
        if column is None or column.foreign_keys:
            continue
        found = text("SELECT pg_get_serial_sequence(:table, :column)")
        names = {"table": f'"{table.name}"', "column": column.name}
        sequence = connection.execute(found, names).scalar()
        newest = connection.execute(select(func.max(column))).scalar()
        if sequence is not None:
            said = {"sequence": sequence, "newest": newest or 1, "used": newest is not None}
            connection.execute(text("SELECT setval(:sequence, :newest, :used)"), said)
