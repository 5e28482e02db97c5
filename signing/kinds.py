"""What can be proposed. Each kind reads a proposal, refuses it unless it changes exactly what that
kind may change, and says in words what it is and what it makes possible.

A new kind is one function and one entry of ``KINDS``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from tuf.api.metadata import Root, Targets

from manifests.errors import ManifestError
from manifests.release import Release
from manifests.target_paths import MANIFEST_NAME, Lane, role_of, rollouts_role
from signing import wording
from signing.delegations import delegate, fit
from signing.errors import Tampered
from signing.metadata import payload
from signing.proposal import Proposal
from signing.roles import (
    BREAKGLASS,
    HOTFIXES,
    ROOT,
    RULES,
    TARGETS,
    Rule,
    delegations_of,
    life_of,
    products,
    row_of,
    signatories,
)
from signing.update_repository import next_targets, target_file

REPOSITORY, PRODUCT = "repository", "product"
LANE_KINDS: Mapping[Lane, str] = {
    Lane.RELEASES: "release",
    Lane.HOTFIXES: "hotfix",
    Lane.BREAKGLASS: "breakglass",
}


@dataclass(frozen=True)
class Meaning:
    """What a proposal is, in words.

    Attributes:
        facts: what is in it.
        changes: what changes against the base.
        allows: what it makes possible once it is published.
        releases: the releases in it.
    """

    title: str
    facts: tuple[str, ...]
    changes: tuple[str, ...]
    allows: tuple[str, ...]
    releases: tuple[Release, ...] = ()


Kind = Callable[[Proposal], Meaning]


def meaning(proposal: Proposal) -> Meaning:
    """Read a proposal as the kind that it says it is.

    Raises:
        Tampered: it is of no known kind, or changes anything else than its kind may.
    """
    kind = KINDS.get(proposal.note.kind)
    if kind is None:
        raise Tampered(
            f"a proposal of the kind {proposal.note.kind!r}; known are {', '.join(KINDS)}",
            hint="upgrade this program if the proposal comes from a newer one",
        )
    return kind(proposal)


# --- the repository itself


def _repository(proposal: Proposal) -> Meaning:
    """Root and targets of a new repository."""
    _only_roles(proposal, ROOT, TARGETS)
    root, targets = proposal.root, proposal.after(TARGETS)
    if proposal.base.roots or targets.targets or not root.consistent_snapshot:
        raise Tampered("the first proposal of a repository has neither a past nor files")
    for role in root.roles:
        who = signatories(root, role)
        fit(role, who.threshold, who.keys)
    lanes = [role for role in delegations_of(targets).roles or {} if role in (HOTFIXES, BREAKGLASS)]
    _only_delegates(Targets(expires=targets.expires), targets, lanes)
    facts = (*_people(root, root.roles), *_people(targets, lanes))
    allows = ("these people say what may run at every site that will trust this repository",)
    return Meaning("a new repository", facts, ("there is nothing before it",), allows)


def _people(delegator: Root | Targets, roles: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        f"{role}: {wording.people_of(who)}; a version lives "
        f"{wording.span(life_of(delegator, role))}; "
        f"{', '.join(wording.fingerprint(key) for key in who.keys)}"
        for role in sorted(roles)
        for who in [signatories(delegator, role)]
    )


def _product(proposal: Proposal) -> Meaning:
    """Two delegations: what may run of a product, and when."""
    _only_roles(proposal, TARGETS)
    before, after = proposal.before(TARGETS), proposal.after(TARGETS)
    if before is None:
        raise Tampered("a product is added to a repository that exists")
    new = [name for name in products(after) if name not in products(before)]
    if len(new) != 1:
        raise Tampered(f"it adds {len(new)} products, and one is expected")
    name = new[0]
    roles = [name, rollouts_role(name)]
    _only_delegates(before, after, roles)
    return Meaning(
        f"the product {name}",
        _people(after, roles),
        (f"adds {name} to {wording.counted(products(before), 'product')}",),
        (
            f"{wording.people_of(signatories(after, name))} say what may run of {name}",
            f"the server's key says when, and can never say what may run of {name}",
        ),
    )


def _only_delegates(before: Targets, after: Targets, roles: list[str]) -> None:
    """Hold ``after`` to ``before`` with just these new roles, each as the role table has it."""
    expected = next_targets(before, after.version, after.expires)
    expected.spec_version = after.spec_version
    for role in roles:
        who = signatories(after, role)
        paths = RULES[row_of(role)].paths
        rule = Rule("", who.threshold, life_of(after, role), paths)
        delegate(expected, role, who.keys, rule)
    if payload(expected) != payload(after):
        raise Tampered("targets changes in more than the roles it should add")


# --- releases


def _release(proposal: Proposal, lane: Lane) -> Meaning:
    """One manifest and its artifacts, added to the role of its lane."""
    role = _only_roles(proposal)[0]
    release = _the_release(proposal, role, lane)
    _only_adds_files(proposal, role)
    before = proposal.before(role)
    releases = [path for path in before.targets if path.endswith(MANIFEST_NAME)] if before else []
    who = signatories(proposal.targets, role)
    return Meaning(
        f"{proposal.note.kind} {release.manifest.product} {release.manifest.version}",
        wording.release_facts(release),
        (
            f"adds one release to the {len(releases)} that {role} has; removes none, changes none",
            f"needs {wording.people_of(who)}",
        ),
        wording.lane_allows(release),
        (release,),
    )


def _the_release(proposal: Proposal, role: str, lane: Lane) -> Release:
    new = proposal.new_files(role)
    manifests = [path for path in new if path.rpartition("/")[2] == MANIFEST_NAME]
    if len(manifests) != 1:
        raise Tampered(f"{role} gets {len(manifests)} new manifests, and one is expected")
    release = _read_release(manifests[0], verified_file(proposal, role, manifests[0]))
    names = [MANIFEST_NAME, *(artifact.name for artifact in release.manifest.artifacts)]
    if set(new) != {str(release.path.sibling(name)) for name in names}:
        raise Tampered(f"{role} gets other files than {release.path} and its artifacts")
    if release.path.lane is not lane or role_of(release.path) != role:
        raise Tampered(f"{release.path} is not what {role} may sign as {proposal.note.kind}")
    if release.manifest.product not in products(proposal.targets):
        raise Tampered(f"the repository has no product {release.manifest.product}")
    return release


def _read_release(path: str, data: bytes) -> Release:
    try:
        release = Release.read(path, data)
    except ManifestError as error:
        raise Tampered(f"the manifest is not valid: {error.message}") from error
    if release.manifest.to_bytes() != data:
        raise Tampered(
            f"{path} says more than this program understands, so it cannot show all of it",
            hint="upgrade this program first",
        )
    return release


def verified_file(proposal: Proposal, role: str, path: str) -> bytes:
    """A small target of the proposal, compared with what the metadata says of it.

    Raises:
        Tampered: it is missing, or not what the metadata lists.
    """
    listed, file = proposal.after(role).targets[path], proposal.file(path)
    if not file.is_file() or file.stat().st_size != listed.length:
        raise Tampered(f"{file} is missing, or has another size than what is signed")
    data = file.read_bytes()
    if target_file(path, data) != listed:
        raise Tampered(f"{file} is not what is signed: its sha256 differs")
    return data


def _only_adds_files(proposal: Proposal, role: str) -> None:
    before, after = proposal.before(role), proposal.after(role)
    new = proposal.new_files(role).values()
    if before and any(file.path in before.targets for file in new):
        raise Tampered(f"{role} changes a file of a release that is published")
    expected = next_targets(before, after.version, after.expires, new)
    expected.spec_version = after.spec_version
    if payload(expected) != payload(after):
        raise Tampered(f"{role} changes in more than the files it should add")


def _only_roles(proposal: Proposal, *roles: str) -> list[str]:
    """The roles that a proposal changes: just ``roles``, or just one if none are named."""
    found = list(proposal.metadata)
    if (set(found) != set(roles)) if roles else len(found) != 1:
        raise Tampered(f"a {proposal.note.kind} does not change the roles {', '.join(found)}")
    return found


KINDS: Mapping[str, Kind] = {
    REPOSITORY: _repository,
    PRODUCT: _product,
    **{kind: partial(_release, lane=lane) for lane, kind in LANE_KINDS.items()},
}
