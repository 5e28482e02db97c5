"""Signs of life that said nothing new: gathered in memory, and written down together.

What is lost with the process is a few seconds of them, which the next ones make good. What a
check-in repeats is compared again when it is written down: where another server has meanwhile heard
something else, a signed one is heard in full, and one by a token was overtaken.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Insert, Table, Text, and_, case, insert, literal, null, select
from sqlmodel import Session, SQLModel, col

from distribution.audit.session import update_told
from distribution.control.control_tables import EventRow
from distribution.database.columns import UtcDateTime
from distribution.database.many_rows import ManyRows
from distribution.database.sessions import Database
from distribution.database.tables import Site
from distribution.events import EventKind
from distribution.quick.site_memory import Known
from manifests.documents import to_json

_AT_ONCE = 500


class Sign(NamedTuple):
    """A check-in that repeats what is known.

    Attributes:
        body: the document; ``sealed``: its envelope, empty where a token took its place.
    """

    known: Known
    at: datetime
    body: bytes
    sealed: bytes


class SignsOfLife:
    """Those that nobody has written down yet: the newest of each site."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._signs: dict[str, Sign] = {}
        self._reports: dict[str, datetime] = {}

    def note(self, sign: Sign) -> None:
        """A check-in."""
        with self._lock:
            self._signs[sign.known.site_id] = sign

    def note_report(self, site_id: str, at: datetime) -> None:
        """A report was stored."""
        with self._lock:
            self._reports[site_id] = at

    def flush(self, database: Database) -> list[Sign]:
        """Write all of them down in one transaction; those that were overtaken come back.

        Raises:
            Unavailable: the database does not answer; they are kept for the next time.
        """
        with self._lock:
            signs, self._signs = self._signs, {}
            reports, self._reports = self._reports, {}
        try:
            return _write(database, list(signs.values()), reports) if signs or reports else []
        except BaseException:
            with self._lock:
                self._signs = signs | self._signs
                self._reports = reports | self._reports
            raise


def _write(
    database: Database, signs: Sequence[Sign], reports: Mapping[str, datetime]
) -> list[Sign]:
    with database.writing() as session:
        overtaken = _repeat(session, signs) if signs else set()
        if reports:
            _note_reports(session, reports)
    return [sign for sign in signs if sign.known.site_id in overtaken]


_SITES: Table = SQLModel.metadata.tables["site"]


def is_postgres(session: Session) -> bool:
    """Whether its database is."""
    return session.get_bind().dialect.name == "postgresql"


def later(seen: ColumnElement[Any]) -> ColumnElement[Any]:
    """When a site was heard of last, of this moment and the one that is known."""
    return case((_SITES.c.last_seen < seen, seen), else_=_SITES.c.last_seen)


def _repeat(session: Session, signs: Sequence[Sign]) -> set[str]:
    """Note them; those that were overtaken are named."""
    rows = ManyRows(
        is_postgres(session),
        name=Text(), seen=UtcDateTime(), digest=Text(),
    )  # fmt: skip
    still = and_(
        _SITES.c.id == rows.c.name,
        _SITES.c.check_in_digest == rows.c.digest,
        _SITES.c.revoked_at.is_(None),
    )
    plain = [
        {
            "name": sign.known.site_id,
            "seen": rows.moment(sign.at),
            "digest": sign.known.digest.hex(),
        }
        for sign in signs
    ]
    values: dict[str, ColumnElement[Any]] = {
        "last_seen": later(rows.c.seen),
        "expected_by": null(),
    }
    noted = update_told(session, _SITES, values, still, rows.given(plain))
    overtaken = _overtaken(session, signs) if noted < len(signs) else set()
    taken = [sign for sign in signs if sign.known.site_id not in overtaken]
    tell(session, [(sign.known.site_id, sign.at, _detail(sign)) for sign in taken])
    return overtaken


def tell(session: Session, signs: Iterable[tuple[str, datetime, str]]) -> None:
    """Let whoever watches know of check-ins: site, moment, and what the event says, as JSON."""
    rows, told = _telling(is_postgres(session))
    given = rows.given(
        {"name": name, "seen": rows.moment(at), "detail": detail} for name, at, detail in signs
    )
    session.connection().execute(told, given)


@cache
def _telling(of_postgres: bool) -> tuple[ManyRows, Insert]:
    rows = ManyRows(of_postgres, name=Text(), seen=UtcDateTime(), detail=Text())
    told = select(
        rows.c.seen, literal(EventKind.CHECK_IN.value), rows.c.name, literal(""), literal(""),
        rows.c.detail,
    )  # fmt: skip
    columns = ["at", "kind", "site_id", "product", "version", "detail"]
    return rows, insert(EventRow).from_select(columns, told)


def _note_reports(session: Session, reports: Mapping[str, datetime]) -> None:
    rows = ManyRows(is_postgres(session), name=Text(), seen=UtcDateTime())
    given = rows.given({"name": name, "seen": rows.moment(at)} for name, at in reports.items())
    values = {"last_seen": later(rows.c.seen)}
    update_told(session, _SITES, values, _SITES.c.id == rows.c.name, given)


def _overtaken(session: Session, signs: Sequence[Sign]) -> set[str]:
    """Those whose site says something else by now, or may not speak any more."""
    wanted = {sign.known.site_id: sign.known.digest.hex() for sign in signs}
    names, found = sorted(wanted), dict[str, str]()
    for first in range(0, len(names), _AT_ONCE):
        some = col(Site.id).in_(names[first : first + _AT_ONCE])
        rows = select(col(Site.id), col(Site.check_in_digest)).where(some)
        living = rows.where(col(Site.revoked_at).is_(None))
        found |= {name: digest for name, digest in session.connection().execute(living)}
    return {name for name in names if found.get(name) != wanted[name]}


# --- the event, as ``check_ins`` tells it


class _Installed(msgspec.Struct):
    version: str | None = None


class _Status(msgspec.Struct):
    product: str
    installed: _Installed


class _CheckIn(msgspec.Struct):
    products: list[_Status] = []


_read = msgspec.json.Decoder(_CheckIn).decode
_detail_texts: dict[str, str] = {}
"""Of ten thousand sites most run the same."""
_MOST_TEXTS = 10_000


def _detail(sign: Sign) -> str:
    known = sign.known
    if not known.runs:
        runs = {status.product: status.installed.version for status in _read(sign.body).products}
        text = to_json({"runs": runs, "problem": ""}).decode()
        if len(_detail_texts) > _MOST_TEXTS:
            _detail_texts.clear()
        known.runs = _detail_texts.setdefault(text, text)
    return known.runs
