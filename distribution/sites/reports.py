"""Install reports: durable before they are acknowledged, and each taken once.

Taking a report is one small transaction that stores the envelope as evidence. What follows from it
(attempts, tickets) is done afterwards by the scheduler, alone and in order: so no report is refused
because of an error of ours, two reports never race for the same ticket, and the way that ten
thousand sites use at once stays short.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session, select

from distribution.database.sessions import Database
from distribution.database.tables import Receipt, Site
from distribution.errors import Conflict, Unauthorised
from distribution.sites import alarms, site_keys
from distribution.sites.alarms import AlarmKind
from distribution.sites.sealed import freely, peeked, unauthorised
from manifests.check_in import ReportReceipt
from manifests.failures import FailureCode
from manifests.install_report import REPORT_TYPE, InstallReport


def accept(
    database: Database, data: bytes, now: datetime, *, admit: Callable[[str], None] = freely
) -> ReportReceipt:
    """Store a report; when this returns, it survives a power cut.

    Args:
        admit: asked with the site's name once its signature is right; it may refuse.

    Raises:
        Malformed: not an envelope with a report.
        ManifestError: a field of the report is wrong.
        Unauthorised: no such site, or not signed by its key; the latter is counted.
        TooMany: by ``admit``.
        Conflict: the site has already sent another report with this number; security hears of it.
        Unavailable: the database does not answer; nothing was stored.
    """
    report = peeked(data, REPORT_TYPE, InstallReport)
    site = known_site(database, report.site_id)
    try:
        body = site_keys.opened(database, site, data, REPORT_TYPE, report.at, now)
    except Unauthorised:
        _count_forgery(database, site.id, now)
        raise
    admit(site.id)
    sha256 = hashlib.sha256(body).hexdigest()
    with database.writing() as session:
        before = _stored_before(session, report, sha256, now)
        if before is None:
            session.add(_receipt(session, report, data, sha256, now))
    if before not in (None, sha256):
        raise Conflict(
            f"report {report.sequence} of {site.id} was received before with another content",
            hint="security has been told; a copied agent state does this",
        )
    return ReportReceipt(
        site_id=site.id,
        sequence=report.sequence,
        sha256=sha256,
        duplicate=before is not None,
    )


def known_site(database: Database, site_id: str) -> Site:
    """An enrolled site.

    Raises:
        Unauthorised: there is none, or it was revoked.
    """
    with database.reading() as session:
        site = session.get(Site, site_id)
    if site is None or site.revoked_at is not None:
        raise unauthorised()
    return site


def _stored_before(
    session: Session, report: InstallReport, sha256: str, now: datetime
) -> str | None:
    """The hash of the report that has this number already; a different one rings an alarm."""
    site = session.get_one(Site, report.site_id)
    site.last_seen = max(site.last_seen, now)
    session.add(site)
    place = site.place_base + report.sequence
    wanted = select(Receipt.sha256).where(Receipt.site_id == site.id, Receipt.place == place)
    found = session.exec(wanted).one_or_none()
    if found not in (None, sha256):
        detail = f"report {report.sequence} came twice with different content"
        code = FailureCode.FORGED_REPORT
        alarms.ring(session, site.id, AlarmKind.SEQUENCE_REUSED, code, detail, now)
    return found


def _receipt(
    session: Session, report: InstallReport, data: bytes, sha256: str, now: datetime
) -> Receipt:
    site = session.get_one(Site, report.site_id)
    return Receipt(
        site_id=site.id,
        place=site.place_base + report.sequence,
        sequence=report.sequence,
        envelope=data,
        sha256=sha256,
        public_key=site.public_key,
        received_at=now,
        phase=report.phase,
        code=report.code,
    )


def _count_forgery(database: Database, site_id: str, now: datetime) -> None:
    detail = "a report that the site's key did not sign"
    with database.writing() as session:
        code = FailureCode.FORGED_REPORT
        alarms.ring(session, site_id, AlarmKind.BAD_SIGNATURE, code, detail, now)
