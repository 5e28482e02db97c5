"""What stored reports mean: how far each attempt came, and what the desk has to know.

A report is processed in one transaction with everything that follows from it, so that a crash
leaves it either done or still to do. Reports of a site may come late, twice or in any order: an
attempt moves only forward, by the site's own numbering and never by anybody's clock.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import tuple_
from sqlmodel import Session, col, select, update

from distribution import events
from distribution.database.columns import BIGGEST
from distribution.database.sessions import Database
from distribution.database.tables import Attempt, Receipt
from distribution.desk import endings, incidents
from distribution.desk.casebook import Casebook
from distribution.desk.opening import Sighting
from distribution.events import EventKind
from distribution.telemetry.logs import about
from manifests import envelope
from manifests.install_report import REPORT_TYPE, InstallReport, Phase

log = logging.getLogger(__name__)

BATCH = 100
"""So many reports share a transaction: few enough that others who write can wait, 0.1 s or so."""

_UNSEEN = {"synchronize_session": False}
"""Nobody asks the session afterwards for what such a statement has changed."""


def process_new(database: Database, now: datetime) -> int:
    """Process the reports that are waiting, oldest first; how many were.

    What cannot be processed ends this round, and is tried again alone and behind all others: it
    counts as unexplained until then, and holds nobody else up.
    """
    done = 0
    while waiting := _waiting(database):
        with _tried(database, waiting), database.writing() as session:
            _Round.read(session, waiting, now).process()
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


@dataclass
class _Round:
    """Some reports, with what the database has about them: it is asked for all of them at once."""

    session: Session
    now: datetime
    reports: Sequence[tuple[Receipt, InstallReport]]
    attempts: dict[tuple[str, str], Attempt]
    book: Casebook

    @classmethod
    def read(cls, session: Session, waiting: Sequence[int], now: datetime) -> Self:
        wanted = select(Receipt).where(
            col(Receipt.id).in_(waiting), col(Receipt.processed_at).is_(None)
        )
        receipts = session.exec(wanted.order_by(col(Receipt.id))).all()
        reports = [
            (each, InstallReport.from_bytes(envelope.peek(each.envelope, REPORT_TYPE)))
            for each in receipts
        ]
        named = tuple_(col(Attempt.site_id), col(Attempt.attempt_id))
        keys = {(receipt.site_id, report.attempt_id) for receipt, report in reports}
        found = session.exec(select(Attempt).where(named.in_(keys))).all()
        failures = [_sighting(*pair) for pair in reports if pair[1].code is not None]
        confirming = {r.site_id for r, report in reports if report.phase is Phase.CONFIRMED}
        return cls(
            session=session,
            now=now,
            reports=reports,
            attempts={(each.site_id, each.attempt_id): each for each in found},
            book=Casebook.read(session, failures, confirming),
        )

    def process(self) -> None:
        for receipt, report in self.reports:
            with about(site=receipt.site_id, attempt=report.attempt_id):
                self._follow(receipt, report)
        of_these = update(Receipt).where(col(Receipt.id).in_([each.id for each, _ in self.reports]))
        self.session.exec(of_these.values(processed_at=self.now), execution_options=_UNSEEN)

    def _follow(self, receipt: Receipt, report: InstallReport) -> None:
        refused = report.phase is Phase.REFUSED
        if report.product and report.version and report.release and not refused:
            self._advance(receipt, report)
        if report.code is not None:
            incident = incidents.record_in(self.book, _sighting(receipt, report))
            receipt.incident_id = incident.id
            log.info("%s of %s %s: %s", report.phase, report.product, report.version, report.code)

    def _advance(self, receipt: Receipt, report: InstallReport) -> None:
        attempt = self._attempt(receipt, report)
        if receipt.place > attempt.place:
            _move(attempt, receipt, report)
            events.tell(
                self.session,
                EventKind.PHASE,
                self.now,
                site_id=receipt.site_id,
                product=attempt.product,
                version=attempt.version,
                phase=attempt.phase,
                code=attempt.code or "",
            )
        self.session.add(attempt)
        if report.phase is Phase.CONFIRMED:
            place, product = receipt.place, attempt.product
            endings.confirmed(self.book, receipt.site_id, product, place, self.now)

    def _attempt(self, receipt: Receipt, report: InstallReport) -> Attempt:
        key = (receipt.site_id, report.attempt_id)
        known = self.attempts.get(key)
        if known is None:
            known = self.attempts[key] = _begun(receipt, report)
        return known


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


def _begun(receipt: Receipt, report: InstallReport) -> Attempt:
    return Attempt(
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
