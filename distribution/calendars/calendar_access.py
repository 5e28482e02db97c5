"""A client's own right to read its calendar, as an address that a calendar program subscribes to.

Calendar programs cannot log in, so the address holds a token; it opens nothing but that client's
calendar, cannot be guessed, and of it only the hash is kept. A new one ends the old ones.
"""

import hashlib
import secrets
from datetime import datetime
from urllib.parse import quote

from sqlmodel import Session, col, select

from distribution import audit
from distribution.calendars.calendar_tables import CalendarToken
from distribution.calendars.freeze_records import Changed, Scope, note
from distribution.database.sessions import Database
from distribution.database.tables import Client
from distribution.errors import NotFound, Unauthorised

PREFIX = "hsp-calendar-"
"""So that a leaked token is found by those who scan for them."""

_TOKEN_BYTES = 32


def address(public_url: str, client_id: str, token: str) -> str:
    """Where a calendar program subscribes."""
    return f"{public_url.rstrip('/')}/v1/clients/{quote(client_id)}/calendar.ics?token={token}"


def make_token(database: Database, client_id: str, by: str, now: datetime) -> str:
    """A new token for a client; those from before end.

    Raises:
        NotFound: there is no such client.
        Unavailable: the database does not answer.
    """
    token = PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
    with database.writing() as session:
        if session.get(Client, client_id) is None:
            raise NotFound(f"there is no client {client_id!r}", hint="see 'hsp site list'")
        _revoke(session, client_id, now)
        session.add(
            CalendarToken(token_sha256=_hash(token), client_id=client_id, by=by, created_at=now)
        )
        _note(session, client_id, by, now, "share", "subscribe address made; older ones ended")
    return token


def revoke(database: Database, client_id: str, by: str, now: datetime) -> int:
    """End every address of a client; how many there were.

    Raises:
        Unavailable: the database does not answer.
    """
    with database.writing() as session:
        ended = _revoke(session, client_id, now)
        if ended:
            _note(session, client_id, by, now, "unshare", "subscribe address ended")
    return ended


def check(session: Session, client_id: str, token: str) -> None:
    """Return if the token is this client's.

    Raises:
        Unauthorised: it is not, or there is no such client; nobody learns which.
    """
    wanted = select(CalendarToken).where(
        CalendarToken.token_sha256 == _hash(token),
        CalendarToken.client_id == client_id,
        col(CalendarToken.revoked_at).is_(None),
    )
    if session.exec(wanted).one_or_none() is None:
        raise Unauthorised("not authorised", hint="ask your provider for the calendar's address")


def _revoke(session: Session, client_id: str, now: datetime) -> int:
    wanted = select(CalendarToken).where(
        CalendarToken.client_id == client_id, col(CalendarToken.revoked_at).is_(None)
    )
    rows = session.exec(wanted).all()
    for row in rows:
        row.revoked_at = now
        session.add(row)
    return len(rows)


def _note(session: Session, client_id: str, by: str, now: datetime, verb: str, what: str) -> None:
    note(session, Changed(now, Scope.CLIENT, client_id, by, "so that the client can look", what))
    audit.note(session, audit.Deed(by, f"calendar.{verb}", f"calendar of client {client_id}"), now)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
