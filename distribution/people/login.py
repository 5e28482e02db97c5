"""Logging in with a name and a password, on the embedded default."""

import logging
from datetime import datetime

from distribution.audit import Deed, note
from distribution.database.sessions import Database
from distribution.people import passwords, sessions
from distribution.people.limits import Limits
from distribution.people.sessions import Opened
from distribution.people.tables import Account
from distribution.people.tokens import unauthorised

log = logging.getLogger(__name__)

MOST_NAME_CHARACTERS = 64


def with_password(
    database: Database, name: str, password: str, address: str, limits: Limits, now: datetime
) -> Opened:
    """Begin a session. Each try counts, also for names that nobody has.

    Raises:
        TooMany: so many tries with this name, or from this address, are enough.
        Unauthorised: the name or the password is wrong; nobody learns which.
        Unavailable: the database does not answer.
    """
    name = name[:MOST_NAME_CHARACTERS]
    limits.take_login(database, name, address, now)
    with database.reading() as session:
        is_right = passwords.is_right(session, name, password)
        account = session.get(Account, name)
    if not is_right or account is None or account.disabled_at is not None:
        _failed(database, account, now)
        raise unauthorised()
    with database.writing() as session:
        sessions.forget_old(session, now)
        return sessions.open_one(session, name, now, how="password")


def _failed(database: Database, account: Account | None, now: datetime) -> None:
    """Only names that exist come into the audit log: strangers must not be able to fill it."""
    log.warning("a login failed%s", "" if account is None else f" for {account.name}")
    if account is not None:
        with database.writing() as session:
            deed = Deed("somebody", "session.failed", f"account {account.name}", "wrong password")
            note(session, deed, now)
