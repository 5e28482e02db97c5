"""Roles are given by two security administrators: one proposes, another one confirms.

The person who gets a role is never who confirms it. ``founding`` makes the first administrator;
while there is one only, the one grant that needs no second person is that of the second
administrator, and it is possible once.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from distribution.audit import Deed, note
from distribution.database.sessions import Database
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound
from distribution.people.accounts import found
from distribution.people.roles import Permission, Person, Role
from distribution.people.tables import Account, RoleGrant

GRANT_LIFE = timedelta(days=7)
"""A proposal that nobody has confirmed for so long is no proposal any more."""


def propose(
    database: Database, by: Person, name: str, role: Role, reason: str, now: datetime
) -> bool:
    """Propose a role for somebody; whether it is theirs at once, as the second administrator's is.

    Raises:
        NotAllowed: this person may not.
        NotFound: there is no such account.
        Conflict: they have it, or it is proposed already, or the account is disabled.
        Invalid: a role of ours for a customer, or a customer's for one of us.
        Unavailable: the database does not answer.
    """
    acting = by.require(Permission.ROLE_GRANT)
    with database.writing() as session:
        account = found(session, name)
        _check_fits(account, role)
        _drop_stale(session, name, role, now)
        row = RoleGrant(
            account=name, role=role, proposed_by=by.name, proposed_at=now, reason=reason.strip()
        )
        is_second = role is Role.SECURITY_ADMINISTRATOR and not _ever_two(session, by.name, name)
        if is_second:
            row.confirmed_by, row.confirmed_at = by.name, now
        session.add(row)
        said = "there is no other administrator yet to confirm it" if is_second else reason.strip()
        note(session, Deed(by.name, "role.propose", f"{role} for {name}", said, acting), now)
    return is_second


def _check_fits(account: Account, role: Role) -> None:
    if account.disabled_at is not None:
        raise Conflict(f"the account {account.name} is disabled")
    if (role is Role.CUSTOMER) != bool(account.client_id):
        raise Invalid(
            f"{account.name} cannot be {role}: a customer belongs to a client and has no other "
            "role, and nobody else belongs to one",
            hint="'hsp staff add NAME --client CLIENT' makes a customer's account",
        )


def _drop_stale(session: Session, name: str, role: Role, now: datetime) -> None:
    row = _open(session, name, role)
    if row is None:
        return
    if row.confirmed_at is not None:
        raise Conflict(f"{name} is {role} already")
    if row.proposed_at + GRANT_LIFE > now:
        raise Conflict(f"{row.proposed_by} has proposed {name} as {role} already")
    row.ended_by, row.ended_at = "time", now
    session.add(row)


def _ever_two(session: Session, first: str, second: str) -> bool:
    """Whether anybody but the founder was an administrator once: then another one must confirm."""
    if first == second:
        return True
    wanted = select(RoleGrant).where(
        RoleGrant.role == Role.SECURITY_ADMINISTRATOR,
        col(RoleGrant.confirmed_at).is_not(None),
        RoleGrant.account != first,
    )
    return session.exec(wanted).first() is not None


def confirm(database: Database, by: Person, name: str, role: Role, now: datetime) -> None:
    """Give a role that another administrator has proposed.

    Raises:
        NotAllowed: this person may not, proposed it, or would get it.
        NotFound: nobody has proposed it, or too long ago.
        Conflict: the account is disabled, or who proposed it may not any more.
        Unavailable: the database does not answer.
    """
    acting = by.require(Permission.ROLE_GRANT)
    with database.writing() as session:
        account, row = found(session, name), _open(session, name, role)
        if row is None or row.confirmed_at is not None or row.proposed_at + GRANT_LIFE <= now:
            raise NotFound(f"nobody has proposed {name} as {role}", hint="see 'hsp staff list'")
        if by.name in (row.proposed_by, name):
            raise NotAllowed(
                f"{by.name} {'proposed this' if by.name == row.proposed_by else 'would get this'}, "
                "and a second person confirms it",
                hint="ask another security administrator",
            )
        if account.disabled_at is not None:
            raise Conflict(f"the account {name} is disabled")
        row.confirmed_by, row.confirmed_at = by.name, now
        session.add(row)
        said = f"proposed by {row.proposed_by}: {row.reason}".rstrip(": ")
        note(session, Deed(by.name, "role.confirm", f"{role} for {name}", said, acting), now)


def revoke(
    database: Database, by: Person, name: str, role: Role, reason: str, now: datetime
) -> None:
    """Take a role, or a proposal of one, from somebody; one person is enough for that.

    Raises:
        NotAllowed: this person may not, or nobody would be left to give roles.
        NotFound: they do not have it.
        Unavailable: the database does not answer.
    """
    acting = by.require(Permission.ROLE_GRANT)
    with database.writing() as session:
        row = _open(session, name, role)
        if row is None:
            raise NotFound(f"{name} is not {role}", hint="see 'hsp staff list'")
        if role is Role.SECURITY_ADMINISTRATOR and name == by.name:
            raise NotAllowed(
                "no administrator takes this role from themselves",
                hint="ask another security administrator",
            )
        row.ended_by, row.ended_at = by.name, now
        session.add(row)
        note(session, Deed(by.name, "role.revoke", f"{role} of {name}", reason, acting), now)


def _open(session: Session, name: str, role: Role) -> RoleGrant | None:
    wanted = select(RoleGrant).where(
        RoleGrant.account == name, RoleGrant.role == role, col(RoleGrant.ended_at).is_(None)
    )
    return session.exec(wanted).one_or_none()
