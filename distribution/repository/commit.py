"""The commit: a snapshot under the next free number, then the timestamp by compare and swap.

Whoever swaps the timestamp has committed. Whoever comes too late learns it from the store and
begins again from what is there now. A numbered file is never overwritten: a number that a crash
or a rival has used is skipped.
"""

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from distribution.errors import Conflict, LostRace
from distribution.repository.online_keys import OnlineKeys
from signing import errors
from signing.errors import AlreadyStored, NotStored
from signing.metadata import (
    TIMESTAMP_KEY,
    add_signature,
    metadata_key,
    serialised,
    target_key,
)
from signing.roles import SNAPSHOT, TIMESTAMP, life_of, signatories
from signing.store import Content, Store
from signing.update_repository import Repository, next_snapshot, next_timestamp

ATTEMPTS = 60
_PAUSE_SECONDS = 0.05

T = TypeVar("T")
S = TypeVar("S", Snapshot, Targets, Root, Timestamp)


class Moved(LostRace):
    """The timestamp moved since the repository was read: read again."""


def retried(once: Callable[[], T]) -> T:
    """Do ``once`` until no rival comes in between; each try fails only if a rival succeeded.

    Raises:
        LostRace: rivals won every time.
    """
    for attempt in range(ATTEMPTS):
        try:
            return once()
        except Moved:
            time.sleep(random.uniform(0, _PAUSE_SECONDS * min(attempt + 1, 10)))  # noqa: S311 - jitter
    raise LostRace(
        f"others published {ATTEMPTS} times in between; nothing of this is visible",
        hint="run the same command again",
    )


def require_unmoved(repository: Repository) -> None:
    """Find out whether a rival has committed since ``repository`` was read.

    Raises:
        Moved: it has.
    """
    try:
        _, tag = repository.store.read_tagged(TIMESTAMP_KEY)
    except NotStored:
        tag = ""
    if tag != (repository.timestamp_tag or ""):
        raise Moved("the repository moved on")


def upload(store: Store, listed: TargetFile, content: Content) -> None:
    """Store a target's content under its hash, once.

    Raises:
        Conflict: the store has other bytes under that name.
    """
    sha256 = listed.hashes["sha256"]
    key = target_key(listed.path, sha256)
    try:
        store.create(key, content)
    except AlreadyStored as error:
        found = hashlib.sha256()
        for chunk in store.chunks(key):
            found.update(chunk)
        if found.hexdigest() != sha256:
            hint = "the store is damaged there: remove that file and run the same command again"
            raise Conflict(f"{key} is stored with other bytes", hint=hint) from error


def still_stored(store: Store, listed: TargetFile, content: Content) -> None:
    """Store a target again if it was swept away as unneeded just before it was listed."""
    key = target_key(listed.path, listed.hashes["sha256"])
    try:
        next(store.chunks(key), b"")
    except NotStored:
        upload(store, listed, content)


def signed_by_each(signers: Iterable[Signer], content: S) -> Metadata[S]:
    """New metadata with a signature of each of our keys."""
    metadata = Metadata(content)
    for signer in signers:
        add_signature(metadata, signer)
    return metadata


def create_next(repository: Repository, role: str, build: Callable[[int], Metadata[S]]) -> int:
    """Store the next version of an online role under the first number that is free.

    Raises:
        Moved: a rival has committed in between.
    """
    number = repository.next_version(role)
    while True:
        try:
            repository.store.create(metadata_key(role, number), serialised(build(number)))
        except AlreadyStored:
            require_unmoved(repository)
            number += 1
        else:
            return number


def commit(
    repository: Repository, changed: Mapping[str, int], online: OnlineKeys, now: datetime
) -> None:
    """Make new versions of roles visible, all at once.

    Raises:
        Moved: a rival has committed in between; nothing of ours is visible.
    """
    roles = {**repository.listed, **changed}
    expires = now + life_of(repository.root, SNAPSHOT)
    signers = online.signers(SNAPSHOT, signatories(repository.root, SNAPSHOT))

    def build(number: int) -> Metadata[Snapshot]:
        return signed_by_each(signers, next_snapshot(number, expires, roles))

    number = create_next(repository, SNAPSHOT, build)
    point_at(repository, number, online, now)


def point_at(repository: Repository, snapshot: int, online: OnlineKeys, now: datetime) -> None:
    """Swap the timestamp: the one commit point.

    Raises:
        Moved: a rival was faster.
    """
    number, expires = repository.next_version(TIMESTAMP), now + life_of(repository.root, TIMESTAMP)
    signers = online.signers(TIMESTAMP, signatories(repository.root, TIMESTAMP))
    timestamp = signed_by_each(signers, next_timestamp(number, expires, snapshot))
    try:
        repository.store.replace(TIMESTAMP_KEY, serialised(timestamp), repository.timestamp_tag)
    except errors.Conflict as error:
        raise Moved("the repository moved on") from error
