"""Signed checkpoints: how far the log has come, where nobody who writes the log can take it back.

Each lies in the repository's store under ``audit/``, written once and never over another one, since
its name holds the record's number and hash: a log that was rebuilt makes other names beside the old
ones. Sites are told the newest one and tell it back, see ``witness``.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from securesystemslib.signer import Key, SSlibKey
from sqlmodel import Session, col, select

from distribution import audit
from distribution.audit import keys, log
from distribution.audit.records import moment
from distribution.audit.tables import AuditRow, CheckpointRow
from distribution.database.engines import is_postgres
from distribution.desk import own_problems
from distribution.errors import Misconfigured
from distribution.repository.bucket import create_kept, open_audit_store
from distribution.repository.store_errors import in_server_words
from distribution.server import Server
from manifests import envelope
from manifests.audit_checkpoint import CHECKPOINT_TYPE, AuditCheckpoint
from manifests.errors import ManifestError
from manifests.failures import FailureCode
from signing.errors import AlreadyStored
from signing.store import Store

logger = logging.getLogger(__name__)

FOLDER = "audit/"
THE_LOG = "the audit log"
_MAKE_KEY = "audit.make_key"
LATE = 6
"""Somebody should look when a record has waited so many times as long as it should."""


@dataclass(frozen=True)
class Stored:
    """What lies under one key of the store. ``checkpoint`` is None where it is not the log's."""

    key: str
    envelope: str
    checkpoint: AuditCheckpoint | None


def work(server: Server, now: datetime) -> AuditCheckpoint | None:
    """Sign how far the log has come, if there is news enough; a crash is followed by the same.

    Raises:
        Misconfigured: the log's key cannot be used.
        Unavailable: the store, the database or the key's place does not answer.
    """
    with server.database.reading() as session:
        seq, hashed = log.newest(session)
        before = newest(session)
    if not _is_due(server, seq, before, now):
        return None
    if not keys.is_made(server.settings):
        _make_key(server, now)
        return work(server, now)
    checkpoint = AuditCheckpoint(seq=seq, hash=hashed, at=now)
    signer = keys.signer(server.settings)
    with in_server_words():
        sealed = envelope.seal(checkpoint.to_bytes(), CHECKPOINT_TYPE, signer)
        _put(server, checkpoint, sealed, now)
    row = CheckpointRow(seq=seq, hash=hashed, at=f"{now:%Y-%m-%dT%H:%M:%SZ}")
    row.envelope = sealed.decode()
    with server.database.writing() as session:
        session.merge(row)
    logger.info("the audit log has come to record %d", seq)
    return checkpoint


def look(server: Server, now: datetime) -> None:
    """Tickets, so that none of this happens in silence: L3's while a record waits far too long for
    its checkpoint, and security's when the log does not even fit the newest one.

    Raises:
        Unavailable: the database does not answer.
    """
    _look_for_late(server, now)
    code = FailureCode.AUDIT_CONTRADICTED
    with server.database.reading() as session:
        before = newest(session)
        row = session.get(AuditRow, before.seq) if before else None
        is_open = THE_LOG in own_problems.details(session, code)
    if before is None or is_open or (row is not None and row.hash == before.hash):
        return
    detail = f"record {before.seq} is not the one that was signed at {before.at}"
    with server.database.writing() as session:
        own_problems.began(session, code, THE_LOG, f"{detail}: hsp audit verify", now)


def _look_for_late(server: Server, now: datetime) -> None:
    code = FailureCode.METADATA_AGING
    late = now - LATE * timedelta(seconds=server.settings.audit_checkpoint_seconds)
    with server.database.reading() as session:
        before = newest(session)
        waiting = log.page(session, before.seq if before else 0, 1)
        is_open = THE_LOG in own_problems.details(session, code)
    is_late = bool(waiting) and waiting[0].at < moment(late)
    if is_late == is_open:
        return
    with server.database.writing() as session:
        if is_late:
            detail = f"record {waiting[0].seq} of the audit log, of {waiting[0].at[:16]}, has no "
            detail += "signed checkpoint yet: the server's journal says why"
            own_problems.began(session, code, THE_LOG, detail, now)
        else:
            own_problems.ended(session, code, THE_LOG, now)


