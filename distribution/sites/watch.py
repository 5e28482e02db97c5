"""What nobody reports: sites that fell silent, attempts that lost contact, alarms of the API.

Each look compares rows with the clock and with what the desk has already; looking twice finds
nothing new. A site without a line is not expected before the stick that is on its way is back.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from distribution.control import fleet
from distribution.database.sessions import Database
from distribution.database.tables import Alarm, Attempt, Incident, Problem, Site
from distribution.desk import endings, incidents
from distribution.desk.opening import Sighting
from distribution.desk.states import TicketState
from distribution.settings import Settings
from manifests.failures import FailureCode
from manifests.install_report import FINAL_PHASES


def look(database: Database, settings: Settings, now: datetime) -> None:
    """Look at everything once, one transaction each."""
    silent_since = now - timedelta(seconds=settings.silent_after_seconds)
    lost_since = now - timedelta(seconds=settings.lost_contact_seconds)
    with database.writing() as session:
        _alarms(session)
    with database.writing() as session:
        _recovered_sites(session, silent_since, now)
        endings.gone(session, now)
    with database.writing() as session:
        _silent_sites(session, silent_since, now)
    with database.writing() as session:
        _found_contacts(session, now)
        _lost_contacts(session, lost_since, now)


def _alarms(session: Session) -> None:
    for alarm in session.exec(select(Alarm).where(Alarm.seen > Alarm.noted)).all():
        code = FailureCode(alarm.code)
        if not _was_reported(session, alarm):
            incidents.record(session, Sighting(alarm.site_id, code, alarm.detail, alarm.last_at))
        alarm.noted = alarm.seen
        session.add(alarm)


def _was_reported(session: Session, alarm: Alarm) -> bool:
    """Whether a check-in says again what a report of the same poll has told: that is no repeat."""
    return alarm.kind == alarm.code and alarm.site_id in _sites_with_open(session, alarm.code)


def _silent_sites(session: Session, since: datetime, now: datetime) -> None:
    known = _sites_with_open(session, FailureCode.SILENT)
    for site in list(fleet.silent_sites(session, since, now)):
        if site.id not in known:
            detail = f"last heard of at {site.last_seen:%Y-%m-%d %H:%M} UTC"
            incidents.record(session, Sighting(site.id, FailureCode.SILENT, detail, now))


def _recovered_sites(session: Session, since: datetime, now: datetime) -> None:
    """Close what a site itself shows to be over: silence, and the problem it named."""
    wanted = (
        select(Incident, Problem, Site)
        .join(Problem, col(Incident.problem_id) == col(Problem.id))
        .join(Site, col(Incident.site_id) == col(Site.id))
        .where(Incident.state == TicketState.OPEN, Problem.product == "")
    )
    over = [
        (incident, problem)
        for incident, problem, site in session.exec(wanted)
        if _is_over(incident, problem, site, since, now)
    ]
    endings.close(session, over, now)


def _is_over(
    incident: Incident, problem: Problem, site: Site, since: datetime, now: datetime
) -> bool:
    if problem.code == FailureCode.SILENT:
        return site.last_seen >= since or (site.expected_by or since) >= now
    return not site.problem and site.last_seen > incident.last_at


def _sites_with_open(session: Session, code: str) -> set[str]:
    wanted = (
        select(Incident.site_id)
        .join(Problem, col(Incident.problem_id) == col(Problem.id))
        .where(Incident.state == TicketState.OPEN, Problem.code == code)
    )
    return set(session.exec(wanted))


def _lost_contacts(session: Session, since: datetime, now: datetime) -> None:
    """An attempt that stands still at a site that is not heard of any more."""
    wanted = (
        select(Attempt)
        .join(Site, col(Attempt.site_id) == col(Site.id))
        .where(
            col(Attempt.phase).not_in([phase.value for phase in FINAL_PHASES]),
            col(Attempt.lost_at).is_(None),
            Attempt.moved_at < since,
            Site.last_seen < since,
            fleet.is_due(now),
        )
    )
    for attempt in session.exec(wanted).all():
        attempt.lost_at = now
        session.add(attempt)
        incidents.record(session, _lost(attempt, now))


def _found_contacts(session: Session, now: datetime) -> None:
    wanted = (
        select(Attempt)
        .join(Site, col(Attempt.site_id) == col(Site.id))
        .where(col(Site.last_seen) > col(Attempt.lost_at))
    )
    for attempt in session.exec(wanted).all():
        attempt.lost_at = None
        session.add(attempt)
        endings.recovered(session, attempt.site_id, (FailureCode.LOST_CONTACT,), now)


def _lost(attempt: Attempt, now: datetime) -> Sighting:
    return Sighting(
        site_id=attempt.site_id,
        code=FailureCode.LOST_CONTACT,
        detail=f"nothing heard since it was {attempt.phase}",
        at=now,
        product=attempt.product,
        version=attempt.version,
        release=attempt.release,
        place=attempt.place,
    )
