"""Which tables a backup has, in which order, and how a row of each is written down.

A row is one line of JSON, a list of its columns: bytes in base64, moments in RFC 3339. So a backup
can be read without this program (``zstdcat site.jsonl.zst``), and is the same from every engine.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, Table
from sqlmodel import SQLModel

from distribution.database import every_table  # noqa: F401 - it fills the metadata
from distribution.database.columns import UtcDateTime

LEFT_OUT: Mapping[str, str] = {
    "eventrow": "told to whoever watches, and forgotten after days; numbers go on above them",
    "lease": "which scheduler leads; the next one to come takes it",
    "loginsession": "browsers log in again",
    "pendinglogin": "logins on their way to the provider and back",
    "raterow": "rates begin anew",
    "sitesession": "sites ask for a new one by themselves",
    "unneededrow": "retention looks anew, so that nothing is removed too early",
    "askagain": "of an earlier restore; this one asks everybody",
}
"""Tables that are not in a backup, and why."""

Row = tuple[Any, ...]


def tables() -> list[Table]:
    """The tables of a backup, each behind those that it points at."""
    return [each for each in SQLModel.metadata.sorted_tables if each.name not in LEFT_OUT]


def everything() -> list[Table]:
    """All of our tables, in the same order."""
    return list(SQLModel.metadata.sorted_tables)


def pointing_at_itself(table: Table) -> list[str]:
    """Columns that name another row of the same table, which may be written after this one."""
    return [key.parent.name for key in table.foreign_keys if key.column.table is table]


def encoder() -> Callable[[Sequence[Any]], bytes]:
    """From a row to its line, without the end of the line."""
    return msgspec.json.Encoder().encode


def decoder(columns: Sequence[Column[Any]]) -> Callable[[bytes], Row]:
    """From a line to the row; it raises ``msgspec.MsgspecError`` for what is no row of these."""
    kinds = tuple(_kind(column) for column in columns)
    row: Any = tuple[kinds]  # type: ignore[valid-type] # made of the table's columns
    return msgspec.json.Decoder(row).decode


def _kind(column: Column[Any]) -> Any:
    kinds: Sequence[tuple[type, Any]] = (
        (UtcDateTime, datetime),
        (LargeBinary, bytes),
        (Boolean, bool),
        (Integer, int),
        (Float, float),
    )
    found = next((kind for type_, kind in kinds if isinstance(column.type, type_)), str)
    return found | None if column.nullable else found
