"""What a site's page lists beside its record: its newest signed reports, and its tickets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from distribution.database.tables import Incident, Problem, Receipt

SHOWN = 25


@dataclass(frozen=True)
class ReceiptLine:
    """One report that the site signed and we keep."""

    sequence: int
    received_at: datetime
    phase: str
    code: str | None
    sha256: str


@dataclass(frozen=True)
class TicketLine:
    """A problem that this site has, or had."""

    number: int
    tier: str
    code: str
    state: str
    detail: str
    opened_at: datetime


def receipts(session: Session, site_id: str) -> Sequence[ReceiptLine]:
    """The newest ones in front."""
    wanted = select(Receipt).where(Receipt.site_id == site_id).order_by(col(Receipt.place).desc())
    return [
        ReceiptLine(row.sequence, row.received_at, row.phase, row.code, row.sha256)
        for row in session.exec(wanted.limit(SHOWN))
    ]


def tickets(session: Session, site_id: str) -> Sequence[TicketLine]:
    """The newest ones in front; each with the state that it has at this site."""
    wanted = select(Incident, Problem).join(Problem, col(Incident.problem_id) == col(Problem.id))
    newest = wanted.where(Incident.site_id == site_id).order_by(col(Incident.last_at).desc())
    return [
        TicketLine(
            problem.id or 0, here.tier, problem.code, here.state, here.detail, here.opened_at
        )
        for here, problem in session.exec(newest.limit(SHOWN))
    ]
