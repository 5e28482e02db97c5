"""The repository as its timestamp points at it, and the next version of each role.

Reading verifies: whatever a writer builds upon was signed by whom it should be, so a tampered
store cannot make us sign its content. Expiry is not looked at here: what has expired must still be
renewable. With ``roles`` and ``delegations`` the only place where metadata objects are built.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from signing.errors import NotStored, Tampered
from signing.metadata import TIMESTAMP_KEY, S, metadata_key, parsed, verified_roots, verify
from signing.roles import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signing.store import Content, Store, pieces


@dataclass
class Repository:
    """The repository at one moment. Roles are read and verified when they are asked for.

    Attributes:
        timestamp: None in a repository whose creation was interrupted.
        timestamp_tag: for the compare-and-swap that commits the next one.
    """

    store: Store
    root_files: tuple[bytes, ...]
    roots: tuple[Metadata[Root], ...]
    timestamp: Metadata[Timestamp] | None
    timestamp_tag: str | None
    snapshot: Metadata[Snapshot] | None
    _roles: dict[str, Metadata[Targets]] = field(default_factory=dict)

    @classmethod
    def read(cls, store: Store) -> "Repository":
        """Read roots, timestamp and snapshot.

        Raises:
            NotStored: there is no repository.
            Tampered: something is not signed by whom it should be.
        """
        files = tuple(_root_files(store))
        if not files:
            raise NotStored("there is no repository here yet", hint="hsp init makes one")
        roots = verified_roots(files)
        root = roots[-1].signed
        try:
            data, tag = store.read_tagged(TIMESTAMP_KEY)
        except NotStored:
            return cls(store, files, roots, None, None, None)
        timestamp = parsed(data, Timestamp, TIMESTAMP)
        verify(root, TIMESTAMP, timestamp)
        snapshot = _listed(store, SNAPSHOT, timestamp.signed.snapshot_meta.version, Snapshot)
        verify(root, SNAPSHOT, snapshot)
        return cls(store, files, roots, timestamp, tag, snapshot)

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
        listed = self.snapshot.signed.meta.get(f"{role}.json") if self.snapshot else None
        return listed.version if listed else 0

    def role_file(self, role: str) -> bytes | None:
        """The bytes of a targets role's current version, None if nothing was ever signed for it."""
        version = self.version(role)
        return _listed_file(self.store, role, version) if version else None

    def role(self, role: str) -> Metadata[Targets] | None:
        """A targets role's current version, verified; None if nothing was ever signed for it.

        Raises:
            Tampered: it is not what its delegator wants.
        """
        if role not in self._roles:
            version = self.version(role)
            if not version:
                return None
            metadata = _listed(self.store, role, version, Targets)
            verify(self.delegator(role), role, metadata)
            self._roles[role] = metadata
        return self._roles[role]

    def delegator(self, role: str) -> Root | Targets:
        """Who says who may sign ``role``."""
        return self.root if role in (ROOT, TARGETS, SNAPSHOT, TIMESTAMP) else self.targets


def _listed_file(store: Store, role: str, version: int) -> bytes:
    try:
        return store.read(metadata_key(role, version))
    except NotStored as error:
        raise Tampered(f"{role} {version} is listed, and is not in the repository") from error


def _listed(store: Store, role: str, version: int, kind: type[S]) -> Metadata[S]:
    """A version that something signed points at.

    Raises:
        Tampered: it is missing, or is another version.
    """
    metadata = parsed(_listed_file(store, role, version), kind, f"{role} {version}")
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


def next_snapshot(
    before: Snapshot | None, version: int, expires: datetime, roles: Mapping[str, int]
) -> Snapshot:
    """A snapshot that lists ``roles`` with their versions, and everything else as before."""
    meta = dict(before.meta) if before else {}
    meta.update({f"{role}.json": MetaFile(number) for role, number in roles.items()})
    return Snapshot(version=version, expires=expires, meta=meta)


def next_timestamp(before: Timestamp | None, expires: datetime, snapshot_version: int) -> Timestamp:
    """A timestamp that points at one snapshot."""
    version = before.version + 1 if before else 1
    return Timestamp(version=version, expires=expires, snapshot_meta=MetaFile(snapshot_version))


def copied(signed: S) -> S:
    """An independent copy."""
    return type(signed).from_dict(signed.to_dict())
