"""Publishing: content first, metadata next, and the timestamp last, which is the one commit point.

Before the timestamp moves nothing is visible, and every file but the timestamp is written once, so
an agent sees the repository before or after and nothing in between, and a publish that was cut off
is finished by the same command. Two publishers race on the store's own conditional writes: the one
who is late reads again and goes on from there; nothing of either is lost. There is no lock.
"""

import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import Targets

from distribution.errors import Conflict, LostRace
from distribution.repository import requirements
from distribution.repository.commit import commit, require_unmoved, retried, still_stored, upload
from distribution.repository.online_keys import OnlineKeys as OnlineKeys
from distribution.repository.online_keys import load_online_keys as load_online_keys
from distribution.repository.online_keys import require_online_keys
from distribution.repository.online_roles import publish_targets as publish_targets
from distribution.repository.online_roles import renew as renew
from distribution.repository.online_roles import resigned
from distribution.repository.recovery import rebuilt
from distribution.repository.store_errors import in_server_words
from manifests.target_paths import MANIFEST_NAME
from signing import ceremony
from signing.ceremony import Prepared
from signing.errors import AlreadyStored, AlreadyThere, NotStored, SigningError
from signing.kinds import meaning
from signing.metadata import metadata_key, parsed, same_content, serialised
from signing.proposal import AnyMetadata, Proposal, Step
from signing.published import require_new_version, require_product
from signing.roles import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signing.store import Store
from signing.update_repository import Repository

PATIENCE_SECONDS = 1.0
"""How long a publish that is under way may take before it counts as unfinished."""


@dataclass(frozen=True)
class Published:
    """What a proposal made visible.

    Attributes:
        role: the role that it moved on (the last one, if it moved several).
        releases: target paths of the manifests.
        already: it was published before; nothing was done.
    """

    role: str
    version: int
    releases: tuple[str, ...]
    already: bool = False


def publish(
    store: Store,
    proposal: Path,
    online: OnlineKeys,
    now: datetime,
    *,
    replace_unfinished: bool = False,
) -> Published:
    """Make a proposal real: check all of it, upload, commit. The same command again finishes it.

    Args:
        replace_unfinished: put this in the place of somebody else's publish of the same version of
            the role that was never finished.

    Raises:
        SigningError: too few signatures, tampered, or stale: see ``signing.errors``.
        AlreadyPublished: the version exists in some lane.
        UnknownProduct: the repository has no such product or role, or one that is required.
        Invalid: products would wait for each other in a circle.
        Conflict: somebody else's unfinished publish is in the way.
        Misconfigured: the repository names other online keys than this server's.
        LostRace: rivals were faster every time.
        Unavailable: the store does not answer or is full; nothing of this is visible.
    """
    prepared = ceremony.prepare(proposal, now)
    ceremony.require_complete(prepared)
    with in_server_words():
        done = None
        while done is None:
            done = retried(lambda: _publish_once(store, prepared, online, now, replace_unfinished))
        roles = prepared.proposal.metadata
        if ROOT in roles or TARGETS in roles:  # what other keys of ours are to sign from now on
            renew(store, online, now, changing_root=ROOT in roles)
        return done


def _publish_once(
    store: Store, prepared: Prepared, online: OnlineKeys, now: datetime, replace_unfinished: bool
) -> Published | None:
    """One commit; None if the proposal needs another one."""
    published, repository = _published(prepared), _read(store, prepared.proposal)
    if repository is not None:
        prepared.proposal.base.lend_to(repository)
    left = _steps_left(repository, prepared.proposal)
    if not left.note.steps:
        return replace(published, already=True)
    now_done = _targets_first(repository, left)
    held = _held_to_the_present(repository, now_done, prepared)
    require_online_keys(held.root, online)
    roles = [step.role for step in held.note.steps]
    for role in roles:
        for path, listed in {} if role == ROOT else held.new_contents(role).items():
            upload(store, listed, held.file(path))
    for role in roles:
        _create(store, repository, role, held.metadata[role], replace_unfinished)
    changed = {role: held.metadata[role].signed.version for role in roles if role != ROOT}
    if repository is not None and repository.version(TARGETS) and TARGETS in roles:
        changed |= resigned(repository, held.after(TARGETS), online, now)
    if repository is None or ROOT in roles:
        repository = _reread(store, repository)
    commit(repository, changed, online, now)
    _read_back(store, held)
    return published if now_done is left else None


def _targets_first(repository: Repository | None, left: Proposal) -> Proposal:
    """Of a change of officers, targets comes first, signed by the old ones and the new ones.

    A root is visible at once; whoever has it finds a targets that it accepts, and so does whoever
    has the root before. Where the server's keys are a thief's, all of it comes at once.
    """
    steps = tuple(step for step in left.note.steps if step.role != ROOT)
    is_safe = repository is not None and repository.listing is None
    if not is_safe or not steps or len(steps) == len(left.note.steps):
        return left
    return replace(left, note=left.note.model_copy(update={"steps": steps}))


def _published(prepared: Prepared) -> Published:
    step = prepared.proposal.note.steps[-1]
    releases = tuple(str(release.path) for release in prepared.meaning.releases)
    return Published(step.role, step.version, releases)


