"""The very first administrator, and their token: made by ``hsp init`` on the server's machine."""

from datetime import datetime

from sqlmodel import Session

from distribution.audit import Deed, note
from distribution.database import schema
from distribution.database.sessions import Database
from distribution.errors import Conflict, Misconfigured
from distribution.people import accounts, tokens
from distribution.people.accounts import checked_name
from distribution.people.roles import Role
from distribution.people.tables import Account, RoleGrant
from distribution.private_files import write_over
from distribution.settings import Settings

FOUNDER = "hsp init"
"""Who says so of the first account: whoever could make the server."""

ROLES = (Role.SECURITY_ADMINISTRATOR, Role.RELEASE_ENGINEER)
"""Of the first person: enough to invite sites, to start a rollout and to give others their roles,
and not enough to resume anything."""


def found(settings: Settings, name: str, now: datetime) -> str:
    """Make the first account, and leave a token of it in the home's ``staff.token``, mode 0600.

    It is also the way back when there is no administrator left, or a database was lost.

    Raises:
        Invalid: it is not a name.
        Conflict: there is an administrator already.
        Misconfigured: there is no home, or the file cannot be written.
        Unavailable: the database does not answer.
    """
    database = Database.connect(settings)
    schema.upgrade(database.engine)
    with database.writing() as session:
        _require_none(session)
        account = session.get(Account, checked_name(name))
        account = account or Account(name=name, created_by=FOUNDER, created_at=now)
        account.disabled_at = None
        session.add(account)
        session.flush()
        before = accounts.person(session, name)
        for role in (role for role in ROLES if before is None or role not in before.roles):
            session.add(
                RoleGrant(
                    account=name,
                    role=role,
                    proposed_by=FOUNDER,
                    proposed_at=now,
                    reason="the server was made",
                    confirmed_by=FOUNDER,
                    confirmed_at=now,
                )
            )
        note(session, Deed(FOUNDER, "account.found", f"account {name}", "the server was made"), now)
        token = tokens.add(session, name, FOUNDER, now, label="the first one, from hsp init")
        _write(settings, token)
    database.close()
    return token


def _require_none(session: Session) -> None:
    for one in accounts.listed(session):
        if one.disabled_at is None and Role.SECURITY_ADMINISTRATOR in one.roles:
            raise Conflict(
                f"{one.name} is security administrator already", hint="see 'hsp staff grant'"
            )


def _write(settings: Settings, token: str) -> None:
    file = settings.staff_token_file
    try:
        write_over(file, token)
    except OSError as error:
        raise Misconfigured(f"{file} cannot be written: {error.strerror}") from error
