"""What people have signed last, whatever a thief's snapshot lists.

Whoever had the server's keys and the store may have pointed the snapshot at older versions of what
people signed, such as those before a withdrawal; and sites forget the versions they have seen when
other keys take over. So the first snapshot of the new keys lists the newest versions that are
stored and signed as they should be.
"""

from tuf.api.metadata import Targets

from signing.errors import NotStored, Tampered
from signing.metadata import metadata_key, role_and_version, verified
from signing.roles import ROLLOUTS, delegations_of, row_of
from signing.update_repository import Repository


def newer_than_listed(repository: Repository) -> dict[str, int]:
    """The roles of people of which a newer version is stored than listed, with that version.

    Raises:
        StoreFailed: the store does not answer.
    """
    stored: dict[str, list[int]] = {}
    for key in repository.store.keys("metadata/"):
        role, version = role_and_version(key)
        stored.setdefault(role, []).append(version)
    found = {}
    for role in delegations_of(repository.targets).roles or {}:
        newer = (n for n in stored.get(role, ()) if n > repository.version(role))
        ours = [n for n in newer if row_of(role) != ROLLOUTS and _is_signed(repository, role, n)]
        if ours:
            found[role] = max(ours)
    return found


def _is_signed(repository: Repository, role: str, version: int) -> bool:
    try:
        data = repository.store.read(metadata_key(role, version))
        metadata = verified(data, Targets, f"{role} {version}", repository.targets, role)
    except (NotStored, Tampered):
        return False
    return metadata.signed.version == version
