"""What stored reports mean: how far each attempt came, and what the desk has to know.

A report is processed in one transaction with everything that follows from it, so that a crash
leaves it either done or still to do. Reports of a site may come late, twice or in any order: an
attempt moves only forward, by the site's own numbering and never by anybody's clock.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlmodel import Session, col, select, update

from distribution import events
from distribution.database.columns import BIGGEST
from distribution.database.sessions import Database
from distribution.database.tables import Attempt, Receipt
from distribution.desk import endings, incidents
from distribution.desk.opening import Sighting
from distribution.events import EventKind
from distribution.telemetry.logs import about
from manifests import envelope
from manifests.install_report import REPORT_TYPE, InstallReport, Phase

log = logging.getLogger(__name__)

BATCH = 50
"""So many reports share a transaction: few enough that a site which reports meanwhile can wait."""


def process_new(database: Database, now: datetime) -> int:
    """Process the reports that are waiting, oldest first; how many were.

    What cannot be processed ends this round, and is tried again alone and behind all others: it
    counts as unexplained until then, and holds nobody else up.
    """
    done = 0
    while waiting := _waiting(database):
        with _tried(database, waiting), database.writing() as session:
            for receipt_id in waiting:
                _process(session, session.get_one(Receipt, receipt_id), now)
        done += len(waiting)
    return done


def _waiting(database: Database) -> list[int]:
    unprocessed = select(Receipt.id).where(col(Receipt.processed_at).is_(None))
    fresh = unprocessed.where(Receipt.tries == 0).order_by(col(Receipt.id)).limit(BATCH)
    again = unprocessed.order_by(col(Receipt.tries), col(Receipt.id)).limit(1)
    with database.reading() as session:
        found = session.exec(fresh).all() or session.exec(again).all()
    return [number for number in found if number is not None]


@contextmanager
def _tried(database: Database, receipts: Sequence[int]) -> Iterator[None]:
    finished = False
    try:
        yield
        finished = True
    finally:
        if not finished:
            tried = update(Receipt).where(col(Receipt.id).in_(receipts))
            with database.writing() as session:
                session.exec(tried.values(tries=Receipt.tries + 1))


def _process(session: Session, receipt: Receipt, now: datetime) -> None:
    if receipt.processed_at is not None:
        return
    report = InstallReport.from_bytes(envelope.peek(receipt.envelope, REPORT_TYPE))
    with about(site=receipt.site_id, attempt=report.attempt_id):
        _follow(session, receipt, report, now)
    receipt.processed_at = now
    session.add(receipt)


def _follow(session: Session, receipt: Receipt, report: InstallReport, now: datetime) -> None:
    if report.product and report.version and report.release and report.phase is not Phase.REFUSED:
        _advance(session, receipt, report, now)
    if report.code is not None:
        receipt.incident_id = incidents.record(session, _sighting(receipt, report)).id
        log.info("%s of %s %s: %s", report.phase, report.product, report.version, report.code)


def _sighting(receipt: Receipt, report: InstallReport) -> Sighting:
    assert report.code is not None  # noqa: S101 - the caller looked
    about_release = report.product and report.version
    return Sighting(
        site_id=receipt.site_id,
        code=report.code,
        detail=report.detail,
        at=receipt.received_at,
        product=report.product or "" if about_release else "",
        version=report.version or "" if about_release else "",
        release=report.release or "",
        place=receipt.place,
        phase=report.phase,
        hook_status=report.hook_status,
        log_tail=report.log_tail,
    )


def _advance(session: Session, receipt: Receipt, report: InstallReport, now: datetime) -> None:
    attempt = _attempt(session, receipt, report)
    if receipt.place > attempt.place:
        _move(attempt, receipt, report)
        events.tell(
            session,
            EventKind.PHASE,
            now,
            site_id=receipt.site_id,
            product=attempt.product,
            version=attempt.version,
            phase=attempt.phase,
            code=attempt.code or "",
        )
    session.add(attempt)
    session.flush()
    if report.phase is Phase.CONFIRMED:
        endings.confirmed(session, receipt.site_id, attempt.product, receipt.place, now)


def _attempt(session: Session, receipt: Receipt, report: InstallReport) -> Attempt:
    wanted = select(Attempt).where(
        Attempt.site_id == receipt.site_id, Attempt.attempt_id == report.attempt_id
    )
    return session.exec(wanted).one_or_none() or Attempt(
        site_id=receipt.site_id,
        attempt_id=report.attempt_id,
        product=report.product or "",
        version=report.version or "",
        release=report.release or "",
        from_version=report.from_version,
        phase=report.phase,
        started_at=receipt.received_at,
        moved_at=receipt.received_at,
    )


def _move(attempt: Attempt, receipt: Receipt, report: InstallReport) -> None:
    attempt.phase, attempt.code, attempt.detail = report.phase, report.code, report.detail
    attempt.place, attempt.moved_at = receipt.place, receipt.received_at
    attempt.ended_at = receipt.received_at if report.phase.is_final else None
    attempt.duration_seconds = report.duration_seconds
    attempt.downloaded_bytes = min(report.downloaded_bytes, BIGGEST)
    attempt.saved_bytes = min(report.saved_bytes, BIGGEST)
