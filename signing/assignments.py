"""What changes when a person comes, goes, or gets another key: the roles, with their new holders.

Pure: read off the delegations as they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tuf.api.metadata import TOP_LEVEL_ROLE_NAMES, Key

from signing.errors import AlreadyThere, UnknownRole
from signing.propose import Assignment
from signing.roles import SERVER, TARGETS, delegations_of, person_of, signatories
from signing.update_repository import Repository


def holders(repository: Repository) -> Iterator[Assignment]:
    """Every role with its keys and its threshold, the four of the root first."""
    delegated = delegations_of(repository.targets).roles or {}
    for role in (*sorted(TOP_LEVEL_ROLE_NAMES), *delegated):
        who = signatories(repository.delegator(role), role)
        yield Assignment(role, who.keys, who.threshold)


def added(repository: Repository, key: Key, roles: Sequence[str]) -> list[Assignment]:
    """Give roles to one more person.

    Raises:
        UnknownRole: there is no such role.
        AlreadyThere: that person holds one of them already.
    """
    found = [each for each in holders(repository) if each.role in roles]
    _all_known(roles, [each.role for each in found])
    for each in found:
        if person_of(key) in map(person_of, each.keys):
            raise AlreadyThere(
                f"{person_of(key)} holds {each.role} already",
                hint="to give them another key: hsp people replace",
            )
    return [replace(each, keys=(*each.keys, key)) for each in found]


def revoked(
    repository: Repository, person: str, roles: Sequence[str] = (), instead: Sequence[Key] = ()
) -> list[Assignment]:
    """Take roles from a person: all that they hold, or these.

    Args:
        instead: who takes their place; they may be the same person with another key.

    Raises:
        UnknownRole: the person holds none of them.
    """
    if person == SERVER:
        raise UnknownRole("the server's keys are rotated", hint="hsp rotate")
    found = [
        each
        for each in holders(repository)
        if person in map(person_of, each.keys) and (not roles or each.role in roles)
    ]
    _all_known(roles, [each.role for each in found])
    if not found:
        raise UnknownRole(f"{person} holds no role", hint="hsp people lists who does")
    return [_without(each, person, instead) for each in found]


def _without(held: Assignment, person: str, instead: Sequence[Key]) -> Assignment:
    staying = [key for key in held.keys if person_of(key) != person]
    known = {key.keyid for key in staying}
    new = [key for key in instead if key.keyid not in known]
    return replace(held, keys=(*staying, *new))


def of_the_server(
    repository: Repository, keys: Mapping[str, Key], *, beside: bool
) -> list[Assignment]:
    """Give the server's roles to its next keys.

    Args:
        keys: the next ones, by ``snapshot``, ``timestamp`` and ``rollouts``.
        beside: the present ones keep them as well; else they lose them.
    """
    changed = []
    for each in holders(repository):
        name = "rollouts" if each.role.endswith(".rollouts") else each.role
        if name not in keys or name == TARGETS:
            continue
        old = [key for key in each.keys if key.keyid != keys[name].keyid] if beside else []
        changed.append(replace(each, keys=(*old, keys[name])))
    return changed


def _all_known(wanted: Sequence[str], found: Sequence[str]) -> None:
    missing = [role for role in wanted if role not in found]
    if missing:
        raise UnknownRole(f"there is no role {missing[0]!r} here", hint="hsp people lists them")
