"""Making proposals: one function for each kind, all with the same shape.

Each reads the repository as it is now, builds the next version of the roles it changes, and writes
the folder in which the ceremony goes on. Nothing in the repository changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from tuf.api.metadata import Key, Root, TargetFile, Targets

from manifests.documents import validated
from manifests.release import Release, ReleaseManifest
from manifests.target_paths import (
    MANIFEST_NAME,
    Lane,
    ProductName,
    ReleasePath,
    manifest_path,
    role_of,
)
from manifests.withdrawal import Withdrawal, withdrawal_of, withdrawn_file
from signing.build_policy import NOTHING, BuildPolicy, set_policy
from signing.contents import check_release
from signing.delegations import delegate, delegate_product, new_root, reassign
from signing.draft import Draft as Draft
from signing.draft import write_draft
from signing.errors import AlreadyThere, NotStored, UnfitRole, UnknownRole
from signing.kinds import (
    BUILDS,
    LANE_KINDS,
    PEOPLE,
    PRODUCT,
    RENEWAL,
    REPOSITORY,
    WITHDRAWAL,
)
from signing.metadata import payload
from signing.proposal import Proposal
from signing.proposal_base import Base
from signing.published import (
    releases,
    require_new_version,
    require_newest_targets,
    require_product,
)
from signing.roles import (
    BREAKGLASS,
    HOTFIXES,
    ROLLOUTS,
    ROOT,
    RULES,
    TARGETS,
    Rule,
    life_of,
    products,
    row_of,
    signatories,
)
from signing.update_repository import Repository, copied, next_targets, target_file


@dataclass(frozen=True)
class Founders:
    """The keys that a new repository starts with."""

    officers: Sequence[Key]
    snapshot: Key
    timestamp: Key
    hotfixes: Sequence[Key] = ()
    breakglass: Sequence[Key] = ()


def repository(founders: Founders, draft: Draft, table: Mapping[str, Rule] = RULES) -> Proposal:
    """Propose a new repository: its root and its targets.

    Raises:
        UnfitRole: a role that its people could never sign, or one person alone.
        SigningError: the folder cannot be written.
    """
    root = new_root(founders.officers, founders.snapshot, founders.timestamp, draft.now, table)
    targets = Targets(version=1, expires=draft.now + table[TARGETS].life)
    for role, keys in ((HOTFIXES, founders.hotfixes), (BREAKGLASS, founders.breakglass)):
        if keys:
            delegate(targets, role, keys, table[role])
    return write_draft(draft, REPOSITORY, Base.verified({}), {ROOT: root, TARGETS: targets})


def product(
    repository: Repository,
    name: str,
    people: Sequence[Key],
    online: Key,
    draft: Draft,
    table: Mapping[str, Rule] = RULES,
    vendor: str = "",
    policy: BuildPolicy = NOTHING,
) -> Proposal:
    """Propose a product: ``people`` say what may run of it, ``online`` says when.

    Args:
        vendor: the third party whose people are among ``people``, if it is theirs.
        policy: what its releases must carry.

    Raises:
        AlreadyThere: there is such a product.
        UnfitRole: too few different people, or a name that no product may have.
    """
    _check_product_name(name)
    if name in products(repository.targets):
        raise AlreadyThere(f"the repository has a product {name} already")
    before = repository.targets
    expires = draft.now + life_of(repository.root, TARGETS)
    targets = next_targets(before, before.version + 1, expires)
    delegate_product(targets, name, people, online, table, vendor, policy)
    return write_draft(draft, PRODUCT, Base.of(repository), {TARGETS: targets})


def builds(repository: Repository, product: str, policy: BuildPolicy, draft: Draft) -> Proposal:
    """Propose what a product's releases must carry from now on.

    Raises:
        UnknownRole: there is no such product.
        Tampered: it asks for just that already.
    """
    require_product(repository, product)
    targets = _next_targets(repository, TARGETS, draft)
    set_policy(targets, product, policy)
    return write_draft(draft, BUILDS, Base.of(repository), {TARGETS: targets})


def release(repository: Repository, built: Path, lane: Lane, draft: Draft) -> Proposal:
    """Propose the release that ``hsp release build`` wrote into ``built``.

    Raises:
        UnknownRole: no such product, or nobody has the lane's keys.
        AlreadyThere: the version is published.
        ManifestError: the manifest does not fit the lane.
        Tampered: an artifact is not what the manifest says.
        UnfitEvidence: its provenance or SBOM is not what the officers ask for.
    """
    ready = _built_release(built, lane)
    manifest = ready.manifest
    require_product(repository, manifest.product)
    require_new_version(repository, manifest.product, manifest.version)
    check_release(built, ready)
    files = {str(ready.path.sibling(name)): built / name for name in manifest.file_names}
    role = role_of(ready.path)
    expires = draft.now + life_of(repository.targets, role)
    before = repository.role(role)
    listed = [target_file(path, content) for path, content in files.items()]
    version = repository.version(role) + 1
    targets = next_targets(before.signed if before else None, version, expires, listed)
    return write_draft(draft, LANE_KINDS[lane], Base.of(repository, role), {role: targets}, files)


@dataclass(frozen=True)
class Assignment:
    """Who holds a role from now on, and how many of them must sign."""

    role: str
    keys: Sequence[Key]
    threshold: int


def people(repository: Repository, assignments: Sequence[Assignment], draft: Draft) -> Proposal:
    """Propose other people for roles that exist.

    What the old people have signed and the new ones have not is signed anew in the same proposal,
    so that no client ever finds it signed by strangers: targets where the officers change (by the
    old ones and the new ones), a product where its engineers change.

    Raises:
        UnknownRole: the repository has no such role.
        UnfitRole: a role that its people could never sign, or one side alone.
        Tampered: the officers have signed a newer targets than is listed.
    """
    require_newest_targets(repository)
    top = [each for each in assignments if each.role in repository.root.roles]
    below = [each for each in assignments if each not in top]
    roles: dict[str, Root | Targets] = {}
    if below or any(each.role == TARGETS for each in top):
        roles[TARGETS] = _next_targets(repository, TARGETS, draft)
    if top:
        roles[ROOT] = _next_root(repository, draft)
    for each in assignments:
        delegator = roles[ROOT if each in top else TARGETS]
        reassign(delegator, each.role, each.keys, each.threshold)
        by_people = row_of(each.role) != ROLLOUTS  # the server signs its own by itself
        if each in below and by_people and not _still_holds(repository, delegator, each.role):
            roles[each.role] = _next_targets(repository, each.role, draft)
    return write_draft(draft, PEOPLE, Base.of(repository, *roles), roles)


def _still_holds(repository: Repository, delegator: Root | Targets, role: str) -> bool:
    """Whether a role's current version is signed well enough for a new delegator."""
    metadata, wanted = repository.role(role), signatories(delegator, role)
    if metadata is None:
        return True
    signed = wanted.who_signed(payload(metadata.signed), metadata.signatures)
    return len(signed) >= wanted.threshold


