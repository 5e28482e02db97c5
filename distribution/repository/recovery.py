"""The repository as people have signed it last, whatever a thief's timestamp and snapshot say.

Whoever had the server's keys and the store may have pointed the snapshot at older versions of what
people signed, such as those before a withdrawal, at none, or at files of their own. Sites forget
the versions they have seen when other keys take over. So what takes the keys away goes by the
store: of each role the newest version that is stored and signed as it should be.
"""

from collections.abc import Iterable

from tuf.api.metadata import Targets

from signing.errors import NotStored, Tampered
from signing.metadata import metadata_key, role_and_version, verified
from signing.roles import TARGETS, delegations_of
from signing.store import Store
from signing.update_repository import MOST_VERSIONS, Repository


def rebuilt(store: Store) -> Repository:
    """Read a repository without believing its timestamp and its snapshot.

    Raises:
        NotStored: there is no repository, or no targets that its officers signed.
        Tampered: a root is not signed by whom it should be.
        StoreFailed: the store does not answer.
    """
    repository = Repository.distrusting(store)
    stored: dict[str, list[int]] = {}
    for key in store.keys("metadata/"):
        role, version = role_and_version(key)
        if 0 < version <= MOST_VERSIONS:
            stored.setdefault(role, []).append(version)
    found: dict[str, int] = {}
    repository.listing = found
    _list_newest(repository, TARGETS, stored.get(TARGETS, ()), found)
    for role in delegations_of(repository.targets).roles or {}:
        _list_newest(repository, role, stored.get(role, ()), found)
    return repository


def _list_newest(
    repository: Repository, role: str, versions: Iterable[int], found: dict[str, int]
) -> None:
    for version in sorted(versions, reverse=True):
        if _is_signed(repository, role, version):
            found[role] = version
            return


def _is_signed(repository: Repository, role: str, version: int) -> bool:
    try:
        data = repository.store.read(metadata_key(role, version))
        delegator = repository.delegator(role)
        metadata = verified(data, Targets, f"{role} {version}", delegator, role)
    except (NotStored, Tampered):
        return False
    return metadata.signed.version == version
