"""What the server signs by itself: rollout plans and deltas, and fresh dates on what is old."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from tuf.api.metadata import Metadata, Signed, TargetFile, Targets

from distribution.commit import commit, create_next, point_at, retried, upload
from distribution.errors import Invalid, Misconfigured
from distribution.online_keys import OnlineKeys, require_online_keys
from distribution.store_errors import in_server_words
from signing.metadata import signed_by
from signing.roles import (
    ROLLOUTS,
    SNAPSHOT,
    TIMESTAMP,
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
) -> None:
    """Replace these files in an online role, keep its others; if nothing differs, do nothing.

    Args:
        gone: paths that the role lists no longer.

    Raises:
        UnknownProduct: the repository has no such role.
        Invalid: not an online role, or a path that it may not sign.
        Misconfigured: the repository names another key than this server's.
        LostRace: rivals were faster every time.
        Unavailable: the store does not answer or is full; nothing of this is visible.
    """
    with in_server_words():
        retried(lambda: _publish_targets_once(store, role, files, online, now, gone))


def _publish_targets_once(
    store: Store,
    role: str,
    files: Mapping[str, Content],
    online: OnlineKeys,
    now: datetime,
    gone: Collection[str],
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
    for file in listed:
        upload(store, file, files[file.path])
    version = _sign_next(repository, role, listed, online, now, gone)
    commit(repository, {role: version}, online, now)


def renew(store: Store, online: OnlineKeys, now: datetime) -> list[str]:
    """Sign again what is past half of its life: timestamp, snapshot, rollouts; returns their names.

    Raises:
        NotFound: there is no repository.
        Misconfigured: the repository names other keys than this server's.
        LostRace: rivals were faster every time.
        Unavailable: the store does not answer or is full.
    """
    with in_server_words():
        return retried(lambda: _renew_once(store, online, now))


def _renew_once(store: Store, online: OnlineKeys, now: datetime) -> list[str]:
    repository = Repository.read(store)
    require_online_keys(repository.root, online)
    snapshot, timestamp = repository.snapshot, repository.timestamp
    if snapshot is None or timestamp is None:
        return []
    due = [role for role in _online_roles(repository) if _is_due(repository, role, now)]
    root = repository.root
    if due or _past_half(snapshot.signed, life_of(root, SNAPSHOT), now):
        for role in due:
            _require_ours(repository, role, online)
        changed = {role: _sign_next(repository, role, (), online, now) for role in due}
        commit(repository, changed, online, now)
        return [*due, SNAPSHOT, TIMESTAMP]
    if _past_half(timestamp.signed, life_of(root, TIMESTAMP), now):
        point_at(repository, snapshot.signed.version, online, now)
        return [TIMESTAMP]
    return []


def _online_roles(repository: Repository) -> Iterable[str]:
    names = delegations_of(repository.targets).roles or {}
    return [name for name in names if row_of(name) == ROLLOUTS and repository.version(name)]


def _is_due(repository: Repository, role: str, now: datetime) -> bool:
    metadata = repository.role(role)
    life = life_of(repository.targets, role)
    return metadata is not None and _past_half(metadata.signed, life, now)


def _past_half(signed: Signed, life: timedelta, now: datetime) -> bool:
    return signed.expires - now < life / 2


def _sign_next(
    repository: Repository,
    role: str,
    files: Iterable[TargetFile],
    online: OnlineKeys,
    now: datetime,
    gone: Collection[str] = (),
) -> int:
    """Store the role's next version, which nothing points at yet."""
    current = repository.role(role)
    before, expires = current.signed if current else None, now + life_of(repository.targets, role)
    listed = list(files)

    def build(number: int) -> Metadata[Targets]:
        signed = next_targets(before, number, expires, listed)
        for path in gone:
            signed.targets.pop(path, None)
        return signed_by(online.rollouts, signed)

    return create_next(repository, role, build)


def _require_ours(repository: Repository, role: str, online: OnlineKeys) -> None:
    require_online_keys(repository.root, online)
    holders = signatories(repository.targets, role)
    if row_of(role) != ROLLOUTS:
        raise Invalid(f"{role} is signed by people, offline; the server cannot")
    if online.rollouts.public_key.keyid not in [key.keyid for key in holders.keys]:
        raise Misconfigured(f"this server's rollouts key is not the one that {role} names")