def _read(store: Store, proposal: Proposal) -> Repository | None:
    try:
        if _takes_keys_away(proposal):
            return rebuilt(store)
        return Repository.read(store, changing_root=ROOT in proposal.metadata)
    except NotStored:
        return None


def _takes_keys_away(proposal: Proposal) -> bool:
    """Whether a role that says what is current goes to other keys altogether: from a thief."""
    if ROOT not in proposal.metadata or not proposal.base.roots:
        return False
    before, after = proposal.base.root.roles, proposal.root.roles
    return any(set(before[r].keyids).isdisjoint(after[r].keyids) for r in (SNAPSHOT, TIMESTAMP))


def _reread(store: Store, before: Repository | None) -> Repository:
    """The repository under its new root; what was checked under the old one must still hold."""
    if before is not None and before.listing is not None:
        repository = rebuilt(store)
    else:
        repository = Repository.read(store, changing_root=True)
    if repository.timestamp_tag != (before.timestamp_tag if before else None):
        require_unmoved(before or replace(repository, timestamp_tag=None))
    return repository


def _steps_left(repository: Repository | None, proposal: Proposal) -> Proposal:
    """The proposal without the steps that an earlier run has finished."""
    if repository is None:
        if proposal.base.roots:
            raise NotStored("there is no repository here yet", hint="publish its first proposal")
        return proposal
    steps = tuple(s for s in proposal.note.steps if not _is_done(repository, proposal, s))
    if ROOT in (s.role for s in steps) and not proposal.base.roots:
        raise AlreadyThere("there is another repository here already", hint="name another store")
    note = proposal.note.model_copy(update={"steps": steps})
    return replace(proposal, note=note, metadata={s.role: proposal.metadata[s.role] for s in steps})


def _is_done(repository: Repository, proposal: Proposal, step: Step) -> bool:
    if repository.version(step.role) < step.version:
        return False
    stored = repository.store.read(metadata_key(step.role, step.version))
    return _says_the_same(stored, proposal.metadata[step.role])


def _says_the_same(stored: bytes, metadata: AnyMetadata) -> bool:
    try:
        return same_content(parsed(stored, type(metadata.signed), "the stored version"), metadata)
    except SigningError:
        return False


def _held_to_the_present(
    repository: Repository | None, left: Proposal, prepared: Prepared
) -> Proposal:
    """Check against what the repository says now; its own base was for the people who signed."""
    if repository is None:
        return left
    held = left.against(repository)
    whole = len(held.metadata) == len(prepared.proposal.metadata)
    for release in meaning(held).releases if whole else ():
        require_product(repository, release.manifest.product)
        require_new_version(repository, release.manifest.product, release.manifest.version)
    requirements.check(repository, meaning(held).releases if whole else ())
    ceremony.require_complete(Prepared(held, prepared.meaning))
    return held


def _create(
    store: Store,
    repository: Repository | None,
    role: str,
    metadata: AnyMetadata,
    replace_unfinished: bool,
) -> None:
    """Store a role's version; find out whose it is if there is one already."""
    key = metadata_key(role, metadata.signed.version)
    try:
        store.create(key, serialised(metadata))
    except AlreadyStored as error:
        stored, tag = store.read_tagged(key)
        if _says_the_same(stored, metadata):
            return
        if replace_unfinished and role != ROOT:
            store.replace(key, serialised(metadata), tag)
            return
        _wait_for_rival(repository)
        raise _unfinished(key, stored, repository, role) from error


def _wait_for_rival(repository: Repository | None) -> None:
    """Give a publish that is under way the time to become the present."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while repository is not None:
        require_unmoved(repository)
        if time.monotonic() > deadline:
            return
        time.sleep(PATIENCE_SECONDS / 10)


def _unfinished(
    key: str, stored: bytes, repository: Repository | None, role: str
) -> SigningError | Conflict:
    if role == ROOT:
        return AlreadyThere(f"{key} exists and says something else", hint="propose again")
    return Conflict(
        f"another publish of {role} was begun and not finished: {key} holds "
        f"{_news(stored, repository, role)}, and no snapshot lists it",
        hint="publish that proposal to finish it, or put yours in its place by "
        "--replace-unfinished if its owner gives it up",
    )


def _news(stored: bytes, repository: Repository | None, role: str) -> str:
    """The releases that an unfinished version would add."""
    try:
        found = set(parsed(stored, Targets, role).signed.targets)
    except SigningError:
        return "something unreadable"
    current = repository.role(role) if repository else None
    new = found - set(current.signed.targets if current else ())
    return ", ".join(sorted(path for path in new if path.endswith(MANIFEST_NAME))) or "other roles"


def _read_back(store: Store, left: Proposal) -> None:
    """What the snapshot points at now must be what we wrote, or something newer."""
    repository = Repository.read(store)
    for role in [step.role for step in left.note.steps]:
        metadata, version = left.metadata[role], repository.version(role)
        if version < metadata.signed.version:
            raise LostRace(f"{role} {metadata.signed.version} was published and is gone again")
        for path, listed in {} if role == ROOT else left.new_contents(role).items():
            still_stored(store, listed, left.file(path))
        stored = store.read(metadata_key(role, metadata.signed.version))
        if not _says_the_same(stored, metadata):
            raise Conflict(f"another publisher has put theirs in the place of our {role} {version}")
