"""Who gives a command: an account of this server, with a role that allows it.

Whoever can run ``hsp`` on the server's machine can read and write its files, so this is no wall
against them: it keeps people from mistakes, and the record says who it was. The wall is the
signatures, and the API for everybody who is not at this machine.
"""

from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.errors import NotAllowed
from distribution.people import accounts
from distribution.people.roles import Permission, Person


def acting(database: Database, by: str, permission: Permission) -> Person:
    """The person who says so.

    Raises:
        NotAllowed: there is no such person, or no role of theirs allows it.
        Unavailable: the database does not answer.
    """
    person = somebody(database, by)
    person.require(permission)
    return person


def somebody(database: Database, by: str) -> Person:
    """The person of this name.

    Raises:
        NotAllowed: there is none, or they are disabled.
        Unavailable: the database does not answer.
    """
    with database.reading() as session:
        person = accounts.person(session, by)
    if person is None:
        raise NotAllowed(
            f"there is no account {by[:80]!r} here",
            hint="say who you are with --by; 'hsp staff list' shows who there is",
        )
    return person


def word(database: Database, by: str, permission: Permission, reason: str) -> Word:
    """What somebody says who may, with their role.

    Raises:
        NotAllowed: see ``acting``.
        Unavailable: the database does not answer.
    """
    return Word(by, reason, acting(database, by, permission).role_for(permission))


def lifter(database: Database, by: str, reason: str) -> tuple[Word, bool]:
    """The word of somebody who takes a hold away, and whether also one that others put on.

    Raises:
        NotAllowed: see ``acting``.
        Unavailable: the database does not answer.
    """
    person = acting(database, by, Permission.HOLD_TAKE_OFF)
    may_lift = person.may(Permission.HOLD_LIFT)
    permission = Permission.HOLD_LIFT if may_lift else Permission.HOLD_TAKE_OFF
    return Word(by, reason, person.role_for(permission)), may_lift
