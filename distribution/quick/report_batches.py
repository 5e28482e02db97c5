"""Reports of many sites in one transaction, each acknowledged when that is durable, and not before.

What they are is decided where one report alone is taken (``reports.accept``): a batch stores those
that are plainly new, knows those that are plainly there, and leaves every other one to it. Rows are
only added here, and a unique constraint keeps them apart, so on PostgreSQL batches wait neither for
each other nor for whoever writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import cache, partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    LargeBinary,
    Table,
    Text,
    and_,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from distribution.database.columns import UtcDateTime
from distribution.database.engines import is_postgres
from distribution.database.many_rows import ManyRows, Ready
from distribution.database.sessions import Database
from distribution.quick.gathering import Gathering
from distribution.quick.spelled_reports import Spelled
from distribution.sites.enrolment import STORING
from manifests.install_report import InstallReport

_RECEIPTS: Table = SQLModel.metadata.tables["receipt"]
_SITES: Table = SQLModel.metadata.tables["site"]


class Outcome(Enum):
    """Of one report."""

    STORED = auto()
    THERE = auto()
    """It was stored before, with the same content."""
    UNCLEAR = auto()
    """Nothing was done: it was not admitted, another content was there, or the site's key is
    another by now."""


@dataclass(frozen=True)
class Signed:
    """A report whose signature is verified, by ``public_key``."""

    report: InstallReport | Spelled
    envelope: bytes
    sha256: str
    public_key: str
    received_at: datetime


def store(database: Database, batch: Sequence[Signed]) -> list[Outcome]:
    """Store what is new; when this returns, it survives a power cut.

    Raises:
        Unavailable: the database does not answer; nothing was stored.
    """
    first = {(each.report.site_id, each.report.sequence): each for each in reversed(batch)}
    of_postgres = is_postgres(database.engine)
    adding, looking = _adding(of_postgres), _looking(of_postgres)
    with database.adding() as connection:
        # Always in one order, so that two batches with the same reports do not wait in a ring.
        plain = [_plain(adding.rows, first[place]) for place in sorted(first)]
        added = {(name, number) for name, number in adding.run(connection, plain, STORING)}
        rest = [{"name": name, "sequence": number} for name, number in first.keys() - added]
        found = looking.run(connection, rest) if rest else ()
    there = {(name, number): sha256 for name, number, sha256 in found}
    return [_outcome(each, first, added, there) for each in batch]


def _outcome(
    one: Signed,
    first: dict[tuple[str, int], Signed],
    added: set[tuple[str, int]],
    there: dict[tuple[str, int], str],
) -> Outcome:
    place = (one.report.site_id, one.report.sequence)
    if place in added and first[place] is one:
        return Outcome.STORED
    known = first[place].sha256 if place in added else there.get(place)
    return Outcome.THERE if known == one.sha256 else Outcome.UNCLEAR


@cache
def _adding(of_postgres: bool) -> Ready:
    """Receipts of sites that have the key, as far as none is there; says which were added."""
    rows = ManyRows(
        of_postgres, name=Text(), key=Text(), sequence=BigInteger(), envelope=Text(), sha=Text(),
        at=UtcDateTime(), phase=Text(), code=Text(),
    )  # fmt: skip
    of_site = and_(
        _SITES.c.id == rows.c.name,
        _SITES.c.public_key == rows.c.key,
        _SITES.c.revoked_at.is_(None),
    )
    # Asked for each row by itself: the planner, which does not know how few rows there are, would
    # rather read all sites.
    base = select(_SITES.c.place_base).where(of_site).scalar_subquery().label("base")
    each = select(*rows.c, base).order_by(rows.c.name, rows.c.sequence).subquery("each")
    columns: dict[str, Any] = {
        "site_id": each.c.name,
        "place": each.c.base + each.c.sequence,
        "sequence": each.c.sequence,
        "envelope": _as_bytes(rows, each.c.envelope),
        "sha256": each.c.sha,
        "public_key": each.c.key,
        "received_at": each.c.at,
        "phase": each.c.phase,
        "code": each.c.code,
        "tries": literal_column("0"),
    }
    found = select(*columns.values()).where(each.c.base.is_not(None))
    insert = postgresql.insert if of_postgres else sqlite.insert
    return rows.ready(
        insert(_RECEIPTS)
        .from_select(list(columns), found)
        .on_conflict_do_nothing()
        .returning(_RECEIPTS.c.site_id, _RECEIPTS.c.sequence)
    )


@cache
def _looking(of_postgres: bool) -> Ready:
    """The hashes of receipts that are there."""
    rows = ManyRows(of_postgres, name=Text(), sequence=BigInteger())
    few = rows.one_has(rows.c.name, _SITES.c.id)
    of_site = and_(_SITES.c.id == rows.c.name, few, _SITES.c.revoked_at.is_(None))
    same = and_(
        _RECEIPTS.c.site_id == rows.c.name,
        _RECEIPTS.c.place == _SITES.c.place_base + rows.c.sequence,
    )
    joined = rows.table.join(_SITES, of_site).join(_RECEIPTS, same)
    wanted = select(rows.c.name, rows.c.sequence, _RECEIPTS.c.sha256)
    return rows.ready(wanted.select_from(joined))


def _as_bytes(rows: ManyRows, column: Any) -> Any:
    if rows.is_postgres:
        return func.convert_to(column, literal_column("'UTF8'"))
    return cast(column, LargeBinary)


def _plain(rows: ManyRows, one: Signed) -> dict[str, Any]:
    return {
        "name": one.report.site_id,
        "key": one.public_key,
        "sequence": one.report.sequence,
        "envelope": one.envelope.decode("ascii"),  # in its one spelling it is
        "sha": one.sha256,
        "at": rows.moment(one.received_at),
        "phase": one.report.phase,
        "code": one.report.code,
    }


class Batches(Gathering[Signed, Outcome]):
    """Gathers reports while earlier ones are written. What fails as a group is unclear: each of
    it is then taken by itself."""

    def __init__(self, database: Database) -> None:
        super().__init__(partial(store, database), Outcome.UNCLEAR, "reports")
