"""Whose key speaks for a site, and when it does so no more: revocation, and copies of a machine.

A machine that was copied, with its key, speaks from two boots in turn: what was an earlier boot
comes back after a later one had begun. Such a site is quarantined: a brake on it, which an
approver takes off, and security hears of it. A restart of the agent keeps the boot's number, and a
reboot has a new one for good, so neither is a copy. What comes late, from a stick or through a
slow line, says itself that it is from before, and counts for nothing here.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum, auto

from sqlmodel import Session, col, select

from distribution import audit
from distribution.control import brakes
from distribution.control.brakes import Scope
from distribution.control.control_tables import BrakeRow, SiteBoot
from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.database.tables import Site
from distribution.errors import Conflict, NotFound
from distribution.sites import alarms, enrolment
from distribution.sites.alarms import AlarmKind
from manifests.check_in import CheckIn
from manifests.failures import FailureCode

QUARANTINE = "the quarantine"
COPIED = "two machines speak with this site's key"
MOST_BOOTS = 10
"""Of a site; the oldest are forgotten."""


def revoke(database: Database, site_id: str, word: Word, now: datetime) -> None:
    """Believe a site's key no more, from its next message on; invitations to it end.

    What it runs goes on running. Only an invitation lets it, or its successor, in again.

    Raises:
        NotFound: there is no such site.
        Conflict: it is revoked already.
        Invalid: no reason.
        Unavailable: the database does not answer.
    """
    said = word.checked()
    with database.writing() as session:
        site = session.get(Site, site_id)
        if site is None:
            raise NotFound(f"there is no site {site_id!r}", hint="see 'hsp site list'")
        if site.revoked_at is not None:
            raise Conflict(f"the site {site_id} is revoked already")
        site.revoked_at = now
        session.add(site)
        enrolment.end_unused(session, site_id, now)
        deed = audit.Deed(said.actor, "site.revoke", f"site {site_id}", said.reason, said.role)
        audit.note(session, deed, now)


class Boot(Enum):
    """Of which boot of its site's machine a check-in is."""

    NEWEST = auto()
    LATE = auto()
    """From before the newest one began."""
    NEW = auto()
    BACK = auto()
    """An earlier one, after the newest one had begun."""


def boot_of(known: Sequence[tuple[str, datetime]], said: CheckIn) -> Boot:
    """Which one it is.

    Args:
        known: the boots of the site and since when they are, in the order they were heard of.
    """
    if known and known[-1][0] == said.boot_id:
        return Boot.NEWEST
    if known and said.at <= known[-1][1]:
        return Boot.LATE
    return Boot.BACK if any(boot_id == said.boot_id for boot_id, _ in known) else Boot.NEW


def note_boot(session: Session, site: Site, said: CheckIn, now: datetime) -> bool:
    """Remember the boot that a check-in comes from; quarantine a site that speaks from two.

    Says whether it is the newest boot; a late check-in is from one before.
    """
    wanted = select(SiteBoot).where(SiteBoot.site_id == site.id)
    known = session.exec(wanted.order_by(col(SiteBoot.heard_at), col(SiteBoot.since))).all()
    boot = boot_of([(row.boot_id, row.since) for row in known], said)
    if boot in (Boot.NEWEST, Boot.LATE):
        return boot is Boot.NEWEST
    before = next((row for row in known if row.boot_id == said.boot_id), None)
    if boot is Boot.BACK:
        _quarantine(session, site, now)
    for row in known[: max(0, len(known) + 1 - MOST_BOOTS)]:
        if row is not before:
            session.delete(row)
    row = before or SiteBoot(site_id=site.id, boot_id=said.boot_id, since=said.at, heard_at=now)
    row.since, row.heard_at = said.at, now
    session.add(row)
    return True


def _quarantine(session: Session, site: Site, now: datetime) -> None:
    code = FailureCode.FORGED_REPORT
    alarms.ring(session, site.id, AlarmKind.COPIED, code, COPIED, now)
    is_on = select(BrakeRow).where(
        BrakeRow.scope == Scope.SITE,
        BrakeRow.target == site.id,
        BrakeRow.by == QUARANTINE,
        col(BrakeRow.off_at).is_(None),
    )
    if session.exec(is_on).first() is None:
        brakes.add(session, Scope.SITE, site.id, Word(QUARANTINE, COPIED), now)
