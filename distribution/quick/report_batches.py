"""Reports of many sites in one transaction, each acknowledged when that is durable, and not before.

What they are is decided where one report alone is taken (``reports.accept``): a batch stores those
that are plainly new, knows those that are plainly there, and leaves every other one to it. Rows are
only added here, and a unique constraint keeps them apart, so on PostgreSQL batches wait neither for
each other nor for whoever writes.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from functools import cache
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
from distribution.sites.enrolment import STORING
from manifests.errors import UpdateError
from manifests.install_report import InstallReport

log = logging.getLogger(__name__)

MOST_AT_ONCE = 500
IN_FLIGHT = 4
"""Batches under way on PostgreSQL; SQLite has one writer."""

_RECEIPTS: Table = SQLModel.metadata.tables["receipt"]
_SITES: Table = SQLModel.metadata.tables["site"]


class Outcome(Enum):
    """Of one report."""

    STORED = auto()
    THERE = auto()
    """It was stored before, with the same content."""
    UNCLEAR = auto()
    """Nothing was done: another content was there, or the site's key is another by now."""


@dataclass(frozen=True)
class Signed:
    """A report whose signature is verified, by ``public_key``."""

    report: InstallReport
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
    with database.appending() as session:
        # Always in one order, so that two batches with the same reports do not wait in a ring.
        plain = [_plain(adding.rows, first[place]) for place in sorted(first)]
        added = {(name, number) for name, number in adding.run(session, plain, STORING)}
        rest = [{"name": name, "sequence": number} for name, number in first.keys() - added]
        found = looking.run(session, rest) if rest else ()
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
    columns: dict[str, Any] = {
        "site_id": rows.c.name,
        "place": _SITES.c.place_base + rows.c.sequence,
        "sequence": rows.c.sequence,
        "envelope": _as_bytes(rows, rows.c.envelope),
        "sha256": rows.c.sha,
        "public_key": rows.c.key,
        "received_at": rows.c.at,
        "phase": rows.c.phase,
        "code": rows.c.code,
        "tries": literal_column("0"),
    }
    found = select(*columns.values()).select_from(rows.table.join(_SITES, of_site))
    insert = postgresql.insert if of_postgres else sqlite.insert
    return rows.ready(
        insert(_RECEIPTS)
        .from_select(list(columns), found.order_by(rows.c.name, rows.c.sequence))
        .on_conflict_do_nothing()
        .returning(_RECEIPTS.c.site_id, _RECEIPTS.c.sequence)
    )


@cache
def _looking(of_postgres: bool) -> Ready:
    """The hashes of receipts that are there."""
    rows = ManyRows(of_postgres, name=Text(), sequence=BigInteger())
    of_site = and_(_SITES.c.id == rows.c.name, _SITES.c.revoked_at.is_(None))
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


@dataclass
class Batches:
    """Gathers reports while earlier ones are written; for the thread of one loop."""

    database: Database
    _waiting: list[tuple[Signed, "asyncio.Future[Outcome]"]] = field(default_factory=list)
    _workers: set["asyncio.Task[None]"] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._most = IN_FLIGHT if is_postgres(self.database.engine) else 1
        self._threads: ThreadPoolExecutor | None = None

    async def store(self, signed: Signed) -> Outcome:
        """Durable when it returns, unless it is unclear."""
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((signed, done))
        if len(self._workers) < self._most:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return await done

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            outcomes = await self._stored([signed for signed, _ in batch])
            for (_, done), outcome in zip(batch, outcomes, strict=True):
                if not done.done():
                    done.set_result(outcome)

    async def _stored(self, batch: list[Signed]) -> list[Outcome]:
        """A batch that fails is unclear as a whole: each of it is then taken by itself."""
        loop = asyncio.get_running_loop()
        self._threads = self._threads or ThreadPoolExecutor(self._most, "reports")
        try:
            return await loop.run_in_executor(self._threads, store, self.database, batch)
        except UpdateError as error:
            log.warning("%d reports: %s", len(batch), error)
        except Exception:
            log.exception("a fault of ours, or of one of %d reports", len(batch))
        return [Outcome.UNCLEAR] * len(batch)

    def close(self) -> None:
        """What is under way comes to its end."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None
