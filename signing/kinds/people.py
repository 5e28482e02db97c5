"""The kinds of proposals that change who may sign, and those that only give more time."""

from collections.abc import Iterator

from tuf.api.metadata import TOP_LEVEL_ROLE_NAMES, Root, Targets

from signing import wording
from signing.delegations import reassign
from signing.errors import Tampered
from signing.kinds.guards import Meaning, only_roles, same_or_refused
from signing.proposal import Proposal
from signing.roles import (
    ROOT,
    SERVER,
    TARGETS,
    Signatories,
    delegations_of,
    signatories,
)

Delegator = Root | Targets


def people(proposal: Proposal) -> Meaning:
    """Other keys or thresholds for roles that exist, and those roles signed anew where need be."""
    if not proposal.base.roots:
        raise Tampered("people are changed in a repository that exists")
    changes: list[str] = []
    losses: list[str] = []
    for before, after, names in _delegators(proposal):
        _only_reassigns(before, after, names)
        for name in names:
            changes += _changes(signatories(before, name), signatories(after, name))
            losses += _losses(signatories(before, name), signatories(after, name))
    signed_anew = [role for role in proposal.metadata if role not in (ROOT, TARGETS)]
    for role in signed_anew:
        _only_lives_longer(proposal, role)
    if not changes:
        raise Tampered("it changes nobody; propose a renewal if something should only live longer")
    return Meaning(
        "who may sign",
        (*_stays(proposal), *(f"{role}: what it lists is signed anew" for role in signed_anew)),
        tuple(changes),
        tuple(dict.fromkeys(losses)) or ("nobody gains or loses a role",),
    )


def _delegators(proposal: Proposal) -> Iterator[tuple[Delegator, Delegator, tuple[str, ...]]]:
    """Each that changes: before, after, and the roles that it gives to people."""
    if ROOT in proposal.metadata:
        yield proposal.base.root, proposal.root, tuple(sorted(TOP_LEVEL_ROLE_NAMES))
    if TARGETS in proposal.metadata:
        after = proposal.after(TARGETS)
        yield proposal.base.targets, after, tuple(delegations_of(after).roles or {})


def _only_reassigns(before: Delegator, after: Delegator, names: tuple[str, ...]) -> None:
    expected = type(before).from_dict(before.to_dict())
    expected.version, expected.expires = after.version, after.expires
    expected.spec_version = after.spec_version
    for name in names:
        if isinstance(before, Targets) and name not in (delegations_of(before).roles or {}):
            raise Tampered(f"it adds the role {name}; a product is added by a proposal of its own")
        who = signatories(after, name)
        reassign(expected, name, who.keys, who.threshold)
    what = "root" if isinstance(after, Root) else "targets"
    same_or_refused(expected, after, f"{what} changes in more than who may sign")


def _changes(before: Signatories, after: Signatories) -> Iterator[str]:
    had, has = ({key.keyid: key for key in who.keys} for who in (before, after))
    for keyid in has.keys() - had.keys():
        yield f"{after.role}: ADDS {wording.fingerprint(has[keyid])}"
    for keyid in had.keys() - has.keys():
        yield f"{after.role}: REMOVES {wording.fingerprint(had[keyid])}"
    if before.threshold != after.threshold:
        yield f"{after.role}: needs {after.threshold} signatures instead of {before.threshold}"


def _losses(before: Signatories, after: Signatories) -> Iterator[str]:
    for person in before.people:
        if person not in after.people:
            yield f"{person} can sign nothing of {after.role} any more"
    for person in after.people:
        if person not in before.people and person != SERVER:
            yield f"{person} can sign {after.role}: {wording.people_of(after)}"


def _stays(proposal: Proposal) -> Iterator[str]:
    for _, after, names in _delegators(proposal):
        yield from (
            f"{name}: {wording.people_of(signatories(after, name))}"
            for name in names
            if not name.endswith(".rollouts")
        )


def renewal(proposal: Proposal) -> Meaning:
    """The same once more, with another date: what would expire lives on."""
    role = only_roles(proposal)[0]
    before, after = _only_lives_longer(proposal, role)
    return Meaning(
        f"more time for {role}",
        (f"{role} {after.version} says what {role} {before.version} says",),
        (f"moves its expiry from {before.expires:%Y-%m-%d} to {after.expires:%Y-%m-%d}",),
        (f"what {role} has signed stays valid until then; nothing new may run",),
    )


def _only_lives_longer(proposal: Proposal, role: str) -> tuple[Delegator, Delegator]:
    after = proposal.root if role == ROOT else proposal.after(role)
    before = proposal.base.root if role == ROOT else proposal.before(role)
    if before is None:
        raise Tampered(f"there is no {role} yet that could be renewed")
    expected = type(before).from_dict(before.to_dict())
    expected.version, expected.expires = after.version, after.expires
    expected.spec_version = after.spec_version
    same_or_refused(expected, after, f"{role} changes in more than its date")
    return before, after
