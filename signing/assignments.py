"""What changes when a person comes, goes, or gets another key: the roles, with their new holders.

Pure: read off the delegations as they are.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from tuf.api.metadata import TOP_LEVEL_ROLE_NAMES, Key

from signing.errors import AlreadyThere, UnknownRole
from signing.propose import Assignment
from signing.roles import ROOT, SERVER, TARGETS, delegations_of, person_of, row_of, signatories
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
        raise UnknownRole("the server's keys are rotated", hint="hsp drill planned-rotation")
    found = [
        each
        for each in holders(repository)
        if person in map(person_of, each.keys) and (not roles or each.role in roles)
    ]
    _all_known(roles, [each.role for each in found])
    if not found:
        raise UnknownRole(f"{person} holds no role", hint="hsp people lists who does")
    theirs = {key.keyid for each in found for key in each.keys if person_of(key) == person}
    return [_with_instead(each, _others(each, theirs), instead) for each in found]


def struck_off(
    repository: Repository, keyids: Collection[str], instead: Sequence[Key] = ()
) -> list[Assignment]:
    """Take keys from every role that lists one of them; ``instead`` come into their places."""
    found = [each for each in holders(repository) if not keyids_of(each).isdisjoint(keyids)]
    return [_with_instead(each, _others(each, keyids), instead) for each in found]


def replaced(repository: Repository, new: Sequence[Key]) -> list[Assignment]:
    """Give each of these people their new key wherever they hold another one.

    Raises:
        UnknownRole: one of them holds no role.
    """
    by_person = {person_of(key): key for key in new}
    changed, found = [], set[str]()
    for each in holders(repository):
        keys = tuple(by_person.get(person_of(key), key) for key in each.keys)
        if keys != tuple(each.keys):
            changed.append(replace(each, keys=keys))
        found.update(map(person_of, each.keys))
    missing = [person for person in by_person if person not in found]
    if missing:
        raise UnknownRole(f"{missing[0]} holds no role", hint="hsp people lists who does")
    return changed


def handed_over(repository: Repository, officers: Sequence[Key]) -> list[Assignment]:
    """Give root and targets to other officers, and strike the old ones off everywhere.

    Where an old officer holds a role below these, their own new key comes into its place.
    """
    tops = [each for each in holders(repository) if each.role in (ROOT, TARGETS)]
    old = set().union(*map(keyids_of, tops)) - {key.keyid for key in officers}
    changed = [replace(each, keys=tuple(officers)) for each in tops]
    for each in struck_off(repository, old):
        if each.role not in (ROOT, TARGETS):
            gone = {person_of(key) for key in each.keys if key.keyid in old}
            theirs = [key for key in officers if person_of(key) in gone]
            changed.append(_with_instead(each, _others(each, old), theirs))
    return changed


def keyids_of(held: Assignment) -> set[str]:
    """The keys of a role."""
    return {key.keyid for key in held.keys}


def _others(held: Assignment, keyids: Collection[str]) -> list[Key]:
    return [key for key in held.keys if key.keyid not in keyids]


def _with_instead(held: Assignment, staying: list[Key], instead: Sequence[Key]) -> Assignment:
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
        name = row_of(each.role)
        if name not in keys or name == TARGETS:
            continue
        old = [key for key in each.keys if key.keyid != keys[name].keyid] if beside else []
        changed.append(replace(each, keys=(*old, keys[name])))
    return changed


def _all_known(wanted: Sequence[str], found: Sequence[str]) -> None:
    missing = [role for role in wanted if role not in found]
    if missing:
        raise UnknownRole(f"there is no role {missing[0]!r} here", hint="hsp people lists them")