def renewal(repository: Repository, role: str, draft: Draft) -> Proposal:
    """Propose the same once more, so that it does not expire.

    Raises:
        UnknownRole: there is no such role, or nothing was ever signed for it.
    """
    if role == ROOT:
        return write_draft(
            draft, RENEWAL, Base.of(repository), {ROOT: _next_root(repository, draft)}
        )
    after = _next_targets(repository, role, draft)
    return write_draft(draft, RENEWAL, Base.of(repository, role), {role: after})


def _next_targets(repository: Repository, role: str, draft: Draft) -> Targets:
    """The next version of a role that says what the current one says."""
    before = repository.role(role)
    if before is None:
        raise UnknownRole(f"nothing was ever signed for {role}, so nothing of it expires")
    life = life_of(repository.delegator(role), role)
    return next_targets(before.signed, before.signed.version + 1, draft.now + life)


def _next_root(repository: Repository, draft: Draft) -> Root:
    root = copied(repository.root)
    root.version, root.expires = root.version + 1, draft.now + life_of(repository.root, ROOT)
    return root


def withdrawal(
    repository: Repository, product: str, version: str, reason: str, draft: Draft
) -> Proposal:
    """Propose that a published release runs nowhere else.

    Raises:
        UnknownRole: no such product.
        NotStored: no such release.
        AlreadyThere: it is withdrawn already.
        ManifestError: the reason is empty or too long.
    """
    path, listed = _published(repository, product, version)
    if withdrawal_of(listed) is not None:
        raise AlreadyThere(f"{path} is withdrawn already")
    said = validated(Withdrawal, {"reason": reason, "at": draft.now}, strict=True)
    role = role_of(path)
    expires = draft.now + life_of(repository.targets, role)
    before = repository.role(role)
    after = next_targets(
        before.signed if before else None,
        repository.version(role) + 1,
        expires,
        [withdrawn_file(listed, said)],
    )
    return write_draft(draft, WITHDRAWAL, Base.of(repository, role), {role: after})


def _published(
    repository: Repository, product: str, version: str
) -> tuple[ReleasePath, TargetFile]:
    for path, listed in releases(repository, product):
        if path.version == version:
            return path, listed
    raise NotStored(f"{product} {version} is not published", hint=f"hsp release list {product}")


def _built_release(built: Path, lane: Lane) -> Release:
    file = built / MANIFEST_NAME
    try:
        data = file.read_bytes()
    except OSError as error:
        hint = "name the folder that hsp release build wrote"
        raise NotStored(f"{file} cannot be read: {error.strerror}", hint=hint) from error
    manifest = ReleaseManifest.from_bytes(data)
    path = ReleasePath.parse(manifest_path(lane, manifest.product, manifest.version))
    ready = Release(path, manifest)
    ready.check()
    return ready


def _check_product_name(name: str) -> None:
    try:
        TypeAdapter(ProductName).validate_python(name)
    except ValidationError as error:
        raise UnfitRole(
            f"{name!r} cannot be the name of a product",
            hint="lower case letters, digits, - and _, with a letter; not a fixed role's name",
        ) from error
