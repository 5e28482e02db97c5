"""API tokens: for programs, and for people who use one. Of a token only the hash is kept.

A token belongs to a person, does at most what that person's roles allow at this moment, and less
where it has a scope. It ends by itself; whoever leaves it lying about ends it before.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlmodel import Session, col, select

from distribution.audit import Deed, note
from distribution.database.sessions import Database
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound, Unauthorised, Unavailable
from distribution.people import accounts
from distribution.people.roles import Permission, Person
from distribution.people.tables import ApiToken, TokenUse

PREFIX = "hsp-staff-"
"""So that a leaked token is found by those who scan for them."""
TOKEN_BYTES = 32
LONGEST_LIFE = timedelta(days=90)
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class TokenRecord:
    """A token as others see it."""

    number: int
    account: str
    label: str
    scope: tuple[str, ...]
    created_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


def make(
    database: Database,
    by: Person,
    name: str,
    now: datetime,
    *,
    label: str = "",
    scope: Collection[Permission] = (),
    life: timedelta = LONGEST_LIFE,
) -> str:
    """Make a token for somebody; it is shown this once and never again.

    Args:
        scope: what it may do at most; nothing: all that its person may.

    Raises:
        NotAllowed: it is for somebody else, and this is no administrator.
        Invalid: a life of nothing, or of more than 90 days.
        Conflict: the account is disabled.
        NotFound: there is no such account.
        Unavailable: the database does not answer.
    """
    if name != by.name and not by.may(Permission.ACCOUNT_CHANGE):
        raise NotAllowed(f"{by.name} may not make a token for {name}")
    if not timedelta(0) < life <= LONGEST_LIFE:
        raise Invalid(f"a token lives for at most {LONGEST_LIFE.days} days")
    with database.writing() as session:
        if accounts.found(session, name).disabled_at is not None:
            raise Conflict(f"the account {name} is disabled")
        role = by.role_for(Permission.ACCOUNT_CHANGE)
        return add(session, name, by.name, now, label=label, scope=scope, life=life, role=role)


def add(
    session: Session,
    name: str,
    by: str,
    now: datetime,
    *,
    label: str = "",
    scope: Collection[Permission] = (),
    life: timedelta = LONGEST_LIFE,
    role: str = "",
) -> str:
    """Make a token within a transaction."""
    token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        ApiToken(
            token_sha256=digest(token),
            account=name,
            label=label.strip()[:80],
            scope=" ".join(sorted(scope)),
            created_by=by,
            created_at=now,
            expires_at=now + life,
        )
    )
    note(session, Deed(by, "token.make", f"token of {name}", label.strip()[:80], role), now)
    return token


def digest(secret: str) -> str:
    """What is kept of 256 random bits: a plain hash is enough, since nobody can try them all."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


Later = Callable[[Callable[[], None]], None]
"""Does something that nobody should wait for."""


def at_once(what: Callable[[], None]) -> None:
    """Do it now after all."""
    what()


def person_of(database: Database, token: str, now: datetime, later: Later = at_once) -> Person:
    """Whose token it is, with what they may do by it now.

    Args:
        later: notes the use: no reader should wait for another writer.

    Raises:
        Unauthorised: nobody's, or it has ended; nobody learns which.
        Unavailable: the database does not answer.
    """
    with database.reading() as session:
        row = session.exec(
            select(ApiToken).where(ApiToken.token_sha256 == digest(token))
        ).one_or_none()
        if row is None or row.revoked_at is not None or row.expires_at <= now:
            raise unauthorised()
        scope = frozenset(map(Permission, row.scope.split())) or None
        person = accounts.person(session, row.account, scope=scope)
        used = session.get(TokenUse, row.id)
    if person is None:
        raise unauthorised()
    if row.id is not None and (used is None or used.used_at + USE_NOTED_EVERY <= now):
        later(partial(_note_use, database, row.id, now))
    return person


def _note_use(database: Database, number: int, now: datetime) -> None:
    with suppress(Unavailable), database.writing() as session:
        session.merge(TokenUse(token_id=number, used_at=now))


def unauthorised() -> Unauthorised:
    """The one refusal of whoever has not shown who they are."""
    return Unauthorised("not authorised", hint="send 'Authorization: Bearer <token>', or log in")


def revoke(database: Database, by: Person, number: int, now: datetime) -> TokenRecord:
    """End a token; it is refused from the next request on.

    Raises:
        NotFound: there is none, or it is somebody else's and this is no administrator.
        Conflict: it has ended already.
        Unavailable: the database does not answer.
    """
    with database.writing() as session:
        row = session.get(ApiToken, number)
        is_theirs = row is not None and row.account == by.name
        if row is None or not (is_theirs or by.may(Permission.ACCOUNT_CHANGE)):
            raise NotFound(f"there is no token {number}", hint="see 'hsp staff token list'")
        if row.revoked_at is not None:
            raise Conflict(f"token {number} was revoked by {row.revoked_by} already")
        row.revoked_by, row.revoked_at = by.name, now
        session.add(row)
        role = by.role_for(Permission.ACCOUNT_CHANGE)
        note(
            session,
            Deed(by.name, "token.revoke", f"token {number} of {row.account}", "", role),
            now,
        )
        return _record(session, row)


def listed(session: Session, name: str = "") -> list[TokenRecord]:
    """The tokens of somebody, or of everybody, oldest first, with those that have ended."""
    wanted = select(ApiToken).order_by(col(ApiToken.id))
    if name:
        wanted = wanted.where(ApiToken.account == name)
    return [_record(session, row) for row in session.exec(wanted).all()]


def _record(session: Session, row: ApiToken) -> TokenRecord:
    used = session.get(TokenUse, row.id)
    return TokenRecord(
        number=row.id or 0,
        account=row.account,
        label=row.label,
        scope=tuple(row.scope.split()),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=used.used_at if used else None,
        revoked_at=row.revoked_at,
    )
