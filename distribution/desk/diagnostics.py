"""Diagnostics bundles that sites have sent: redacted there, signed by them, kept for 30 days."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from distribution.control.explanation import known_site
from distribution.database.sessions import Database
from distribution.desk.remote_steps import result_in
from distribution.desk.remote_tables import StepResultRow
from distribution.errors import NotFound
from manifests.remote_steps import Section

KEPT = timedelta(days=30)


@dataclass(frozen=True)
class DiagnosticsRecord:
    """A bundle, without its content."""

    step_id: str
    site_id: str
    received_at: datetime
    size_bytes: int


@dataclass(frozen=True)
class DiagnosticsView:
    """A bundle to read."""

    step_id: str
    site_id: str
    received_at: datetime
    made_at: datetime
    """By the site's clock."""
    agent_version: str
    public_key: str
    """The site's, with which the envelope was verified."""
    sections: tuple[Section, ...]


_COLUMNS = tuple(getattr(StepResultRow, name) for name in DiagnosticsRecord.__dataclass_fields__)


def listed(session: Session, site_id: str, limit: int = 100) -> list[DiagnosticsRecord]:
    """The bundles of a site, the newest first.

    Raises:
        NotFound: there is no such site.
    """
    known_site(session, site_id)
    wanted = select(*_COLUMNS).where(
        StepResultRow.site_id == site_id, col(StepResultRow.has_diagnostics)
    )
    newest = wanted.order_by(col(StepResultRow.received_at).desc()).limit(limit)
    return [DiagnosticsRecord(*row) for row in session.exec(newest)]


def newest_for(session: Session, site_id: str, since: datetime) -> DiagnosticsRecord | None:
    """The newest bundle of a site that came after this moment, for whoever has its ticket open."""
    found = listed(session, site_id, 1)
    return found[0] if found and found[0].received_at >= since else None


def view(session: Session, site_id: str, step_id: str) -> DiagnosticsView:
    """A bundle to read.

    Raises:
        NotFound: this site has sent none for that step, or it was forgotten.
    """
    kept = session.get(StepResultRow, step_id)
    found = result_in(kept).diagnostics if kept is not None and kept.site_id == site_id else None
    if kept is None or found is None:
        raise NotFound(
            f"{site_id} has no diagnostics {step_id[:40]!r}",
            hint=f"see 'hsp site diagnostics {site_id}'; they are kept for {KEPT.days} days",
        )
    return DiagnosticsView(
        step_id=step_id,
        site_id=site_id,
        received_at=kept.received_at,
        made_at=found.at,
        agent_version=found.agent_version,
        public_key=kept.public_key,
        sections=found.sections,
    )


def forget_old(database: Database, now: datetime) -> None:
    """Delete results that are older than 30 days; what became of the steps stays known.

    Raises:
        Unavailable: the database does not answer.
    """
    old = col(StepResultRow.received_at) < now - KEPT
    with database.reading() as session:
        ids = session.exec(select(StepResultRow.step_id).where(old).limit(100)).all()
    if not ids:
        return
    with database.writing() as session:
        for step_id in ids:
            row = session.get(StepResultRow, step_id)
            if row is not None:
                session.delete(row)
