"""Which records of the audit log were lost with a database, by what restores have put on record.

It is an explanation for whoever is alarmed, and no reason to be silent: a restore that nobody knows
of is what an alarm is for.
"""

from sqlmodel import Session, col, select

from distribution.backup.tables import RestoreRow


def explanation(session: Session, first: int, last: int) -> str:
    """What is on record about the loss of these records, as the end of a sentence; or nothing."""
    wanted = select(RestoreRow).where(RestoreRow.audit_seq < first, RestoreRow.audit_lost >= last)
    row = session.exec(wanted.order_by(col(RestoreRow.id).desc())).first()
    if row is None:
        return ""
    return (
        f". On record: restored by {row.by} at {row.at:%Y-%m-%d %H:%M} UTC from a backup of "
        f"{row.backup_at:%Y-%m-%d %H:%M} UTC, with the loss of records {row.audit_seq + 1} to "
        f"{row.audit_lost}. Ask {row.by} whether that is so"
    )
