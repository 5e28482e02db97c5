"""Signed check-ins of many sites in one transaction, as far as each of them tells plain news.

A check-in that is heard alone costs its own turn, its own commit and some thirty statements. After
an outage every site has something new to say at once, so those that come meanwhile are heard
together. What is no plain news is not touched here: its site's check-in is heard alone.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Insert, Table, Text, Update, null, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

from distribution.audit.session import update_of_told
from distribution.database.columns import UtcDateTime
from distribution.database.many_rows import ManyRows
from distribution.database.sessions import Database
from distribution.quick import change_stamps, plain_news, signs_of_life, snapshots
from distribution.quick.gathering import Gathering
from distribution.quick.plain_news import Heard, Known, News
from distribution.quick.signs_of_life import is_postgres
from distribution.quick.snapshots import Snapshot
from distribution.settings import Settings
from distribution.sites import site_sessions, told
from distribution.sites.told import Newest
from manifests.check_in import CheckInAnswer, SessionGiven
from manifests.documents import to_json

_SITES: Table = SQLModel.metadata.tables["site"]
_PRODUCTS: Table = SQLModel.metadata.tables["siteproduct"]
_BOOTS: Table = SQLModel.metadata.tables["siteboot"]


class CheckIns(Gathering[Heard, CheckInAnswer | None]):
    """Gathers check-ins while earlier ones are written; None is for those to be heard alone.

    One group at a time: writers take turns anyway.
    """

    def __init__(
        self, database: Database, settings: Settings, newest: Callable[[datetime], Newest]
    ) -> None:
        super().__init__(self.hear, None, "check-ins")
        self._database, self._settings, self._newest = database, settings, newest
        self._snapshot: Snapshot | None = None

    def hear(self, batch: Sequence[Heard]) -> list[CheckInAnswer | None]:
        """Note those that tell plain news, and answer them; in a thread that may wait.

        Raises:
            Unavailable: the database does not answer; nothing was noted.
        """
        now = max(each.at for each in batch)
        newest = self._newest(now)
        first = {each.said.site_id: each for each in reversed(batch)}
        with self._database.writing() as session:
            snapshot = self._current(session, now)
            known = Known(session, first)
            found = (known.plain(each, snapshot) for each in first.values() if each.can_be_kept)
            news = {each.heard.said.site_id: each for each in found if each is not None}
            given = _note(session, list(news.values())) if news else {}
        self._snapshot = snapshot
        answers = dict[str, CheckInAnswer]()
        for name, one in news.items():
            said = snapshot.told(name, one.client_id, one.hold)
            answers[name] = told.answer(said, self._settings, newest, given.get(name))
        # Of two check-ins of one site, the second is heard alone.
        return [
            answers.get(each.said.site_id) if first[each.said.site_id] is each else None
            for each in batch
        ]

    def _current(self, session: Session, now: datetime) -> Snapshot:
        """What this transaction would read: what was read last, if nothing has changed."""
        known, number = self._snapshot, change_stamps.read(session)
        if known is not None and known.number == number and now < known.until:
            return known
        return snapshots.read(session, now)


def _note(session: Session, news: Sequence[News]) -> Mapping[str, SessionGiven]:
    """Write all of them down, with the sessions that they have asked for."""
    rows, changed = _site_update(is_postgres(session))
    given = rows.given(
        {
            "name": one.heard.said.site_id,
            "seen": rows.moment(one.heard.at),
            "check_in": one.heard.document,
            "digest": one.digest,
            "root": one.heard.said.root_version,
            "timestamp": one.heard.said.timestamp_version,
            "problem": one.problem,
        }
        for one in news
    )
    session.connection().execute(changed, given)
    _note_products(session, news)
    _note_boots(session, [one for one in news if one.is_new_boot])
    signs_of_life.tell(session, [(o.heard.said.site_id, o.heard.at, _detail(o)) for o in news])
    wanting = [one for one in news if one.digest and _may_have_session(one)]
    asked = {one.heard.said.site_id: (one.heard.public_key, one.heard.at) for one in wanting}
    return site_sessions.begin_all(session, asked) if asked else {}


@cache
def _site_update(of_postgres: bool) -> tuple[ManyRows, Update]:
    rows = ManyRows(
        of_postgres,
        name=Text(), seen=UtcDateTime(), check_in=Text(), digest=Text(), root=BigInteger(),
        timestamp=BigInteger(), problem=Text(),
    )  # fmt: skip
    values: dict[str, ColumnElement[Any]] = {
        "last_seen": signs_of_life.later(rows.c.seen),
        "expected_by": null(),
        "check_in": rows.c.check_in,
        "check_in_digest": rows.c.digest,
        "root_version": rows.c.root,
        "timestamp_version": rows.c.timestamp,
        "problem": rows.c.problem,
    }
    return rows, update_of_told(_SITES, values, _SITES.c.id == rows.c.name)


def _may_have_session(one: News) -> bool:
    return one.heard.wants_session and site_sessions.is_new(
        one.before, one.heard.said, one.heard.at
    )


def _detail(one: News) -> str:
    runs = {status.product: status.installed.version for status in one.heard.said.products}
    return to_json({"runs": runs, "problem": one.problem}).decode()


def _note_products(session: Session, news: Sequence[News]) -> None:
    rows, noted = _status_insert(is_postgres(session))
    plain = [
        {**each, "until": rows.moment(each["until"]) if each["until"] else None}
        for each in plain_news.statuses(news)
    ]
    if plain:
        session.connection().execute(noted, rows.given(plain))


@cache
def _status_insert(of_postgres: bool) -> tuple[ManyRows, Insert]:
    rows = ManyRows(
        of_postgres,
        site_id=Text(), product=Text(), version=Text(), candidate=Text(), decision=Text(),
        gate=Text(), reason=Text(), lifted_by=Text(), until=UtcDateTime(),
    )  # fmt: skip
    insert = postgresql.insert if of_postgres else sqlite.insert
    names = [column.name for column in rows.c]
    # Without a condition SQLite would read the conflict's ON as that of a join.
    some = select(*rows.c).where(rows.c.site_id != "")
    made = insert(_PRODUCTS).from_select(names, some)
    changed = {name: made.excluded[name] for name in names if name not in ("site_id", "product")}
    return rows, made.on_conflict_do_update(index_elements=["site_id", "product"], set_=changed)


def _note_boots(session: Session, news: Sequence[News]) -> None:
    rows, noted = _boot_insert(is_postgres(session))
    plain = [
        {
            "name": one.heard.said.site_id,
            "boot": one.heard.said.boot_id,
            "since": rows.moment(one.heard.said.at),
            "heard": rows.moment(one.heard.at),
        }
        for one in news
    ]
    if plain:
        session.connection().execute(noted, rows.given(plain))


@cache
def _boot_insert(of_postgres: bool) -> tuple[ManyRows, Insert]:
    rows = ManyRows(of_postgres, name=Text(), boot=Text(), since=UtcDateTime(), heard=UtcDateTime())
    columns = ["site_id", "boot_id", "since", "heard_at"]
    return rows, _BOOTS.insert().from_select(columns, select(*rows.c))
