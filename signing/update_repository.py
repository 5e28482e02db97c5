"""The repository as its timestamp points at it, and the next version of each role.

Reading verifies: whatever a writer builds upon was signed by whom it should be, so a tampered
store cannot make us sign its content. Expiry is not looked at here: what has expired must still be
renewable. With ``roles`` and ``delegations`` the only place where metadata objects are built.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from signing.errors import NotStored, Tampered
from signing.metadata import (
    TIMESTAMP_KEY,
    S,
    metadata_key,
    role_and_version,
    verified,
    verified_roots,
)
from signing.roles import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, signatories
from signing.store import Content, Store, pieces

MOST_VERSIONS = 2**30
"""No honest repository comes so far: at one version each second that takes 34 years."""


@dataclass
class Repository:
    """The repository at one moment. Roles are read and verified when they are asked for.

    Attributes:
        timestamp: None in a repository whose creation was interrupted.
        timestamp_tag: for the compare-and-swap that commits the next one.
        superseded: which of timestamp and snapshot are still signed as the root before wanted it,
            or by nobody. No client takes them any more.
        listing: the versions of roles where the snapshot is not believed; None where it is.
    """

    store: Store
    root_files: tuple[bytes, ...]
    roots: tuple[Metadata[Root], ...]
    timestamp: Metadata[Timestamp] | None
    timestamp_tag: str | None
    snapshot: Metadata[Snapshot] | None
    superseded: frozenset[str] = frozenset()
    listing: Mapping[str, int] | None = None
    _roles: dict[str, Metadata[Targets]] = field(default_factory=dict)

    @classmethod
    def read(cls, store: Store, *, changing_root: bool = False) -> "Repository":
        """Read roots, timestamp and snapshot.

        Args:
            changing_root: for who publishes a root and nobody else: take what the root before it
                wanted, as long as the keys of the new one have not signed. At any other time that
                would be to believe a thief whose keys were taken away.

        Raises:
            NotStored: there is no repository.
            Tampered: something is not signed by whom it should be.
        """
        files = tuple(_root_files(store))
        if not files:
            raise NotStored("there is no repository here yet", hint="hsp init makes one")
        roots = verified_roots(files)
        try:
            data, tag = store.read_tagged(TIMESTAMP_KEY)
        except NotStored:
            return cls(store, files, roots, None, None, None)
        repository = cls(store, files, roots, None, tag, None, frozenset((TIMESTAMP, SNAPSHOT)))
        repository._follow(data, changing_root)
        return repository

    @classmethod
    def distrusting(cls, store: Store) -> "Repository":
        """The same for who takes the server's keys away from a thief: nothing the thief wrote
        matters, so a timestamp or a snapshot that cannot be believed is as good as none.

        Raises:
            NotStored: there is no repository.
            Tampered: a root is not signed by whom it should be.
        """
        try:
            return cls.read(store, changing_root=True)
        except Tampered:
            files = tuple(_root_files(store))
            _, tag = store.read_tagged(TIMESTAMP_KEY)
            superseded = frozenset((TIMESTAMP, SNAPSHOT))
            return cls(store, files, verified_roots(files), None, tag, None, superseded)

    def _follow(self, data: bytes, changing_root: bool) -> None:
        """Read the timestamp and the snapshot that it points at."""
        newest = [root.signed for root in (self.roots[-2:] if changing_root else self.roots[-1:])]
        self.timestamp, by = _by_newest(
            newest, TIMESTAMP, lambda root: verified(data, Timestamp, TIMESTAMP, root, TIMESTAMP)
        )
        number = self.timestamp.signed.snapshot_meta.version
        self.snapshot, its = _by_newest(
            newest, SNAPSHOT, lambda root: _listed(self.store, root, SNAPSHOT, number, Snapshot)
        )
        signers = ((TIMESTAMP, by), (SNAPSHOT, its))
        self.superseded = frozenset(role for role, root in signers if root is not newest[-1])

    @property
    def root(self) -> Root:
        """The newest root."""
        return self.roots[-1].signed

    @property
    def targets(self) -> Targets:
        """The top-level targets: all delegations.

        Raises:
            NotStored: the repository's creation was interrupted.
        """
        targets = self.role(TARGETS)
        if targets is None:
            raise NotStored("the repository is not complete", hint="hsp publish its first proposal")
        return targets.signed

    def version(self, role: str) -> int:
        """The version of a role that the snapshot lists, 0 for none."""
        if role == ROOT:
            return self.root.version
        if self.listing is not None:
            return self.listing.get(role, 0)
        listed = self.snapshot.signed.meta.get(f"{role}.json") if self.snapshot else None
        return listed.version if listed else 0

    @property
    def listed(self) -> Mapping[str, int]:
        """The versions that the next snapshot goes on from, by role."""
        if self.listing is not None or self.snapshot is None:
            return self.listing or {}
        meta = self.snapshot.signed.meta
        return {name.removesuffix(".json"): each.version for name, each in meta.items()}

    def next_version(self, role: str) -> int:
        """The version that a role of the server's has next.

        A thief of the server's keys may have pushed timestamp and snapshot to the end of all
        numbers. Once other keys have taken over, nobody remembers that, and they go on from where
        they were before.
        """
        if role not in (TIMESTAMP, SNAPSHOT):
            return self.version(role) + 1
        current = self.timestamp if role == TIMESTAMP else self.snapshot
        version = current.signed.version if current else 0
        if role in self.superseded and not 0 < version <= MOST_VERSIONS:
            version = 0 if role == TIMESTAMP else self._newest_stored(role)
        return version + 1

    def _newest_stored(self, role: str) -> int:
        stored = map(role_and_version, self.store.keys("metadata/"))
        found = (version for each, version in stored if each == role)
        return max((version for version in found if version <= MOST_VERSIONS), default=0)

    def role_file(self, role: str) -> bytes:
        """The bytes of a targets role's current version, which there is."""
        return _listed_file(self.store, role, self.version(role))

    def role(self, role: str) -> Metadata[Targets] | None:
        """A targets role's current version, verified; None if nothing was ever signed for it.

        Raises:
            Tampered: it is not what its delegator wants.
        """
        if role not in self._roles:
            version = self.version(role)
            if not version:
                return None
            self._roles[role] = _listed(self.store, self.delegator(role), role, version, Targets)
        return self._roles[role]

    def trust(self, role: str, metadata: Metadata[Targets]) -> None:
        """Take a role's current version from somebody who has verified the same bytes."""
        self._roles[role] = metadata

    def delegator(self, role: str) -> Root | Targets:
        """Who says who may sign ``role``."""
        return self.root if role in (ROOT, TARGETS, SNAPSHOT, TIMESTAMP) else self.targets


