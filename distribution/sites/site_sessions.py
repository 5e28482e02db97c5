"""A site's right to say the same again without a signature: given with a signed check-in.

A signature costs more than everything else in a check-in that says what the last one said. So who
has just signed one may repeat it with a token, for an hour. The token is good for nothing else:
whatever is new (another version, a policy, a problem, a machine that started again) is signed, and
so are all reports. Who steals a token can make a site look alive for an hour that is not, and
nothing more. Of a token the database has only the hash; a new key, or a site's revocation, ends it.
"""

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Delete, Insert, Select, Table, Text, insert
from sqlalchemy import delete as sql_delete
from sqlalchemy import select as sql_select
from sqlmodel import Session, SQLModel, col, delete, select

from distribution.control.control_tables import SiteSession
from distribution.database.columns import UtcDateTime
from distribution.database.many_rows import ManyRows
from distribution.database.tables import Site
from distribution.quick.signs_of_life import is_postgres
from distribution.sites.sealed import unauthorised
from manifests.check_in import CheckIn, SessionGiven

LIFE = timedelta(hours=1)
FRESH = timedelta(minutes=10)
"""A check-in that says to be from further away gets none: it may be a replayed one."""
MOST = 4
"""Of a site: an agent whose answers get lost asks again."""

_TOKENS: Table = SQLModel.metadata.tables["sitesession"]


def hashed(token: str) -> str:
    """What the database has of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_new(known: CheckIn | None, said: CheckIn, now: datetime) -> bool:
    """Whether ``said`` is not one that somebody has kept and sends again."""
    return abs(now - said.at) <= FRESH and (known is None or said.at > known.at)


def begin(session: Session, site: Site, now: datetime) -> SessionGiven:
    """Give a site a new token; expired ones of it go."""
    mine = col(SiteSession.site_id) == site.id
    session.exec(delete(SiteSession).where(mine, col(SiteSession.expires_at) <= now))
    living = select(SiteSession).where(mine).order_by(col(SiteSession.expires_at).desc())
    for row in session.exec(living.offset(MOST - 1)).all():
        session.delete(row)
    token = secrets.token_urlsafe(32)
    session.add(
        SiteSession(
            token_sha256=hashed(token),
            site_id=site.id,
            public_key=site.public_key,
            expires_at=now + LIFE,
        )
    )
    return _given(token)


def begin_all(
    session: Session, sites: Mapping[str, tuple[str, datetime]]
) -> dict[str, SessionGiven]:
    """The same for many sites, by few statements: of each its key, and now."""
    rows, living, ending, beginning = _statements(is_postgres(session))
    connection = session.connection()
    given = rows.given({"name": name} for name in sites)
    old = [{"token": each} for each in _overdue(connection.execute(living, given), sites)]
    if old:
        connection.execute(ending, rows.given(old))
    tokens = {name: secrets.token_urlsafe(32) for name in sites}
    begun = [
        {"name": name, "token": hashed(tokens[name]), "key": key, "until": rows.moment(now + LIFE)}
        for name, (key, now) in sites.items()
    ]
    connection.execute(beginning, rows.given(begun))
    return {name: _given(token) for name, token in tokens.items()}


def _given(token: str) -> SessionGiven:
    return SessionGiven(token=token, seconds=int(LIFE.total_seconds()))


def _overdue(found: Iterable[Any], sites: Mapping[str, tuple[str, datetime]]) -> Iterator[str]:
    """The tokens that have expired, and those that are too many with one more."""
    living: Counter[str] = Counter()
    for name, token, until in found:
        living[name] += until > sites[name][1]
        if until <= sites[name][1] or living[name] >= MOST:
            yield token


@cache
def _statements(of_postgres: bool) -> tuple[ManyRows, Select[Any], Delete, Insert]:
    rows = ManyRows(of_postgres, name=Text(), token=Text(), key=Text(), until=UtcDateTime())
    return rows, _living(rows), _ending(rows), _beginning(rows)


def _living(rows: ManyRows) -> Select[Any]:
    wanted = sql_select(_TOKENS.c.site_id, _TOKENS.c.token_sha256, _TOKENS.c.expires_at)
    of_them = wanted.where(rows.one_has(rows.c.name, _TOKENS.c.site_id))
    return of_them.order_by(_TOKENS.c.expires_at.desc())


def _ending(rows: ManyRows) -> Delete:
    return sql_delete(_TOKENS).where(rows.one_has(rows.c.token, _TOKENS.c.token_sha256))


def _beginning(rows: ManyRows) -> Insert:
    columns = {
        "token_sha256": rows.c.token, "site_id": rows.c.name,
        "public_key": rows.c.key, "expires_at": rows.c.until,
    }  # fmt: skip
    return insert(_TOKENS).from_select(list(columns), sql_select(*columns.values()))


def site_of(session: Session, token: str, now: datetime) -> Site:
    """The site that a token was given to.

    Raises:
        Unauthorised: unknown or expired, or the site was revoked or has another key by now.
    """
    row = session.get(SiteSession, hashed(token))
    site = session.get(Site, row.site_id) if row is not None else None
    if row is None or site is None or row.expires_at <= now or site.revoked_at is not None:
        raise unauthorised()
    if row.public_key != site.public_key:
        raise unauthorised()
    return site
