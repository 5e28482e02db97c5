"""A client's or a site's receipts, out of the database and into a file for third parties."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from distribution.database.tables import Client, Receipt, Site
from distribution.desk.remote_tables import FormerKey
from distribution.errors import Invalid, NotFound
from distribution.receipts import statements
from distribution.receipts.statements import SignedReport, SignedRotation
from manifests.envelope import peek
from manifests.install_report import REPORT_TYPE, InstallReport
from manifests.key_rotation import ROTATION_TYPE, KeyRotation


@dataclass(frozen=True)
class Exported:
    """What was written, and the keys as we know them: per site the one that came first."""

    content: bytes
    reports: int
    keys: dict[str, str]


def sites_of(session: Session, name: str) -> list[str]:
    """The sites that are meant: all of the client's of that name, or the one site.

    Raises:
        NotFound: there is neither, or a client without a site.
        Invalid: there are both, and the site is not the client's.
    """
    site = session.get(Site, name)
    client = session.get(Client, name)
    if site is None and client is None:
        raise NotFound(f"there is no client and no site {name[:80]!r}", hint="see 'hsp site list'")
    if client is None:
        return [name]
    wanted = select(Site.id).where(Site.client_id == name).order_by(Site.id)
    sites = list(session.exec(wanted))
    if not sites:
        raise NotFound(f"the client {name!r} has no site", hint="see 'hsp site list'")
    if site is not None and name not in sites:
        raise Invalid(f"{name!r} is a client and another client's site: name each site by itself")
    return sites


def export(
    session: Session, sites: Sequence[str], starts: datetime | None, ends: datetime | None
) -> Exported:
    """The reports of these sites that were received in a span of time, and those between them.

    A report that came late is not left out: of each site it is one run of numbers.
    """
    reports = [signed for site in sites for signed in _reports(session, site, starts, ends)]
    rotations = {site: _rotations(session, site) for site in sites}
    lines = statements.lines_of(rotations, reports)
    keys: dict[str, str] = {}
    for site, those in rotations.items():
        if those:
            keys[site] = those[0].rotation.old_key
    for signed in reports:
        keys.setdefault(signed.report.site_id, signed.key)
    return Exported(statements.written(lines), len(reports), keys)


def _reports(
    session: Session, site: str, starts: datetime | None, ends: datetime | None
) -> Iterable[SignedReport]:
    bounds = select(func.min(Receipt.place), func.max(Receipt.place)).where(Receipt.site_id == site)
    if starts is not None:
        bounds = bounds.where(Receipt.received_at >= starts)
    if ends is not None:
        bounds = bounds.where(Receipt.received_at < ends)
    first, last = session.exec(bounds).one()
    if first is None:
        return
    wanted = select(Receipt.envelope, Receipt.public_key).where(
        Receipt.site_id == site, Receipt.place >= first, Receipt.place <= last
    )
    for envelope, key in session.exec(wanted.order_by(col(Receipt.place))):
        body = peek(envelope, REPORT_TYPE)
        yield SignedReport(envelope.decode(), key, body, InstallReport.from_bytes(body))


def _rotations(session: Session, site: str) -> list[SignedRotation]:
    """The changes of a site's key, each behind the one that led to it."""
    wanted = select(FormerKey.envelope).where(FormerKey.site_id == site)
    found = [
        SignedRotation(data.decode(), KeyRotation.from_bytes(peek(data, ROTATION_TYPE)))
        for data in session.exec(wanted.order_by(col(FormerKey.received_at)))
    ]
    by_old = {each.rotation.old_key: each for each in found}
    led_to = {each.rotation.new_key for each in found}
    ordered = []
    for key in [key for key in by_old if key not in led_to]:
        following = by_old.get(key)
        while following is not None:
            ordered.append(following)
            following = by_old.get(following.rotation.new_key)
    return ordered
