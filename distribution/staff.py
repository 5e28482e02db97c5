"""Staff on the API: one bearer token each, of which only the hash is kept.

People with names, roles and logins come with issue 6; a token's ``person`` is what they sign with
until then.
"""

import hashlib
import os
import secrets
from datetime import datetime

from sqlmodel import col, select

from distribution.database import Database
from distribution.errors import Misconfigured, Unauthorised
from distribution.settings import Settings
from distribution.tables import StaffToken

PREFIX = "hsp-staff-"
"""So that a leaked token is found by those who scan for them."""

_TOKEN_BYTES = 32


def make_token(settings: Settings, person: str, now: datetime) -> str:
    """Make a token for ``person``, and leave it in the home's ``staff.token``, mode 0600.

    Raises:
        Misconfigured: there is no home, or the file cannot be written.
        Unavailable: the database does not answer.
    """
    token = PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
    database = Database.open(settings)
    with database.writing() as session:
        session.add(StaffToken(token_sha256=_hash(token), person=person, created_at=now))
        _write(settings, token)
    database.close()
    return token


def _write(settings: Settings, token: str) -> None:
    file = settings.staff_token_file
    try:
        file.unlink(missing_ok=True)
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(token + "\n")
    except OSError as error:
        raise Misconfigured(f"{file} cannot be written: {error.strerror}") from error


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def person_of(database: Database, token: str) -> str:
    """Whose token it is.

    Raises:
        Unauthorised: nobody's.
        Unavailable: the database does not answer.
    """
    wanted = select(StaffToken.person).where(
        StaffToken.token_sha256 == _hash(token), col(StaffToken.revoked_at).is_(None)
    )
    with database.reading() as session:
        person = session.exec(wanted).one_or_none()
    if person is None:
        raise Unauthorised("not authorised", hint="send 'Authorization: Bearer <staff token>'")
    return person
