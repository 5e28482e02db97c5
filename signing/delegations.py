"""Giving roles to people: the first root, and the delegations that targets makes.

Pure. Refuses every role that could never be signed, or that one person could sign alone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tuf.api.metadata import TOP_LEVEL_ROLE_NAMES, DelegatedRole, Key, Role, Root, Targets

from manifests.target_paths import rollouts_role
from signing.build_policy import NOTHING, BuildPolicy, as_field
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
    VENDOR_FIELD,
    Rule,
    delegations_of,
    person_of,
    role_in,
    vendor_in,
    vendor_of,
)


def fit(role: str, threshold: int, keys: Sequence[Key], vendor: str = "") -> None:
    """Refuse a role that nobody could sign, or that one person or one side could sign alone.

    Args:
        vendor: the name of the vendor whose product it is; empty for a role of our own.

    Raises:
        UnfitRole: too few people for the threshold, two keys of one person, a vendor's key in
            another's role, or a threshold that a vendor or we could reach without the other.
    """
    names = [person_of(key) for key in keys]
    if threshold < 1 or len(set(names)) < threshold:
        raise UnfitRole(f"{role} needs {threshold} different people, not {len(set(names))}")
    if threshold > 1 and len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UnfitRole(f"{role}: two keys of {twice} would let one person sign for two")
    if len({str(key.keyval) for key in keys}) < len(keys):
        raise UnfitRole(f"{role}: one key is listed under two names")
    _fit_vendor(role, vendor, threshold, set(names))


def _fit_vendor(role: str, vendor: str, threshold: int, people: set[str]) -> None:
    """With so many signatures that neither side has enough people, each can hold a release back."""
    strangers = sorted(p for p in people if vendor_in(p) not in ("", vendor))
    if strangers:
        raise UnfitRole(f"{role}: {strangers[0]} signs for a vendor, and only for its products")
    if not vendor:
        return
    theirs = sum(vendor_in(person) == vendor for person in people)
    ours = len(people) - theirs
    if not theirs or not ours or threshold <= max(theirs, ours):
        raise UnfitRole(
            f"{role} has {theirs} people of {vendor} and {ours} of ours, and needs {threshold} "
            "signatures: one side could do without the other",
            hint=f"name people of both, and a threshold above {max(theirs, ours)}",
        )


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


def delegate(
    targets: Targets,
    role: str,
    keys: Sequence[Key],
    rule: Rule,
    vendor: str = "",
    policy: BuildPolicy = NOTHING,
) -> None:
    """Add one terminating delegation to ``targets``, which is changed; emergency lanes come first.

    Raises:
        AlreadyThere: the role exists.
        UnfitRole: see ``fit``.
    """
    delegations = delegations_of(targets)
    roles = dict(delegations.roles or {})
    if role in roles:
        raise AlreadyThere(f"the repository has a role {role!r} already")
    fit(role, rule.threshold, keys, vendor)
    paths = [path.format(product=role.removesuffix(".rollouts")) for path in rule.paths]
    keyids = [key.keyid for key in keys]
    fields = _life(rule) | ({VENDOR_FIELD: vendor} if vendor else {}) | as_field(policy)
    roles[role] = DelegatedRole(
        role, keyids, rule.threshold, True, paths, unrecognized_fields=fields
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
    vendor: str = "",
    policy: BuildPolicy = NOTHING,
) -> None:
    """Add a product's two roles: what may run, said by people; and when, said by the server."""
    delegate(targets, product, people, table[PRODUCT], vendor, policy)
    delegate(targets, rollouts_role(product), [online], table[ROLLOUTS])


def reassign(delegator: Root | Targets, role: str, keys: Sequence[Key], threshold: int) -> None:
    """Give a role that exists to other keys, in ``delegator``, which is changed.

    Keys that no role has any more are forgotten.

    Raises:
        UnknownRole: there is no such role.
        UnfitRole: see ``fit``.
    """
    found = role_in(delegator, role)
    vendor = vendor_of(delegator, role) if isinstance(delegator, Targets) else ""
    fit(role, threshold, keys, vendor)
    found.keyids, found.threshold = [key.keyid for key in keys], threshold
    known, roles = _assigned(delegator)
    known.update({key.keyid: key for key in keys})
    used = {keyid for each in roles for keyid in each.keyids}
    for keyid in known.keys() - used:
        del known[keyid]


def _assigned(delegator: Root | Targets) -> tuple[dict[str, Key], list[Role]]:
    """The keys and the roles that a delegator names."""
    if isinstance(delegator, Root):
        return delegator.keys, list(delegator.roles.values())
    delegations = delegations_of(delegator)
    return delegations.keys, list((delegations.roles or {}).values())


def _life(rule: Rule) -> dict[str, Any]:
    return {LIFE_FIELD: int(rule.life.total_seconds())}
