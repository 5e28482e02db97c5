"""Who may say what: the role table as data, people and their keys, and the delegations they make.

Pure. A person is not a key: a key carries its person's name inside the signed key object, so a
threshold is counted in people, offline and by everybody. TUF clients count keys, therefore a role
with a threshold above one never lists two keys of one person.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature, SSlibKey
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Key,
    Role,
    Root,
    Targets,
)

from manifests.target_paths import Lane
from signing.canonical import canonical
from signing.errors import Tampered, UnfitRole, UnknownRole

PERSON_FIELD = "x-hsp-person"
LIFE_FIELD = "x-hsp-life-seconds"
VENDOR_FIELD = "x-hsp-vendor"
SERVER = "server"
"""The person whose keys are online."""

ROOT, TARGETS, SNAPSHOT, TIMESTAMP = "root", "targets", "snapshot", "timestamp"
HOTFIXES, BREAKGLASS = Lane.HOTFIXES.value, Lane.BREAKGLASS.value
PRODUCT, ROLLOUTS = "product", "rollouts"
"""Kinds of roles of which every product has one; rows of the table, not names of roles."""
BY_THE_SERVER = (TIMESTAMP, SNAPSHOT, ROLLOUTS)
"""The rows that the server signs by itself."""

ACCEPTED_SCHEMES = {"ed25519": "ed25519", "ecdsa": "ecdsa-sha2-nistp256"}
PERSON = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Rule:
    """A row of the role table.

    Attributes:
        who: the people who sign it, in words.
        threshold: how many different people must.
        life: until a version expires.
        paths: what it may sign, ``{product}`` is filled in.
    """

    who: str
    threshold: int
    life: timedelta
    paths: tuple[str, ...] = ()


_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

RULES: Mapping[str, Rule] = {
    ROOT: Rule("officers", 2, 365 * _DAY),
    TARGETS: Rule("officers", 2, 180 * _DAY),
    HOTFIXES: Rule("L3 engineers on call", 2, 30 * _DAY, ("hotfixes/*/*/*",)),
    BREAKGLASS: Rule("L3 engineers on call", 1, 30 * _DAY, ("breakglass/*/*/*",)),
    PRODUCT: Rule("an author and an approver", 2, 90 * _DAY, ("releases/{product}/*/*",)),
    ROLLOUTS: Rule("the server", 1, 7 * _DAY, ("rollouts/{product}/*", "deltas/{product}/*")),
    SNAPSHOT: Rule("the server", 1, 7 * _DAY),
    TIMESTAMP: Rule("the server", 1, 6 * _HOUR),
}
"""The defaults. What a repository really uses is signed by its officers in root and targets."""


def rules(
    thresholds: Mapping[str, int] | None = None, lives: Mapping[str, timedelta] | None = None
) -> Mapping[str, Rule]:
    """The table with an operator's own numbers.

    Raises:
        UnknownRole: a name that is no row of the table.
    """
    changed = dict(RULES)
    for name in [*(thresholds or {}), *(lives or {})]:
        if name not in RULES:
            raise UnknownRole(f"{name!r} is not one of the roles {', '.join(RULES)}")
    for name, threshold in (thresholds or {}).items():
        changed[name] = replace(changed[name], threshold=threshold)
    for name, life in (lives or {}).items():
        changed[name] = replace(changed[name], life=life)
    return changed


def row_of(role: str) -> str:
    """The row of the table that a role belongs to."""
    if role in RULES and role not in (PRODUCT, ROLLOUTS):
        return role
    return ROLLOUTS if role.endswith(".rollouts") else PRODUCT


# --- people and keys


def key_of_person(key: SSlibKey, person: str) -> SSlibKey:
    """``key`` with its owner's name inside, under the keyid that follows from both.

    Raises:
        UnfitRole: not a name, or a kind of key that we do not accept.
    """
    if not PERSON.fullmatch(person):
        raise UnfitRole(f"{person!r} is not a name such as 'ani' (lower case, no spaces)")
    if ACCEPTED_SCHEMES.get(key.keytype) != key.scheme:
        raise UnfitRole(f"a key of {key.keytype}/{key.scheme} is not accepted, use Ed25519")
    plain = {
        "keytype": key.keytype,
        "scheme": key.scheme,
        "keyval": key.keyval,
        PERSON_FIELD: person,
    }
    return SSlibKey.from_dict(keyid_of(plain), plain)


def keyid_of(plain: dict[str, Any]) -> str:
    """The keyid of a key object: the sha256 of its canonical JSON, as strict clients want it."""
    return hashlib.sha256(canonical(plain)).hexdigest()


def person_of(key: Key) -> str:
    """Whose key it is.

    Raises:
        Tampered: the key says nobody's, or its keyid does not follow from it.
    """
    person = key.unrecognized_fields.get(PERSON_FIELD)
    named = isinstance(person, str) and PERSON.fullmatch(person)
    if not named or keyid_of(key.to_dict()) != key.keyid:
        raise Tampered(f"the key {key.keyid[:12]} does not say whose it is, or has a wrong keyid")
    return str(person)


# --- who may sign


@dataclass(frozen=True)
class Signatories:
    """The people who may sign a role, and how many of them must."""

    role: str
    threshold: int
    keys: tuple[Key, ...]

    @property
    def people(self) -> tuple[str, ...]:
        """Their names, each once."""
        return tuple(dict.fromkeys(person_of(key) for key in self.keys))

    def who_signed(self, payload: bytes, signatures: Mapping[str, Signature]) -> tuple[str, ...]:
        """The people whose valid signatures there are, each once.

        Raises:
            Tampered: a signature in one of these keys' names is not by it.
        """
        signed = []
        for key in self.keys:
            if key.keyid not in signatures:
                continue
            try:
                key.verify_signature(signatures[key.keyid], payload)
            except UnverifiedSignatureError as error:
                whose = f"the signature of {person_of(key)} on {self.role}"
                raise Tampered(f"{whose} is not of these contents") from error
            signed.append(person_of(key))
        return tuple(dict.fromkeys(signed))


def signatories(delegator: Root | Targets, role: str) -> Signatories:
    """Who may sign ``role``, as its delegator says.

    Raises:
        UnknownRole: the delegator knows no such role.
    """
    found = role_in(delegator, role)
    known = delegator.keys if isinstance(delegator, Root) else delegations_of(delegator).keys
    keys = tuple(known[keyid] for keyid in found.keyids if keyid in known)
    return Signatories(role, found.threshold, keys)


def life_of(delegator: Root | Targets, role: str) -> timedelta:
    """How long a version of ``role`` lives, as the officers signed it."""
    seconds = role_in(delegator, role).unrecognized_fields.get(LIFE_FIELD)
    return timedelta(seconds=seconds) if isinstance(seconds, int) else RULES[row_of(role)].life


def vendor_in(person: str) -> str:
    """The vendor that a person signs for; empty for our own people.

    A vendor's people are named after it, ``acme.lena``; nobody else has a dot in their name.
    """
    vendor, dot, _ = person.partition(".")
    return vendor if dot else ""


def vendor_of(targets: Targets, role: str) -> str:
    """The vendor whose product a role is; empty for a product of ours."""
    return str(role_in(targets, role).unrecognized_fields.get(VENDOR_FIELD, ""))


def products(targets: Targets) -> list[str]:
    """The products that have a role, in the order they were added."""
    names = delegations_of(targets).roles or {}
    return [name for name in names if row_of(name) == PRODUCT]


def role_in(delegator: Root | Targets, role: str) -> Role:
    """A role as its delegator describes it.

    Raises:
        UnknownRole: the delegator knows no such role.
    """
    found: Mapping[str, Role] = (
        delegator.roles if isinstance(delegator, Root) else delegations_of(delegator).roles or {}
    )
    if role not in found:
        raise UnknownRole(
            f"the repository has no role {role!r}",
            hint="officers add it by a proposal (hsp product add)",
        )
    return found[role]


def delegations_of(targets: Targets) -> Delegations:
    """The delegations that ``targets`` makes; empty ones if it makes none."""
    return targets.delegations or Delegations({}, {})


def covers(targets: Targets, role: str, paths: Iterable[str]) -> bool:
    """Whether ``role`` may sign all of ``paths``."""
    found = role_in(targets, role)
    return isinstance(found, DelegatedRole) and all(found.is_delegated_path(p) for p in paths)