def _is_due(server: Server, seq: int, before: CheckpointRow | None, now: datetime) -> bool:
    news = seq - (before.seq if before else 0)
    if news <= 0:
        return False
    age = timedelta(seconds=server.settings.audit_checkpoint_seconds)
    is_old = before is None or now - datetime.fromisoformat(before.at) >= age
    return is_old or news >= server.settings.audit_checkpoint_records


def _make_key(server: Server, now: datetime) -> None:
    """The log itself says which key it has from then on.

    Raises:
        Misconfigured: it has one, which is not here.
    """
    with server.database.alone("audit-key"):
        if keys.is_made(server.settings):
            return
        with server.database.reading() as session:
            before = log.last(session, 1, log.Filter(action=_MAKE_KEY))
        _require_heir(server, before)
        about = f"the audit log's key {keys.make(server.settings).keyid}"
        if before and before[0].about == about:
            return  # made for another of several servers, and in a place that they share
        with server.database.writing() as session:
            audit.note(session, audit.Deed(audit.AUTOMATIC, _MAKE_KEY, about), now)


def _require_heir(server: Server, before: Sequence[log.AuditRecord]) -> None:
    """One of several servers must not make a key of its own: the others would not know it."""
    if not before or server.settings.audit_key or not is_postgres(server.database.engine):
        return
    if not any(before[0].about.endswith(key.keyid) for key in keys.known(server.settings)):
        raise Misconfigured(
            f"the log has a key, which is not here: {before[0].about}",
            hint=f"copy {server.settings.audit_keys_folder} from the server that made it, or set "
            "audit_key to a place that all servers share",
        )


def _put(server: Server, checkpoint: AuditCheckpoint, sealed: bytes, now: datetime) -> None:
    days = server.settings.audit_lock_days
    until = now + timedelta(days=days) if days else None
    with suppress(AlreadyStored):  # by who crashed before it was noted: of the same record
        create_kept(_store(server), key_of(checkpoint), sealed, until)


def _store(server: Server) -> Store:
    return open_audit_store(server.settings) if server.settings.audit_store_url else server.store


def key_of(checkpoint: AuditCheckpoint) -> str:
    """Where a checkpoint lies."""
    return f"{FOLDER}{checkpoint.seq:012d}-{checkpoint.hash}.json"


def newest(session: Session) -> CheckpointRow | None:
    """The newest checkpoint that was made here."""
    wanted = select(CheckpointRow).order_by(col(CheckpointRow.seq).desc()).limit(1)
    return session.exec(wanted).first()


def noted(session: Session) -> list[CheckpointRow]:
    """All that were made here, as the database has them."""
    return list(session.exec(select(CheckpointRow).order_by(col(CheckpointRow.seq))))


def stored(store: Store, known: Sequence[Key]) -> Iterator[Stored]:
    """All that lie in the store, each verified.

    Raises:
        Unavailable: the store does not answer.
    """
    with in_server_words():
        for key in store.keys(FOLDER):
            sealed = store.read(key)
            yield Stored(key, sealed.decode("utf-8", "replace"), opened(sealed, known))


def opened(sealed: bytes, known: Sequence[Key]) -> AuditCheckpoint | None:
    """A checkpoint that one of these keys has signed; None if none has."""
    for key in known:
        try:
            assert isinstance(key, SSlibKey)  # noqa: S101 - read_public makes no others
            return AuditCheckpoint.from_bytes(envelope.open_sealed(sealed, CHECKPOINT_TYPE, key))
        except ManifestError:
            continue
    return None
