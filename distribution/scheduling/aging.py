"""Signed metadata that comes near its end: a ticket when only a quarter of its life is left.

What the server signs is renewed at half of its life, so at a quarter something keeps it from that.
What people sign is theirs to renew, and a quarter of its life is the time they have for it.
Emergencies' roles are left to expire: they are for days, and the next emergency signs its own anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from distribution.database.sessions import Database
from distribution.desk import own_problems
from distribution.repository.store_errors import in_server_words
from manifests.failures import FailureCode
from signing.roles import (
    BREAKGLASS,
    HOTFIXES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Signatories,
    delegations_of,
    life_of,
    signatories,
)
from signing.store import Store
from signing.update_repository import Repository

ALARM_AT = 4
"""The alarm is for what has less than its life divided by this left."""


@dataclass(frozen=True)
class Age:
    """How long a role's metadata lives, and when it ends."""

    role: str
    version: int
    life: timedelta
    expires: datetime

    def is_old(self, now: datetime) -> bool:
        """Whether somebody should look."""
        return self.expires - now < self.life / ALARM_AT


def ages(store: Store) -> list[Age]:
    """Every role that sites depend on.

    Raises:
        NotFound: there is no repository.
        Unavailable: the store does not answer.
    """
    with in_server_words():
        return list(_ages(Repository.read(store)))


def _ages(repository: Repository) -> Iterator[Age]:
    root = repository.root
    yield Age(ROOT, root.version, life_of(root, ROOT), root.expires)
    if repository.timestamp is None or repository.snapshot is None:
        return
    timestamp, snapshot = repository.timestamp.signed, repository.snapshot.signed
    yield Age(TIMESTAMP, timestamp.version, life_of(root, TIMESTAMP), timestamp.expires)
    yield Age(SNAPSHOT, snapshot.version, life_of(root, SNAPSHOT), snapshot.expires)
    for role in (TARGETS, *(delegations_of(repository.targets).roles or {})):
        metadata = repository.role(role)
        if metadata is not None and role not in (HOTFIXES, BREAKGLASS):
            signed, life = metadata.signed, life_of(repository.delegator(role), role)
            yield Age(role, signed.version, life, signed.expires)


@dataclass(frozen=True)
class Emergency:
    """A role that is left to expire.

    Attributes:
        holders: who may sign it; None if the repository was made without it.
        version: 0 if nothing was ever signed for it.
        expires: None as well, then.
    """

    role: str
    holders: Signatories | None
    version: int = 0
    expires: datetime | None = None

    @property
    def is_unusable(self) -> bool:
        """Whether nobody could publish in it any more: too few people for its threshold."""
        return self.holders is not None and len(self.holders.people) < self.holders.threshold


def emergencies(store: Store) -> list[Emergency]:
    """Every role that is for emergencies, whether it is there or not.

    Raises:
        NotFound: there is no repository.
        Unavailable: the store does not answer.
    """
    with in_server_words():
        repository = Repository.read(store)
        return [_emergency(repository, role) for role in (HOTFIXES, BREAKGLASS)]


def _emergency(repository: Repository, role: str) -> Emergency:
    if role not in (delegations_of(repository.targets).roles or {}):
        return Emergency(role, None)
    holders, metadata = signatories(repository.targets, role), repository.role(role)
    if metadata is None:
        return Emergency(role, holders)
    return Emergency(role, holders, metadata.signed.version, metadata.signed.expires)


def look(database: Database, store: Store, now: datetime) -> None:
    """Open a ticket for each role that is old, and close those of roles that are fresh again.

    Raises:
        NotFound: there is no repository.
        Unavailable: the store or the database does not answer.
    """
    found, code = ages(store), FailureCode.METADATA_AGING
    with database.reading() as session:
        if not own_problems.are_open(session, code) and not any(a.is_old(now) for a in found):
            return
    with database.writing() as session:
        for age in found:
            if age.is_old(now):
                detail = f"{age.role} expires at {age.expires:%Y-%m-%d %H:%M} UTC"
                own_problems.began(session, code, age.role, detail, now)
            else:
                own_problems.ended(session, code, age.role, now)