def _by_newest(
    roots: Sequence[Root], role: str, read: Callable[[Root], Metadata[S]]
) -> tuple[Metadata[S], Root]:
    """Read metadata as the newest root wants it signed, or else as the one before did.

    A root that gives the server's roles to other keys is there a moment before they have signed.

    Raises:
        Tampered: neither holds.
    """
    before, newest = roots[0], roots[-1]
    try:
        return read(newest), newest
    except Tampered:
        if signatories(before, role).keys == signatories(newest, role).keys:
            raise
        return read(before), before


def _listed_file(store: Store, role: str, version: int) -> bytes:
    try:
        return store.read(metadata_key(role, version))
    except NotStored as error:
        raise Tampered(f"{role} {version} is listed, and is not in the repository") from error


def _listed(
    store: Store, delegator: Root | Targets, role: str, version: int, kind: type[S]
) -> Metadata[S]:
    """A version that something signed points at.

    Raises:
        Tampered: it is missing, is another version, or not signed by whom it should be.
    """
    data = _listed_file(store, role, version)
    metadata = verified(data, kind, f"{role} {version}", delegator, role)
    if metadata.signed.version != version:
        raise Tampered(f"{role} {version} says that it is version {metadata.signed.version}")
    return metadata


def _root_files(store: Store) -> Iterable[bytes]:
    version = 1
    while True:
        try:
            yield store.read(metadata_key(ROOT, version))
        except NotStored:
            return
        version += 1


# --- building


def target_file(path: str, content: Content) -> TargetFile:
    """How TUF lists one target: its length and its sha256."""
    digest, length = hashlib.sha256(), 0
    for piece in pieces(content):
        digest.update(piece)
        length += len(piece)
    return TargetFile(length, {"sha256": digest.hexdigest()}, path)


def next_targets(
    before: Targets | None, version: int, expires: datetime, files: Iterable[TargetFile] = ()
) -> Targets:
    """The next version of a targets role: what it had, with ``files`` added or replaced."""
    after = copied(before) if before else Targets()
    after.version, after.expires = version, expires
    after.targets.update({file.path: file for file in files})
    return after


def next_snapshot(version: int, expires: datetime, roles: Mapping[str, int]) -> Snapshot:
    """A snapshot that lists ``roles`` with their versions."""
    meta = {f"{role}.json": MetaFile(number) for role, number in roles.items()}
    return Snapshot(version=version, expires=expires, meta=meta)


def next_timestamp(version: int, expires: datetime, snapshot_version: int) -> Timestamp:
    """A timestamp that points at one snapshot."""
    return Timestamp(version=version, expires=expires, snapshot_meta=MetaFile(snapshot_version))


def copied(signed: S) -> S:
    """An independent copy."""
    return type(signed).from_dict(signed.to_dict())
