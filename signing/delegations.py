"""Giving roles to people: the first root, and the delegations that targets makes.

Pure. Refuses every role that could never be signed, or that one person could sign alone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tuf.api.metadata import TOP_LEVEL_ROLE_NAMES, DelegatedRole, Key, Role, Root, Targets

from manifests.target_paths import rollouts_role
from signing.errors import AlreadyThere, UnfitRole
from signing.roles import (
    BREAKGLASS,
    HOTFIXES,
    LIFE_FIELD,
    PRODUCT,
    ROLLOUTS,
    ROOT,
    RULES,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Rule,
    delegations_of,
    person_of,
)


def fit(role: str, threshold: int, keys: Sequence[Key]) -> None:
    """Refuse a role that nobody could sign, or that one person could sign alone.

    Raises:
        UnfitRole: too few people for the threshold, or two keys of one person.
    """
    names = [person_of(key) for key in keys]
    if threshold < 1 or len(set(names)) < threshold:
        raise UnfitRole(f"{role} needs {threshold} different people, not {len(set(names))}")
    if threshold > 1 and len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UnfitRole(f"{role}: two keys of {twice} would let one person sign for two")
    if len({str(key.keyval) for key in keys}) < len(keys):
        raise UnfitRole(f"{role}: one key is listed under two names")


def new_root(
    officers: Sequence[Key],
    snapshot: Key,
    timestamp: Key,
    now: datetime,
    table: Mapping[str, Rule] = RULES,
) -> Root:
    """The first root of a repository."""
    root = Root(version=1, expires=now + table[ROOT].life, consistent_snapshot=True)
    holders = {ROOT: officers, TARGETS: officers, SNAPSHOT: [snapshot], TIMESTAMP: [timestamp]}
    for role in sorted(TOP_LEVEL_ROLE_NAMES):
        rule, keys = table[role], holders[role]
        fit(role, rule.threshold, keys)
        root.roles[role] = Role([key.keyid for key in keys], rule.threshold, _life(rule))
        root.keys.update({key.keyid: key for key in keys})
    return root


def delegate(targets: Targets, role: str, keys: Sequence[Key], rule: Rule) -> None:
    """Add one terminating delegation to ``targets``, which is changed; emergency lanes come first.

    Raises:
        AlreadyThere: the role exists.
        UnfitRole: see ``fit``.
    """
    delegations = delegations_of(targets)
    roles = dict(delegations.roles or {})
    if role in roles:
        raise AlreadyThere(f"the repository has a role {role!r} already")
    fit(role, rule.threshold, keys)
    paths = [path.format(product=role.removesuffix(".rollouts")) for path in rule.paths]
    keyids = [key.keyid for key in keys]
    roles[role] = DelegatedRole(
        role, keyids, rule.threshold, True, paths, unrecognized_fields=_life(rule)
    )
    lanes = [HOTFIXES, BREAKGLASS]
    ordered = sorted(roles, key=lambda name: lanes.index(name) if name in lanes else len(lanes))
    delegations.roles = {name: roles[name] for name in ordered}
    delegations.keys.update({key.keyid: key for key in keys})
    targets.delegations = delegations


def delegate_product(
    targets: Targets,
    product: str,
    people: Sequence[Key],
    online: Key,
    table: Mapping[str, Rule] = RULES,
) -> None:
    """Add a product's two roles: what may run, said by people; and when, said by the server."""
    delegate(targets, product, people, table[PRODUCT])
    delegate(targets, rollouts_role(product), [online], table[ROLLOUTS])


def _life(rule: Rule) -> dict[str, Any]:
    return {LIFE_FIELD: int(rule.life.total_seconds())}
