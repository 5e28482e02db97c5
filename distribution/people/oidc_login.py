"""Who the provider's people are to us: their names, and their groups as roles."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, delete, select

from distribution.audit import Deed, note
from distribution.database.sessions import Database
from distribution.errors import Invalid, Unauthorised
from distribution.people import accounts, oidc_tokens, sessions
from distribution.people.accounts import checked_name
from distribution.people.oidc import Begun, Provider
from distribution.people.roles import Role
from distribution.people.sessions import Opened
from distribution.people.tables import Account, PendingLogin
from distribution.people.tokens import digest

PENDING_LIFE = timedelta(minutes=10)


@dataclass(frozen=True)
class Mapped:
    """How claims become a person: which claim is the name, which lists groups, and their roles."""

    name_claim: str
    groups_claim: str
    roles: Mapping[str, Role]


def begin(
    database: Database, provider: Provider, browser: str, now: datetime, *, anew: bool = False
) -> Begun:
    """Begin a login.

    Args:
        browser: a random cookie of the browser, in which it has to end.
        anew: ask for the password again (a step up), even of somebody who is logged in there.

    Raises:
        Unavailable: the provider or the database does not answer.
    """
    begun = provider.begin(now, anew=anew)
    with database.writing() as session:
        session.exec(delete(PendingLogin).where(col(PendingLogin.created_at) < now - PENDING_LIFE))
        session.add(
            PendingLogin(
                state_sha256=digest(begun.state),
                browser_sha256=digest(browser),
                nonce=begun.nonce,
                verifier=begun.verifier,
                created_at=now,
            )
        )
    return begun


def finish(
    database: Database,
    provider: Provider,
    mapped: Mapped,
    browser: str,
    answer: Mapping[str, str],
    now: datetime,
) -> Opened:
    """End a login with what the browser brings back; a session if everything is right.

    Raises:
        Unauthorised: anything about it is wrong, or the person has no role here.
        Unavailable: the provider or the database does not answer.
    """
    pending = _take(database, browser, answer.get("state", ""), now)
    provider.check_answerer(answer.get("iss"), now)
    if "error" in answer or not answer.get("code"):
        raise oidc_tokens.refusal("it did not let this person in")
    claims = provider.finish(answer["code"], pending.nonce, pending.verifier, now)
    shown_at = oidc_tokens.moment(claims, "auth_time") if "auth_time" in claims else None
    roles = _roles(claims, mapped)
    subject = f"{claims['iss']} {claims['sub']}"
    with database.writing() as session:
        name = _account(session, subject, claims.get(mapped.name_claim), roles, now)
        sessions.forget_old(session, now)
        return sessions.open_one(
            session, name, now, how="the provider", roles=roles, shown_at=min(shown_at or now, now)
        )


def _take(database: Database, browser: str, state: str, now: datetime) -> PendingLogin:
    """What was kept of a login that began in this browser; it is gone then, so nothing works twice.

    A state that another browser brings is left alone: else anybody could end somebody's login.
    """
    with database.writing() as session:
        row = session.get(PendingLogin, digest(state))
        if row is None or row.browser_sha256 != digest(browser):
            raise oidc_tokens.refusal("this browser has begun no such login")
        session.delete(row)
    if row.created_at + PENDING_LIFE <= now:
        raise oidc_tokens.refusal("the login took too long")
    return row


def _roles(claims: Mapping[str, Any], mapped: Mapped) -> frozenset[Role]:
    groups = claims.get(mapped.groups_claim)
    listed = groups if isinstance(groups, list) else [groups]
    found = {mapped.roles[g] for g in listed if isinstance(g, str) and g in mapped.roles}
    return frozenset(found - {Role.CUSTOMER})


def _account(
    session: Session, subject: str, name: object, roles: frozenset[Role], now: datetime
) -> str:
    """The account of somebody whom the provider knows; made at the first login with a role."""
    known = session.exec(select(Account).where(Account.subject == subject)).one_or_none()
    if known is None:
        known = _new_account(session, subject, name, roles, now)
    person = accounts.person(session, known.name, mapped=roles)
    if person is None or not person.roles:
        raise Unauthorised("you have no role here", hint="ask a security administrator")
    return known.name


def _new_account(
    session: Session, subject: str, name: object, roles: frozenset[Role], now: datetime
) -> Account:
    try:
        wanted = checked_name(str(name))
    except Invalid as error:
        raise oidc_tokens.refusal("its name for this person is none that people have here") from (
            error
        )
    if session.get(Account, wanted) is not None:
        # Else whoever may choose their name at the provider would be anybody here.
        raise Unauthorised(
            f"there is an account {wanted} here that is not the provider's",
            hint="a security administrator may tie it: hsp staff tie NAME --subject SUBJECT",
        )
    if not roles:
        raise Unauthorised("you have no role here", hint="ask a security administrator")
    account = Account(name=wanted, subject=subject, created_by="the provider", created_at=now)
    session.add(account)
    note(session, Deed("the provider", "account.add", f"account {wanted}", subject), now)
    return account
