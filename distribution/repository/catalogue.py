"""What the repository has: products, releases, single targets, and the state of its trust.

Everything is read by the versions that the current timestamp leads to, and verified on the way, so
the server believes nothing of a store that an agent would refuse.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import TargetFile

from distribution.errors import UnknownRelease
from distribution.repository.store_errors import in_server_words
from manifests.release import Release
from manifests.withdrawal import withdrawn
from signing import published, roles
from signing.errors import Tampered
from signing.metadata import target_key
from signing.roles import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signing.store import Store
from signing.update_repository import Repository


@dataclass(frozen=True)
class TrustState:
    """The newest metadata, as agents should see it too.

    Attributes:
        root_sha256: of the newest root's file; an invitation carries it.
        expires: when each role's current version expires; roles without one are left out.
    """

    root_version: int
    root_sha256: str
    timestamp_version: int
    expires: dict[str, datetime]


def products(store: Store) -> list[str]:
    """The products of the repository, in the order they were added.

    Raises:
        NotFound: there is no repository.
        Unavailable: the store does not answer.
    """
    with in_server_words():
        return roles.products(Repository.read(store).targets)


def releases(store: Store, product: str | None = None) -> list[Release]:
    """All signed releases, or one product's, in every lane.

    Raises:
        UnknownProduct: the repository has no such product.
        NotFound: there is no repository.
        Unavailable: the store does not answer.
    """
    with in_server_words():
        listed = published.releases(Repository.read(store), product)
        return [Release.read(str(p), content(store, file), withdrawn(file)) for p, file in listed]


def withdrawals(store: Store, product: str) -> dict[str, str]:
    """Which releases of a product were withdrawn: the manifests' paths, each with the reason.

    Raises:
        UnknownProduct, NotFound, Unavailable: as ``releases``.
    """
    with in_server_words():
        listed = published.releases(Repository.read(store), product)
        return {str(path): reason for path, file in listed if (reason := withdrawn(file))}


def read_target(store: Store, path: str) -> bytes:
    """The content of one target, whole; for small ones such as manifests and plans.

    Raises:
        UnknownRelease: the repository lists no such target.
        NotFound: there is no repository.
        Unavailable: the store does not answer.
    """
    listed = target(store, path)
    with in_server_words():
        return content(store, listed)


def target(store: Store, path: str) -> TargetFile:
    """How the repository lists a target.

    Raises:
        UnknownRelease, NotFound, Unavailable: as ``read_target``.
    """
    with in_server_words():
        repository = Repository.read(store)
        delegations = roles.delegations_of(repository.targets)
        for role, _terminating in delegations.get_roles_for_target(path):
            metadata = repository.role(role)
            if metadata and path in metadata.signed.targets:
                return metadata.signed.targets[path]
    raise UnknownRelease(f"the repository has no {path}")


def targets_of(store: Store, role: str) -> list[str]:
    """The paths that a role lists; none where nothing was ever signed for it.

    Raises:
        NotFound, Unavailable: as ``read_target``.
    """
    with in_server_words():
        metadata = Repository.read(store).role(role)
        return sorted(metadata.signed.targets) if metadata else []


def stream_target(store: Store, path: str) -> Iterator[bytes]:
    """The content of one target in pieces; the last one comes after all were verified.

    Raises:
        UnknownRelease, NotFound, Unavailable: as ``read_target``.
        Unavailable: also when the store's content is not what is signed.
    """
    listed = target(store, path)
    key = target_key(path, listed.hashes["sha256"])
    digest, length, held = hashlib.sha256(), 0, b""
    with in_server_words():
        for piece in store.chunks(key):
            yield held
            digest.update(piece)
            length, held = length + len(piece), piece
        if length != listed.length or digest.hexdigest() != listed.hashes["sha256"]:
            raise Tampered(f"{key} in the store is not what is signed")
    yield held


def trust_state(store: Store) -> TrustState:
    """The newest versions and every role's expiry. Reads all current metadata: keep the answer.

    Raises:
        NotFound: there is no repository.
        Unavailable: the store does not answer.
    """
    with in_server_words():
        repository = Repository.read(store)
        expires = {ROOT: repository.root.expires}
        if repository.timestamp and repository.snapshot:
            expires[TIMESTAMP] = repository.timestamp.signed.expires
            expires[SNAPSHOT] = repository.snapshot.signed.expires
            for role in [TARGETS, *(roles.delegations_of(repository.targets).roles or {})]:
                metadata = repository.role(role)
                if metadata:
                    expires[role] = metadata.signed.expires
        return TrustState(
            root_version=repository.root.version,
            root_sha256=hashlib.sha256(repository.root_files[-1]).hexdigest(),
            timestamp_version=repository.timestamp.signed.version if repository.timestamp else 0,
            expires=expires,
        )


def content(store: Store, listed: TargetFile) -> bytes:
    sha256 = listed.hashes["sha256"]
    key = target_key(listed.path, sha256)
    data = store.read(key)
    if len(data) != listed.length or hashlib.sha256(data).hexdigest() != sha256:
        raise Tampered(f"{key} in the store is not what is signed")
    return data
