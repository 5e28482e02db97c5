"""What was published: one record for each new version of what people sign.

The repository is no part of a database transaction, so this compares the two: whoever publishes
calls it afterwards in their name, and the scheduler finds what was published past this server, or
by who crashed in between. What the server signs by itself follows from what is recorded anyway.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from distribution.audit.records import Deed, note
from distribution.audit.tables import PublishedRole
from distribution.database.sessions import Database
from distribution.repository.store_errors import in_server_words
from signing.errors import SigningError
from signing.metadata import metadata_key, payload
from signing.roles import ROLLOUTS, ROOT, TARGETS, delegations_of, row_of, signatories
from signing.store import Store
from signing.update_repository import Repository

REPOSITORY = "the repository"


@dataclass(frozen=True)
class Publication:
    """One version of one role, and who signed it."""

    role: str
    version: int
    sha256: str
    signed_by: tuple[str, ...]


def record(database: Database, store: Store, actor: str, now: datetime) -> list[Publication]:
    """Record what is published and not recorded yet.

    Raises:
        NotFound: there is no repository.
        Unavailable: the store or the database does not answer.
    """
    with in_server_words():
        repository = Repository.read(store)
        found = _versions(repository)
        with database.reading() as session:
            if not _news(session, found):
                return []
        listed = {role: _publication(repository, role, found[role]) for role in found}
    with database.writing() as session:
        news = [listed[role] for role in _news(session, found)]
        for each in news:
            session.merge(PublishedRole(role=each.role, version=each.version, sha256=each.sha256))
            signed = f"signed by {' and '.join(each.signed_by) or 'nobody who is known'}"
            about = f"{each.role} {each.version} sha256:{each.sha256}"
            note(session, Deed(actor, "repository.publish", about, signed), now)
    return news


def _versions(repository: Repository) -> dict[str, int]:
    roles = (ROOT, TARGETS, *(delegations_of(repository.targets).roles or {}))
    people = [role for role in roles if row_of(role) != ROLLOUTS]
    found = {role: repository.version(role) for role in people}
    return {role: version for role, version in found.items() if version}


def _news(session: Session, found: dict[str, int]) -> list[str]:
    known = {row.role: row.version for row in session.exec(select(PublishedRole))}
    return [role for role, version in found.items() if known.get(role) != version]


def _publication(repository: Repository, role: str, version: int) -> Publication:
    data = repository.store.read(metadata_key(role, version))
    sha256 = hashlib.sha256(data).hexdigest()
    return Publication(role, version, sha256, _who_signed(repository, role))


def _who_signed(repository: Repository, role: str) -> tuple[str, ...]:
    metadata = repository.roots[-1] if role == ROOT else repository.role(role)
    if metadata is None:
        return ()
    try:
        holders = signatories(repository.delegator(role), role)
        return holders.who_signed(payload(metadata.signed), metadata.signatures)
    except SigningError:
        return ()
