"""The break-glass releases that are published, and who signed each: read off the repository.

Of a role only the newest version is listed, and whoever signed that one need not have signed what
was in it before. So the versions before are followed back to the first that has a release; each
must be signed by somebody whom the officers had given that role. Where that is not to be found out
any more, nobody is named rather than somebody.
"""

from collections.abc import Iterator
from datetime import datetime

from tuf.api.metadata import Metadata, Targets

from distribution.repository import catalogue
from distribution.repository.store_errors import in_server_words
from manifests.errors import ManifestError
from manifests.release import Release
from manifests.target_paths import MANIFEST_NAME
from signing.errors import NotStored, Tampered, UnknownRole
from signing.metadata import metadata_key, parsed, payload, verify
from signing.roles import BREAKGLASS, TARGETS, signatories
from signing.store import Store
from signing.update_repository import Repository


def published(store: Store) -> set[str]:
    """The manifests' paths.

    Raises:
        NotFound: there is no repository.
        Unavailable: the store does not answer.
    """
    with in_server_words():
        role = Repository.read(store).role(BREAKGLASS)
    files = role.signed.targets if role else {}
    return {path for path in files if path.endswith(f"/{MANIFEST_NAME}")}


def people(store: Store) -> tuple[str, ...]:
    """Who may sign one now; nobody if the repository has no such role.

    Raises:
        NotFound, Unavailable: as ``published``.
    """
    with in_server_words():
        try:
            return signatories(Repository.read(store).targets, BREAKGLASS).people
        except UnknownRole:
            return ()


def ends_at(store: Store, path: str) -> datetime | None:
    """When a release ends; None if its manifest is not there to be read any more.

    Raises:
        NotFound, Unavailable: as ``published``.
    """
    with in_server_words():
        role = Repository.read(store).role(BREAKGLASS)
        if role is None or path not in role.signed.targets:
            return None
        try:
            data = catalogue.content(store, role.signed.targets[path])
            return Release.read(path, data).manifest.expires_at
        except (NotStored, Tampered, ManifestError):
            return None


def signers_of(store: Store, path: str) -> tuple[str, ...]:
    """Who signed a release; empty if nobody can tell any more.

    Raises:
        NotFound, Unavailable: as ``published``.
    """
    with in_server_words():
        repository = Repository.read(store)
        first = _first_with(repository, path)
        if first is None:
            return ()
        everybody = (_who_signed(targets, first) for targets in _targets(repository))
        return next((people for people in everybody if people), ())


def _who_signed(targets: Targets, version: Metadata[Targets]) -> tuple[str, ...]:
    try:
        who = signatories(targets, BREAKGLASS)
        return who.who_signed(payload(version.signed), version.signatures)
    except (UnknownRole, Tampered):
        return ()


def _first_with(repository: Repository, path: str) -> Metadata[Targets] | None:
    """The first version of the role that lists a release; None if that is not there any more."""
    first: Metadata[Targets] | None = None
    for version in range(repository.version(BREAKGLASS), 0, -1):
        found = _stored(repository, BREAKGLASS, version)
        if found is None:
            return None
        if path not in found.signed.targets:
            break
        first = found
    return first


def _targets(repository: Repository) -> Iterator[Targets]:
    """What the officers say of who may sign, and what they said before."""
    yield repository.targets
    for version in range(repository.version(TARGETS) - 1, 0, -1):
        found = _stored(repository, TARGETS, version)
        if found is not None and _is_by_officers(repository, found):
            yield found.signed


def _is_by_officers(repository: Repository, metadata: Metadata[Targets]) -> bool:
    for root in reversed(repository.roots):
        try:
            verify(root.signed, TARGETS, metadata)
        except Tampered:
            continue
        return True
    return False


def _stored(repository: Repository, role: str, version: int) -> Metadata[Targets] | None:
    try:
        data = repository.store.read(metadata_key(role, version))
        return parsed(data, Targets, f"{role} {version}")
    except (NotStored, Tampered):
        return None
