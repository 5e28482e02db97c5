"""Who there is: one account a person, under the name that they sign with.

Somebody who is disabled may do nothing from the next request on: every request asks anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from distribution.audit import Deed, note
from distribution.database.sessions import Database
from distribution.database.tables import Client
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound
from distribution.people.roles import Permission, Person, Role
from distribution.people.tables import Account, ApiToken, LoginSession, Password, RoleGrant
from signing.roles import PERSON


@dataclass(frozen=True)
class AccountRecord:
    """An account as others see it."""

    name: str
    client: str
    roles: tuple[Role, ...]
    proposed: tuple[Role, ...]
    """Roles that wait for a second person."""
    has_password: bool
    is_of_provider: bool
    created_at: datetime
    disabled_at: datetime | None


def checked_name(name: str) -> str:
    """A name that people can have.

    Raises:
        Invalid: it is not one.
    """
    if not PERSON.fullmatch(name):
        raise Invalid(
            f"{name[:80]!r} is not a person's name here",
            hint="small letters, digits, dots, dashes; the same as in the person's signing key",
        )
    return name


def add(database: Database, by: Person, name: str, client: str, now: datetime) -> None:
    """Make an account without any role.

    Args:
        client: whose, for a customer's account; empty for ours.

    Raises:
        NotAllowed: this person may not.
        Conflict: there is one of this name.
        NotFound: there is no such client.
        Invalid: no name.
        Unavailable: the database does not answer.
    """
    role = by.require(Permission.ACCOUNT_CHANGE)
    with database.writing() as session:
        if session.get(Account, checked_name(name)) is not None:
            raise Conflict(f"there is an account {name} already", hint="see 'hsp staff list'")
        if client and session.get(Client, client) is None:
            raise NotFound(f"there is no client {client!r}", hint="see 'hsp site list'")
        session.add(Account(name=name, client_id=client, created_by=by.name, created_at=now))
        what = f"a customer's, of {client}" if client else ""
        note(session, Deed(by.name, "account.add", f"account {name}", what, role), now)


def disable(database: Database, by: Person, name: str, reason: str, now: datetime) -> None:
    """Take everything from somebody: roles, tokens, sessions, password; the name stays taken.

    Raises:
        NotAllowed: this person may not, or it is their own account.
        NotFound: there is no such account.
        Conflict: it is disabled already.
        Unavailable: the database does not answer.
    """
    role = by.require(Permission.ACCOUNT_CHANGE)
    if name == by.name:
        raise NotAllowed("nobody takes their own account away", hint="ask another administrator")
    with database.writing() as session:
        account = found(session, name)
        if account.disabled_at is not None:
            raise Conflict(f"the account {name} is disabled already")
        account.disabled_at = now
        session.add(account)
        known = session.get(Password, name)
        if known is not None:
            session.delete(known)
        for grant in session.exec(_open_grants(name)):
            grant.ended_by, grant.ended_at = by.name, now
            session.add(grant)
        end_credentials(session, name, by.name, now)
        note(session, Deed(by.name, "account.disable", f"account {name}", reason, role), now)


def tie(database: Database, by: Person, name: str, subject: str, now: datetime) -> None:
    """Let somebody log in at the provider: their password, tokens and sessions end.

    Args:
        subject: the provider's issuer, a space, and its name for them.

    Raises:
        NotAllowed: this person may not, or it is their own account.
        Invalid: not an issuer and a subject.
        NotFound: there is no such account.
        Conflict: it is a customer's or disabled, or another account is tied to this subject.
        Unavailable: the database does not answer.
    """
    role = by.require(Permission.ACCOUNT_CHANGE)
    if name == by.name:
        raise NotAllowed("nobody ties their own account", hint="ask another administrator")
    if len(subject.split(" ")) != 2 or not all(subject.split(" ")):
        raise Invalid("a subject is the issuer, a space, and the provider's name for the person")
    with database.writing() as session:
        account = found(session, name)
        if account.disabled_at is not None or account.client_id:
            raise Conflict(f"the account {name} is disabled, or a customer's")
        taken = session.exec(select(Account).where(Account.subject == subject)).first()
        if taken is not None:
            raise Conflict(f"the account {taken.name} is tied to this subject")
        account.subject = subject
        session.add(account)
        known = session.get(Password, name)
        if known is not None:
            session.delete(known)
        end_credentials(session, name, by.name, now)
        note(session, Deed(by.name, "account.tie", f"account {name}", subject, role), now)


def end_credentials(session: Session, name: str, by: str, now: datetime) -> None:
    """End every token and session of an account, within a transaction."""
    tokens = select(ApiToken).where(ApiToken.account == name, col(ApiToken.revoked_at).is_(None))
    for token in session.exec(tokens):
        token.revoked_by, token.revoked_at = by, now
        session.add(token)
    sessions = select(LoginSession).where(
        LoginSession.account == name, col(LoginSession.ended_at).is_(None)
    )
    for one in session.exec(sessions):
        one.ended_at = now
        session.add(one)


def found(session: Session, name: str) -> Account:
    """An account, also one that is disabled.

    Raises:
        NotFound: there is none.
    """
    account = session.get(Account, name)
    if account is None:
        raise NotFound(f"there is no account {name[:80]!r}", hint="see 'hsp staff list'")
    return account


def person(
    session: Session,
    name: str,
    *,
    mapped: Iterable[Role] = (),
    scope: frozenset[Permission] | None = None,
    shown_at: datetime | None = None,
) -> Person | None:
    """Somebody with the roles that they hold now; None if there is no such person any more.

    Args:
        mapped: roles that the provider's groups give, beside those that were granted here.
    """
    account = session.get(Account, name)
    if account is None or account.disabled_at is not None:
        return None
    roles = {Role(row.role) for row in session.exec(_open_grants(name)) if row.confirmed_at}
    # A provider's groups never make a customer one of us, nor one of us a customer.
    roles |= {role for role in mapped if (role is Role.CUSTOMER) == bool(account.client_id)}
    return Person(name, frozenset(roles), account.client_id, scope, shown_at)


def listed(session: Session) -> list[AccountRecord]:
    """All accounts, also disabled ones, by name."""
    passwords = set(session.exec(select(Password.account)))
    grants = list(session.exec(select(RoleGrant).where(col(RoleGrant.ended_at).is_(None))))
    return [
        AccountRecord(
            name=row.name,
            client=row.client_id,
            roles=tuple(Role(g.role) for g in grants if g.account == row.name and g.confirmed_at),
            proposed=tuple(
                Role(g.role) for g in grants if g.account == row.name and not g.confirmed_at
            ),
            has_password=row.name in passwords,
            is_of_provider=bool(row.subject),
            created_at=row.created_at,
            disabled_at=row.disabled_at,
        )
        for row in session.exec(select(Account).order_by(col(Account.name)))
    ]


def _open_grants(name: str) -> SelectOfScalar[RoleGrant]:
    return select(RoleGrant).where(RoleGrant.account == name, col(RoleGrant.ended_at).is_(None))
