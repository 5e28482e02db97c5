"""A repository of yesterday goes ahead of what sites have seen of it.

A site refuses numbers below those that it knows. What the server signs by itself may have any
higher number, so it skips more of them than can have been used since the backup. What people sign
has the numbers that they gave it: they publish again what they have published since.
"""

from datetime import datetime

from distribution.repository.commit import commit, retried
from distribution.repository.online_keys import OnlineKeys
from distribution.repository.online_roles import online_roles, sign_next
from distribution.repository.store_errors import in_server_words
from signing.store import Store
from signing.update_repository import Repository

STEP = 1_000_000
"""Years of publishing once a minute; and a thousand restores before numbers are at their end."""


class _Ahead(Repository):
    """A repository whose next numbers are far from those it has."""

    def next_version(self, role: str) -> int:
        """See ``Repository.next_version``."""
        return super().next_version(role) + STEP


def go_ahead(store: Store, online: OnlineKeys, now: datetime) -> list[str]:
    """Sign everything of the server's anew, with numbers far above; the names of the roles.

    Raises:
        NotFound: there is no repository.
        Misconfigured: the repository names other keys than this server's.
        LostRace: rivals were faster every time.
        Unavailable: the store does not answer or is full.
    """
    with in_server_words():
        return retried(lambda: _once(store, online, now))


def _once(store: Store, online: OnlineKeys, now: datetime) -> list[str]:
    repository = _Ahead.read(store)
    changed = {
        role: sign_next(repository, role, (), online, now) for role in online_roles(repository)
    }
    commit(repository, changed, online, now)
    return [*changed, "snapshot", "timestamp"]
