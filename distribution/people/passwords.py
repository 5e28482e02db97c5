"""Passwords of local accounts: argon2id, long, and not what everybody tries first.

The rules follow NIST SP 800-63B: length counts, composition does not, and what is easily guessed
is refused. A wrong password and an unknown name take the same time and get the same answer.
"""

import re
import threading
import unicodedata
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlmodel import Session

from distribution.audit import Deed, note
from distribution.database.sessions import Database
from distribution.errors import Conflict, Invalid, NotAllowed, Unavailable
from distribution.people import accounts
from distribution.people.accounts import found
from distribution.people.roles import Permission, Person
from distribution.people.tables import Password

SHORTEST = 12
LONGEST = 200
"""Characters; argon2 hashes any length, but nobody should make it hash a book."""

_FEWEST_CHARACTERS = 5
_WEAK = re.compile(
    r"passwor[dt]|qwert[yz]|asdfgh|letmein|welcome|iloveyou|admin|"
    r"12345|54321|abcdef|selamat|rahasia|bismillah|indonesia|hunter2"
)
_FILLER = 6
"""What is left of a password without its guessable parts has at least so many characters."""

_hasher = PasswordHasher()
_turns = threading.BoundedSemaphore(4)
"""Each hash takes 64 MiB: a crowd of strangers must not take all of the memory."""
_TURN_SECONDS = 2
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$"
    "P3n9JRmgllDNJjfVKZrljg$Ox1Z8KuBj+E4ox8D1xR31ra/+oUvkUI67Ks17knVC8Y"
)
"""Verified for those who have none, so that they take as long as everybody: the hash of some
password, by this hasher. Written down, since making it takes longer than most commands."""


def check_rules(name: str, password: str) -> None:
    """Return if somebody of this name may take this password.

    Raises:
        Invalid: too short, too long, or easily guessed.
    """
    if len(password) < SHORTEST:
        raise Invalid(
            f"a password has {SHORTEST} characters or more", hint="four unrelated words are good"
        )
    if len(password) > LONGEST:
        raise Invalid(f"a password has at most {LONGEST} characters")
    plain = unicodedata.normalize("NFKC", password).lower()
    rest = _WEAK.sub("", plain)
    for part in re.split(r"[._-]", name):
        rest = rest.replace(part, "") if len(part) > 2 else rest
    rest = re.sub(r"(.)\1{2,}", r"\1", rest)
    if len(rest) < _FILLER or len(set(plain)) < _FEWEST_CHARACTERS:
        raise Invalid(
            "this password is easily guessed",
            hint="not the own name, not a row of keys, not one word: four unrelated words are good",
        )


def put(database: Database, by: Person, name: str, password: str, now: datetime) -> None:
    """Give somebody a new password; their sessions and tokens end.

    Raises:
        NotAllowed: it is another person's, and this is no administrator.
        Conflict: the account is disabled, or its people log in at the provider.
        NotFound: there is no such account.
        Invalid: see ``check_rules``.
        Unavailable: the database does not answer.
    """
    if name != by.name and not by.may(Permission.ACCOUNT_CHANGE):
        raise NotAllowed(f"{by.name} may not set the password of {name}")
    check_rules(name, password)
    hashed = _hasher.hash(_normal(password))
    with database.writing() as session:
        account = found(session, name)
        if account.disabled_at is not None:
            raise Conflict(f"the account {name} is disabled")
        if account.subject:
            raise Conflict(f"{name} logs in at the provider and has no password here")
        session.merge(Password(account=name, hash=hashed, set_at=now))
        accounts.end_credentials(session, name, by.name, now)
        role = by.role_for(Permission.ACCOUNT_CHANGE)
        note(session, Deed(by.name, "account.password", f"account {name}", "", role), now)


def is_right(session: Session, name: str, password: str) -> bool:
    """Whether it is this person's password; as slow for an unknown name as for a known one.

    Raises:
        Unavailable: too many are being verified.
    """
    known = session.get(Password, name)
    if not _turns.acquire(timeout=_TURN_SECONDS):
        raise Unavailable("too many people log in at this moment", hint="try again in a moment")
    try:
        _hasher.verify(known.hash if known else _NOBODY, _normal(password[: LONGEST + 1]))
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _turns.release()
    return known is not None


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)
