"""The kinds of columns that tables are made of, the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer, Text, TypeDecorator
from sqlalchemy import text as sql
from sqlalchemy.engine import Dialect
from sqlmodel import Field

BIGGEST = 2**63 - 1
"""What a BIGINT can hold."""

BigInt = BigInteger().with_variant(Integer, "sqlite")
"""64 bits on every database; SQLite numbers rows by itself only where the type is INTEGER."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC. SQLite forgets zones, so it is given none and gets its own back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Into the database: in UTC; a naive moment is a mistake of ours."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Out of the database: aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def moment(**options: Any) -> Any:
    """A moment."""
    return Field(sa_type=UtcDateTime, **options)


def number() -> Any:
    """A row's own number, given by the database."""
    return Field(default=None, primary_key=True, sa_type=BigInt)


def big(default: int | None = 0, **options: Any) -> Any:
    """Whatever may grow."""
    return Field(default=default, sa_type=BigInt, **options)


def text(default: str = "") -> Any:
    """Text of any length."""
    return Field(default=default, sa_type=Text)


def later(default: str | int, **options: Any) -> Any:
    """A column that is younger than its table: text, or whatever may grow. Its rows, and those of
    servers of a release that does not know it, get ``default`` from the database."""
    kind = Text if isinstance(default, str) else BigInt
    value = sql(f"'{default}'" if isinstance(default, str) else str(default))
    given = {"server_default": value}
    return Field(default=default, sa_type=kind, sa_column_kwargs=given, **options)


def only_where(condition: str) -> dict[str, Any]:
    """What makes an index hold the rows of a condition and no others, on each database."""
    return {f"{kind}_where": sql(condition) for kind in ("sqlite", "postgresql")}
