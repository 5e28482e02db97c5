"""What the API notices and the desk must hear of: kept as one counting row a site and kind.

So whatever a stranger sends in a site's name costs one row, and not one ticket, each time.
"""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from distribution.database.tables import Alarm
from manifests.failures import FailureCode


class AlarmKind(StrEnum):
    """Kinds that are not failure codes of a check-in."""

    BAD_SIGNATURE = "bad_signature"
    SEQUENCE_REUSED = "sequence_reused"
    COPIED = "copied"
    STRANGE_ROTATION = "strange_rotation"
    FORMER_KEY = "former_key"


def ring(
    session: Session, site_id: str, kind: str, code: FailureCode, detail: str, now: datetime
) -> None:
    """Count one more of ``kind`` at a site; the scheduler makes a ticket of it."""
    alarm = session.get(Alarm, (site_id, kind))
    if alarm is None:
        alarm = Alarm(site_id=site_id, kind=kind, code=code, last_at=now)
    alarm.seen += 1
    alarm.code, alarm.detail, alarm.last_at = code, detail, now
    session.add(alarm)


def code_of(problem: str) -> FailureCode:
    """The failure code that a check-in names; what this server does not know goes to L2."""
    try:
        return FailureCode(problem)
    except ValueError:
        return FailureCode.INSTALL_FAILED
