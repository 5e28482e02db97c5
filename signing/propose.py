"""Making proposals: one function for each kind, all with the same shape.

Each reads the repository as it is now, builds the next version of the roles it changes, and writes
the folder in which the ceremony goes on. Nothing in the repository changes.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from tuf.api.metadata import Key, Metadata, Root, Targets

from manifests.errors import UpdateError
from manifests.release import Release, ReleaseManifest
from manifests.target_paths import (
    MANIFEST_NAME,
    Lane,
    ProductName,
    ReleasePath,
    manifest_path,
    role_of,
)
from signing.contents import check_release
from signing.delegations import delegate, delegate_product, new_root
from signing.errors import AlreadyThere, NotStored, UnfitRole
from signing.kinds import LANE_KINDS, PRODUCT, REPOSITORY, meaning
from signing.proposal import Note, Proposal, Step, write
from signing.proposal_base import Base
from signing.published import require_new_version, require_product
from signing.roles import BREAKGLASS, HOTFIXES, ROOT, RULES, TARGETS, Rule, life_of, products
from signing.store import Content
from signing.update_repository import Repository, next_targets, target_file


@dataclass(frozen=True)
class Draft:
    """Where a proposal is written, who proposes it, and when."""

    folder: Path
    by: str
    now: datetime


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
    return _write(draft, REPOSITORY, Base.verified({}), {ROOT: root, TARGETS: targets})


def product(
    repository: Repository,
    name: str,
    people: Sequence[Key],
    online: Key,
    draft: Draft,
    table: Mapping[str, Rule] = RULES,
) -> Proposal:
    """Propose a product: ``people`` say what may run of it, ``online`` says when.

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
    delegate_product(targets, name, people, online, table)
    return _write(draft, PRODUCT, Base.of(repository), {TARGETS: targets})


def release(repository: Repository, built: Path, lane: Lane, draft: Draft) -> Proposal:
    """Propose the release that ``hsp release build`` wrote into ``built``.

    Raises:
        UnknownRole: no such product, or nobody has the lane's keys.
        AlreadyThere: the version is published.
        ManifestError: the manifest does not fit the lane.
        Tampered: an artifact is not what the manifest says.
    """
    ready = _built_release(built, lane)
    manifest = ready.manifest
    require_product(repository, manifest.product)
    require_new_version(repository, manifest.product, manifest.version)
    check_release(built, ready)
    names = [MANIFEST_NAME, *(artifact.name for artifact in manifest.artifacts)]
    files = {str(ready.path.sibling(name)): built / name for name in names}
    role = role_of(ready.path)
    expires = draft.now + life_of(repository.targets, role)
    before = repository.role(role)
    listed = [target_file(path, content) for path, content in files.items()]
    version = repository.version(role) + 1
    targets = next_targets(before.signed if before else None, version, expires, listed)
    return _write(draft, LANE_KINDS[lane], Base.of(repository, role), {role: targets}, files)


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
            hint="lower case letters, digits, - and _, and not the name of a fixed role",
        ) from error


def _write(
    draft: Draft,
    kind: str,
    base: Base,
    roles: Mapping[str, Root | Targets],
    files: Mapping[str, Content] | None = None,
) -> Proposal:
    """Write the folder, and read it back as strictly as a signer will."""
    steps = tuple(
        Step(role=role, version=signed.version, based_on=base.version(role))
        for role, signed in roles.items()
    )
    note = Note(kind=kind, steps=steps, proposed_by=draft.by, proposed_at=draft.now)
    metadata = {role: Metadata[Any](signed) for role, signed in roles.items()}
    proposal = write(draft.folder, note, base, metadata, files or {})
    try:
        meaning(proposal)
    except UpdateError:
        shutil.rmtree(draft.folder)
        raise
    return proposal
