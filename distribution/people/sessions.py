"""Sessions of browsers: a random cookie, of which only the hash is kept, for one working day.

A session ends 8 hours after the login, after 15 minutes in which nobody did anything, at the
logout, and with the account. What changes something needs the session's own token in a header as
well, which no other page can send.
"""

import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlmodel import Session, col, select

from distribution.audit import Deed, note
from distribution.database.sessions import Database
from distribution.errors import Unavailable
from distribution.people import accounts
from distribution.people.roles import Person, Role
from distribution.people.tables import LoginSession
from distribution.people.tokens import TOKEN_BYTES, Later, at_once, digest, unauthorised

LIFE = timedelta(hours=8)
IDLE = timedelta(minutes=15)
SEEN_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Opened:
    """A session that has begun: what the browser keeps."""

    cookie: str
    person: Person


def open_one(
    session: Session,
    name: str,
    now: datetime,
    *,
    how: str,
    roles: frozenset[Role] = frozenset(),
    shown_at: datetime | None = None,
) -> Opened:
    """Begin a session within a transaction: always with a cookie that nobody has seen before.

    Args:
        how: how they showed who they are, for the record.
        roles: from the provider's groups, beside those that were granted here.
        shown_at: when they did, if that was before ``now``.

    Raises:
        Unauthorised: there is no such person any more.
    """
    cookie = secrets.token_urlsafe(TOKEN_BYTES)
    shown = shown_at or now
    session.add(
        LoginSession(
            cookie_sha256=digest(cookie),
            account=name,
            roles=" ".join(sorted(roles)),
            shown_at=shown,
            created_at=now,
            seen_at=now,
        )
    )
    person = accounts.person(session, name, mapped=roles, shown_at=shown)
    if person is None:
        raise unauthorised()
    note(session, Deed(name, "session.login", f"account {name}", how), now)
    return Opened(cookie, person)


def person_of(database: Database, cookie: str, now: datetime, later: Later = at_once) -> Person:
    """Whose session it is, with what they may do now.

    Args:
        later: notes that it was seen: no reader should wait for another writer.

    Raises:
        Unauthorised: nobody's, or it is over.
        Unavailable: the database does not answer.
    """
    with database.reading() as session:
        row = _found(session, cookie)
        if row is None or not _is_open(row, now):
            raise unauthorised()
        mapped = frozenset(map(Role, row.roles.split()))
        person = accounts.person(session, row.account, mapped=mapped, shown_at=row.shown_at)
    if person is None:
        raise unauthorised()
    if row.id is not None and row.seen_at + SEEN_NOTED_EVERY <= now:
        later(partial(_note_seen, database, row.id, now))
    return person


def _note_seen(database: Database, number: int, now: datetime) -> None:
    with suppress(Unavailable), database.writing() as session:
        row = session.get(LoginSession, number)
        if row is not None:
            row.seen_at = max(row.seen_at, now)
            session.add(row)


def _is_open(row: LoginSession, now: datetime) -> bool:
    return row.ended_at is None and now < min(row.created_at + LIFE, row.seen_at + IDLE)


def _found(session: Session, cookie: str) -> LoginSession | None:
    wanted = select(LoginSession).where(LoginSession.cookie_sha256 == digest(cookie))
    return session.exec(wanted).one_or_none()


def end(database: Database, cookie: str, now: datetime) -> None:
    """Log out. A session that is over already stays over.

    Raises:
        Unavailable: the database does not answer.
    """
    with database.writing() as session:
        row = _found(session, cookie)
        if row is None or row.ended_at is not None:
            return
        row.ended_at = now
        session.add(row)
        note(session, Deed(row.account, "session.logout", f"account {row.account}"), now)


def csrf_token(cookie: str) -> str:
    """What a page of ours sends in a header to show that it is one: derived from the cookie, which
    no script can read, so it needs no place in the database."""
    return hashlib.sha256(b"hsp-csrf\0" + cookie.encode("utf-8", "surrogateescape")).hexdigest()


def is_ours(cookie: str, given: str) -> bool:
    """Whether a request with this cookie comes from a page of ours."""
    return hmac.compare_digest(csrf_token(cookie), given.encode("ascii", "replace").decode())


def forget_old(session: Session, now: datetime) -> int:
    """Remove the rows of sessions that are over for long; how many there were."""
    wanted = select(LoginSession).where(col(LoginSession.created_at) < now - 30 * LIFE)
    rows = session.exec(wanted).all()
    for row in rows:
        session.delete(row)
    return len(rows)
