"""Sites as witnesses: each tells back the newest checkpoint that it was told, and it must hold.

Whoever rebuilds the log meets a site that remembers. A site can raise an alarm by this, and nothing
else: what it says is compared and otherwise ignored.
"""

from datetime import datetime

from sqlmodel import Session

from distribution.audit import checkpoints, keys, log
from distribution.audit.tables import AuditRow
from distribution.backup import gaps
from distribution.settings import Settings
from distribution.sites import alarms
from manifests.audit_checkpoint import AuditCheckpoint, claimed
from manifests.failures import FailureCode
from signing.errors import SigningError


def to_be_told(session: Session) -> str:
    """The newest checkpoint, as the answer to a check-in carries it; empty before the first."""
    row = checkpoints.newest(session)
    return row.envelope if row else ""


def holds(session: Session, told: str) -> bool:
    """Whether the log has what a site has witnessed."""
    said = claimed(told) if told else None
    return said is None or _has(session, said)


def _has(session: Session, said: AuditCheckpoint) -> bool:
    row = session.get(AuditRow, said.seq)
    return row is not None and row.hash == said.hash


def hear(session: Session, site_id: str, told: str, settings: Settings, now: datetime) -> None:
    """Compare what a site has witnessed with the log, and ring if it contradicts it."""
    said = claimed(told) if told else None
    if said is None or _has(session, said):
        return
    row = session.get(AuditRow, said.seq)
    code = FailureCode.AUDIT_CONTRADICTED
    detail = _in_words(session, said, row, _is_ours(told, settings))
    alarms.ring(session, site_id, code, code, detail, now)


def _is_ours(told: str, settings: Settings) -> bool:
    try:
        return checkpoints.opened(told.encode(), keys.known(settings)) is not None
    except SigningError:
        return False


def _in_words(session: Session, said: AuditCheckpoint, row: AuditRow | None, is_ours: bool) -> str:
    when = f"{said.at:%Y-%m-%d %H:%M} UTC"
    if not is_ours:
        return (
            f"it was told a checkpoint of {when} (record {said.seq}) that our key did not sign: "
            "something stands between it and us, or it makes this up"
        )
    known = gaps.explanation(session, said.seq, said.seq)
    if row is None:
        end = log.newest(session)[0]
        return (
            f"it has seen our signed word of {when} that the audit log had {said.seq} records, "
            f"and now it ends at {end}: it was cut off or restored from a backup{known}"
        )
    return (
        f"it has seen our signed word of {when} that record {said.seq} of the audit log has the "
        f"hash {said.hash[:16]}, and now it has {row.hash[:16]}: the log was rewritten{known}"
    )
