"""What a repository needs no longer, and may lose: superseded metadata, content that nothing lists.

A client that has read a timestamp goes on to the snapshot it points at, to the roles in that, and
to the files in those. So nothing is removed when it is found to be unneeded, but only when it has
been so for a whole ``retention_seconds``, which is days, where a poll takes minutes. What is needed
again in the meantime is forgotten about.

Kept for ever: every root, which clients walk along, and every version of what officers and L3 have
signed, which is small and says who signed what. Files of a withdrawn release stay while a site
runs it; afterwards only its manifest's entry stays, which says that it was withdrawn.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from sqlmodel import col, delete, select
from tuf.api.metadata import TargetFile, Targets

from distribution.control import withdrawals
from distribution.control.control_tables import UnneededRow
from distribution.repository.store_errors import in_server_words
from distribution.server import Server
from manifests.target_paths import MANIFEST_NAME, ReleasePath
from manifests.withdrawal import withdrawn
from signing.errors import NotStored, Tampered
from signing.metadata import parsed, role_and_version, target_key
from signing.roles import BREAKGLASS, HOTFIXES, ROOT, SNAPSHOT, TARGETS, delegations_of
from signing.store import Store
from signing.update_repository import MOST_VERSIONS, Repository

EVERY = timedelta(hours=1)
LOOKED = ""
"""The row that says when somebody last looked; no key is empty."""

_KEPT = frozenset({ROOT, TARGETS, HOTFIXES, BREAKGLASS})


def sweep(server: Server, now: datetime) -> list[str]:
    """Once an hour, note what is unneeded and remove what has been so for long; the keys removed.

    Raises:
        Unavailable: the store or the database does not answer.
    """
    if not _is_time(server, now):
        return []
    with in_server_words():
        found = set(unneeded(server))
        due = _noted(server, found, now)
        for key in due:
            server.store.remove(key)
    with server.database.writing() as session:
        session.exec(delete(UnneededRow).where(col(UnneededRow.key).in_(due)))
    return due


def _is_time(server: Server, now: datetime) -> bool:
    with server.database.reading() as session:
        looked = session.get(UnneededRow, LOOKED)
    return looked is None or now - looked.noticed_at >= EVERY


def _noted(server: Server, found: Collection[str], now: datetime) -> list[str]:
    """Bring the notes up to date; returns the keys whose time has come."""
    retention = timedelta(seconds=server.settings.retention_seconds)
    with server.database.writing() as session:
        known = {row.key: row for row in session.exec(select(UnneededRow)) if row.key != LOOKED}
        for key, row in known.items():
            if key not in found:
                session.delete(row)
        session.add_all(UnneededRow(key=key, noticed_at=now) for key in found - known.keys())
        session.merge(UnneededRow(key=LOOKED, noticed_at=now))
        return sorted(
            key for key in found & known.keys() if now - known[key].noticed_at >= retention
        )


def unneeded(server: Server) -> Iterator[str]:
    """The keys that no client which begins now would come to.

    Raises:
        NotStored, Tampered, StoreFailed: the repository cannot be read; nothing may be removed.
    """
    stored = list(server.store.keys("metadata/")), list(server.store.keys("targets/"))
    repository = Repository.read(server.store)  # after the listing: what came since is in neither
    yield from _old_metadata(repository, stored[0])
    listed = set(_listed(server, repository, stored[0]))
    yield from (key for key in stored[1] if key not in listed)


def _old_metadata(repository: Repository, keys: Collection[str]) -> Iterator[str]:
    for key in keys:
        role, version = role_and_version(key)
        if role and role not in _KEPT and _is_over(version, _current(repository, role)):
            yield key


def _is_over(version: int, current: int) -> bool:
    """Older than the current one, or a thief's, of whose fast-forward nothing is left."""
    return version < current or current <= MOST_VERSIONS < version


def _current(repository: Repository, role: str) -> int:
    if role == SNAPSHOT:
        return repository.snapshot.signed.version if repository.snapshot else 0
    return repository.version(role)


def _listed(server: Server, repository: Repository, keys: Collection[str]) -> Iterator[str]:
    """Everything that a role lists, or will once a publish that was begun is finished."""
    for role in delegations_of(repository.targets).roles or {}:
        metadata = repository.role(role)
        files = metadata.signed.targets if metadata else {}
        gone = set(_withdrawn_for_good(server, files))
        yield from (_key(file) for path, file in files.items() if path not in gone)
    for key in keys:
        role, version = role_and_version(key)
        current = repository.version(role)
        if role in ("", ROOT, SNAPSHOT) or version <= current or _is_over(version, current):
            continue
        yield from map(_key, _begun(server.store, key))


def _begun(store: Store, key: str) -> list[TargetFile]:
    try:
        return list(parsed(store.read(key), Targets, key).signed.targets.values())
    except (NotStored, Tampered):
        return []


def _withdrawn_for_good(server: Server, files: dict[str, TargetFile]) -> Iterator[str]:
    """The files of withdrawn releases that no site runs, but for their manifests."""
    for path, file in files.items():
        if path.endswith(f"/{MANIFEST_NAME}") and withdrawn(file):
            release = ReleasePath.parse(path)
            if withdrawals.sites_running(server.database, release.product, release.version):
                continue
            folder = path.removesuffix(MANIFEST_NAME)
            yield from (each for each in files if each.startswith(folder) and each != path)


def _key(file: TargetFile) -> str:
    return target_key(file.path, file.hashes["sha256"])
