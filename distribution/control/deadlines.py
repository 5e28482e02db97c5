"""Sites that do not run a version by its rollout's deadline: each becomes a part of one ticket.

A deadline hastens nothing. It says when somebody should ask why; what the site itself said at its
latest check-in is on the ticket.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, select

from distribution.control import fleet, rollouts
from distribution.control.standing import Candidate, Course, Standing, is_for, plan_of_one, standing
from distribution.database.sessions import Database
from distribution.database.tables import Incident, Problem, RolloutRow, SiteProduct
from distribution.desk import incidents
from distribution.desk.opening import Sighting
from manifests import rollout as language
from manifests.failures import FailureCode
from manifests.rollout import RolloutState, Schedule

_DONE = (Standing.CONFIRMED, Standing.OVERTAKEN, Standing.FAILED)
"""A failed site has a ticket of its own."""


def look(database: Database, online_since: datetime, now: datetime) -> None:
    """Open what is due, for every rollout under way, in a transaction each.

    Raises:
        Unavailable: the database does not answer.
    """
    with database.reading() as session:
        rows = _under_way(rollouts.all_rollouts(session))
        late = [row.id for row in rows if _is_over(row, now)]
    for number in late:
        with database.writing() as session:
            _note(session, session.get_one(RolloutRow, number), online_since, now)


def _under_way(oldest_first: list[RolloutRow]) -> list[RolloutRow]:
    """Those that sites may still get: of each product the newest that is not stopped."""
    newest = {r.product: r for r in oldest_first if r.state != RolloutState.STOPPED}
    return list(newest.values())


def _is_over(row: RolloutRow, now: datetime) -> bool:
    seconds = Schedule.from_bytes(row.schedule.encode()).limits.deadline_seconds
    return seconds is not None and now >= row.started_at + timedelta(seconds=seconds)


def _note(session: Session, row: RolloutRow, online_since: datetime, now: datetime) -> None:
    course, known = rollouts.course_of(session, row), _noted(session, row)
    plan = plan_of_one(course, now)
    for candidate in fleet.candidates(session, row, online_since):
        site = candidate.site.profile.site_id
        if site in known or not is_for(course, plan, candidate, now):
            continue
        where = _standing(course, candidate, now)
        if where not in _DONE:
            detail = _why(session, site, row, where)
            code = FailureCode.DEADLINE_MISSED
            seen = Sighting(site, code, detail, now, row.product, row.version, row.release)
            incidents.record(session, seen)


def _standing(course: Course, candidate: Candidate, now: datetime) -> Standing:
    manifest, site = course.release.manifest, candidate.site.profile.site_id
    return standing(course, candidate, language.draw(manifest.product, manifest.version, site), now)


def _why(session: Session, site: str, row: RolloutRow, where: Standing) -> str:
    """One line for all sites, so that they make one ticket; each site's own words come below."""
    said = session.get(SiteProduct, (site, row.product))
    words = said.reason if said is not None and said.candidate == row.release else ""
    return f"not there by the deadline\n{words or where.value.replace('_', ' ')}"


def _noted(session: Session, row: RolloutRow) -> set[str]:
    wanted = (
        select(Incident.site_id)
        .join(Problem)
        .where(
            Problem.code == FailureCode.DEADLINE_MISSED,
            Problem.product == row.product,
            Problem.version == row.version,
        )
    )
    return set(session.exec(wanted))
