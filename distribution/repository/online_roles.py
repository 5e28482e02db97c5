"""What the server signs by itself: rollout plans and deltas, and fresh dates on what is old."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, Signed, TargetFile, Targets

from distribution.errors import Invalid, LostRace
from distribution.repository.commit import (
    commit,
    create_next,
    point_at,
    retried,
    signed_by_each,
    still_stored,
    upload,
)
from distribution.repository.online_keys import ROLLOUTS_KEY, OnlineKeys, require_online_keys
from distribution.repository.recovery import rebuilt
from distribution.repository.store_errors import in_server_words
from signing.metadata import S
from signing.roles import (
    ROLLOUTS,
    SNAPSHOT,
    TIMESTAMP,
    Signatories,
    covers,
    delegations_of,
    life_of,
    row_of,
    signatories,
)
from signing.store import Content, Store
from signing.update_repository import Repository, next_targets, target_file


def publish_targets(
    store: Store,
    role: str,
    files: Mapping[str, Content],
    online: OnlineKeys,
    now: datetime,
    gone: Collection[str] = (),
    instead_of: Mapping[str, str] | None = None,
) -> None:
    """Replace these files in an online role, keep its others; if nothing differs, do nothing.

    Args:
        gone: paths that the role lists no longer.
        instead_of: by path, the sha256 of what is to be replaced, empty for nothing: whoever
            has put something else there meanwhile is not overwritten.

    Raises:
        UnknownProduct: the repository has no such role.
        Invalid: not an online role, or a path that it may not sign.
        Misconfigured: the repository names another key than this server's.
        LostRace: rivals were faster every time, or not what ``instead_of`` says is there.
        Unavailable: the store does not answer or is full; nothing of this is visible.
    """
    before = instead_of or {}
    with in_server_words():
        retried(lambda: _publish_targets_once(store, role, files, online, now, gone, before))


def _publish_targets_once(
    store: Store,
    role: str,
    files: Mapping[str, Content],
    online: OnlineKeys,
    now: datetime,
    gone: Collection[str],
    instead_of: Mapping[str, str],
) -> None:
    repository = Repository.read(store)
    _require_ours(repository, role, online)
    if not covers(repository.targets, role, files):
        raise Invalid(f"{role} may not sign all of {', '.join(files)}")
    current = repository.role(role)
    known = current.signed.targets if current else {}
    listed = [target_file(path, content) for path, content in files.items()]
    if all(known.get(file.path) == file for file in listed) and not set(gone) & set(known):
        return
    for path, sha256 in instead_of.items():
        if (known[path].hashes["sha256"] if path in known else "") != sha256:
            raise LostRace(f"somebody else has published {path} meanwhile")
    for file in listed:
        upload(store, file, files[file.path])
    version = sign_next(repository, role, listed, online, now, gone)
    commit(repository, {role: version}, online, now)
    for file in listed:
        still_stored(store, file, files[file.path])


def renew(
    store: Store, online: OnlineKeys, now: datetime, *, changing_root: bool = False
) -> list[str]:
    """Sign again what is past half of its life, or what a new key of ours is to sign; their names.

    Args:
        changing_root: as ``Repository.read`` has it.

    Raises:
        NotFound: there is no repository.
        Misconfigured: the repository names other keys than this server's.
        LostRace: rivals were faster every time.
        Unavailable: the store does not answer or is full.
    """
    with in_server_words():
        return retried(lambda: _renew_once(store, online, now, changing_root))


def _renew_once(store: Store, online: OnlineKeys, now: datetime, changing_root: bool) -> list[str]:
    repository = _read(store, changing_root)
    anew, snapshot, timestamp = repository.listing, repository.snapshot, repository.timestamp
    if anew is None and (snapshot is None or timestamp is None):
        return []
    due = [role for role in online_roles(repository) if _is_due(repository, role, online, now)]
    if due or anew is not None or _top_is_due(repository, SNAPSHOT, snapshot, online, now):
        changed = {role: sign_next(repository, role, (), online, now) for role in due}
        commit(repository, changed, online, now)
        return [*due, SNAPSHOT, TIMESTAMP]
    if snapshot is not None and _top_is_due(repository, TIMESTAMP, timestamp, online, now):
        point_at(repository, snapshot.signed.version, online, now)
        return [TIMESTAMP]
    return []


def _read(store: Store, changing_root: bool) -> Repository:
    """After a change of root that nobody has finished, go by the store and by no snapshot."""
    if not changing_root:
        return Repository.read(store)
    repository = Repository.distrusting(store)
    return rebuilt(store) if repository.superseded else repository


def online_roles(repository: Repository) -> list[str]:
    """The roles below targets that the server signs, and has signed something for."""
    names = delegations_of(repository.targets).roles or {}
    return [name for name in names if row_of(name) == ROLLOUTS and repository.version(name)]


def _is_due(repository: Repository, role: str, online: OnlineKeys, now: datetime) -> bool:
    metadata = repository.role(role)
    holders = signatories(repository.targets, role)
    return metadata is not None and (
        _past_half(metadata.signed, life_of(repository.targets, role), now)
        or _by_others(metadata, holders, online.signer(ROLLOUTS_KEY, holders))
    )


def _top_is_due(
    repository: Repository,
    role: str,
    metadata: Metadata[S] | None,
    online: OnlineKeys,
    now: datetime,
) -> bool:
    holders = signatories(repository.root, role)
    return (
        metadata is None
        or _past_half(metadata.signed, life_of(repository.root, role), now)
        or _by_others(metadata, holders, online.signer(role, holders))
    )


def _by_others(metadata: Metadata[S], holders: Signatories, signer: Signer) -> bool:
    """Whether a rotation gave the role to a key of ours that has not signed, or took it from one
    that has.
    """
    listed = {key.keyid for key in holders.keys}
    return signer.public_key.keyid not in metadata.signatures or not listed >= set(
        metadata.signatures
    )


def resigned(
    repository: Repository, targets: Targets, online: OnlineKeys, now: datetime
) -> dict[str, int]:
    """New versions of the online roles that new ``targets`` would no longer accept, by role.

    They become visible together with ``targets``, so no client ever finds one without the other.

    Raises:
        Misconfigured, Moved: as ``sign_next``.
    """
    versions = {}
    for role in online_roles(repository):
        metadata, holders = repository.role(role), signatories(targets, role)
        if metadata and not {key.keyid for key in holders.keys} & set(metadata.signatures):
            versions[role] = sign_next(repository, role, (), online, now, holders=holders)
    return versions


def _past_half(signed: Signed, life: timedelta, now: datetime) -> bool:
    return signed.expires - now < life / 2


def sign_next(
    repository: Repository,
    role: str,
    files: Iterable[TargetFile],
    online: OnlineKeys,
    now: datetime,
    gone: Collection[str] = (),
    holders: Signatories | None = None,
) -> int:
    """Store the role's next version, which nothing points at yet.

    Args:
        holders: who may sign it, if not those that the repository names now.

    Raises:
        Misconfigured: the repository names another key than this server's.
        Moved: a rival has committed in between.
    """
    current = repository.role(role)
    before, expires = current.signed if current else None, now + life_of(repository.targets, role)
    listed = list(files)
    holders = holders or signatories(repository.targets, role)
    signers = online.signers(ROLLOUTS_KEY, holders)

    def build(number: int) -> Metadata[Targets]:
        signed = next_targets(before, number, expires, listed)
        for path in gone:
            signed.targets.pop(path, None)
        return signed_by_each(signers, signed)

    return create_next(repository, role, build)


def _require_ours(repository: Repository, role: str, online: OnlineKeys) -> None:
    require_online_keys(repository.root, online)
    if row_of(role) != ROLLOUTS:
        raise Invalid(f"{role} is signed by people, offline; the server cannot")
    online.signer(ROLLOUTS_KEY, signatories(repository.targets, role))
