"""Tickets: a problem for each cause, an incident for each site that has it.

``record`` takes one failure that was seen and opens, attaches, repeats or reopens; ``endings``
closes incidents, and a problem ends with its last one. Reports may come late and out of order: a
failure that the site has overcome already is counted, and does not reopen anything.

It works within the caller's transaction: the scheduler's, and that of what a customer told.
"""

from sqlalchemy import func
from sqlmodel import Session, col, select

from distribution.database.tables import Attempt, Incident, Problem, Site
from distribution.desk import clocks, endings, failure_table, known_issues, news, stopped_rollouts
from distribution.desk.escalation import higher, route
from distribution.desk.news import News
from distribution.desk.opening import Sighting, new_problem, reopen
from distribution.desk.signatures import Failed, signature
from distribution.desk.states import TicketState
from manifests.errors import ManifestError
from manifests.failures import Tier
from manifests.install_report import Phase
from manifests.target_paths import Lane, ReleasePath


def is_emergency(release: str) -> bool:
    """Whether L3's keys signed the release at this path."""
    try:
        return ReleasePath.parse(release).lane is not Lane.RELEASES
    except ManifestError:
        return False


def record(session: Session, seen: Sighting) -> Incident:
    """Open or attach, count it, and raise the tier. The caller records each report once.

    What a known issue explains is attached to it: it is no news, and raises nothing.
    """
    site = session.get_one(Site, seen.site_id)
    cause = _cause(seen, site)
    own = failure_table.entry(session, seen.code).tier
    known = known_issues.match(session, seen, cause, own)
    is_new = False
    if known is not None:
        problem = known_issues.problem_of(session, known, seen)
    else:
        problem, is_new = _problem(session, seen, cause)
    incident, is_first = _incident(session, problem, seen, site.client_id)
    _count(incident, seen)
    session.add(incident)
    session.flush()
    if is_new:
        news.tell(session, News.OPENED, problem, seen.at, incident)
    elif is_first and known is None:
        news.tell(session, News.JOINED, problem, seen.at, incident)
    if seen.place and _overcome(session, problem, seen):
        if incident.occurrences == 1:
            endings.end(session, incident, problem, seen.at)
    else:
        _back_again(session, incident, problem, seen)
    if incident.state == TicketState.CLOSED:
        endings.settle(session, problem, seen.at)
    if known is None and problem.state == TicketState.OPEN:
        _raise(session, incident, problem, seen, own)
    return incident


def _cause(seen: Sighting, site: Site) -> str:
    """What is about a release gathers all clients; what is about a site gathers its client's."""
    if not seen.product:
        return f"{seen.code} at {site.client_id}"
    failed = Failed(seen.code, seen.detail, seen.phase, seen.hook_status, seen.log_tail)
    return signature(failed, names=(site.id, site.client_id))


def _problem(session: Session, seen: Sighting, cause: str) -> tuple[Problem, bool]:
    """The problem, and whether it is a new one."""
    wanted = select(Problem).where(
        Problem.product == seen.product,
        Problem.version == seen.version,
        Problem.signature == cause,
    )
    found = session.exec(wanted).one_or_none()
    if found is not None:
        return found, False
    fresh = new_problem(session, seen, cause)
    stopped = stopped_rollouts.of(session, seen.product, seen.version)
    fresh.part_of_id = stopped.id if stopped is not None else None
    session.add(fresh)
    session.flush()
    return fresh, True


def _incident(
    session: Session, problem: Problem, seen: Sighting, client_id: str
) -> tuple[Incident, bool]:
    """The incident, and whether it is the first of its site."""
    wanted = select(Incident).where(
        Incident.problem_id == problem.id, Incident.site_id == seen.site_id
    )
    found = session.exec(wanted).one_or_none()
    if found is not None:
        return found, False
    fresh = Incident(
        problem_id=problem.id or 0,
        site_id=seen.site_id,
        client_id=client_id,
        tier=problem.tier,
        state=TicketState.OPEN,
        opened_at=seen.at,
        last_at=seen.at,
    )
    return fresh, True


def _count(incident: Incident, seen: Sighting) -> None:
    incident.occurrences += 1
    if seen.place >= incident.last_place:
        incident.last_at, incident.detail, incident.last_place = seen.at, seen.detail, seen.place


def _back_again(session: Session, incident: Incident, problem: Problem, seen: Sighting) -> None:
    """What was over and is seen again is open again."""
    came_back = incident.state == TicketState.CLOSED
    if came_back:
        incident.reopened += 1
        incident.state, incident.closed_at = TicketState.OPEN, None
        session.add(incident)
        session.flush()
    if problem.state == TicketState.CLOSED:
        reopen(session, problem, seen.at, incident)
    elif came_back and problem.known_issue_id is None:
        news.tell(session, News.JOINED, problem, seen.at, incident)


def _overcome(session: Session, problem: Problem, seen: Sighting) -> bool:
    """Whether the site has confirmed an install of the product after this failure."""
    if problem.tier == Tier.SECURITY:
        return False
    wanted = select(Attempt.id).where(
        Attempt.site_id == seen.site_id,
        Attempt.product == seen.product,
        Attempt.phase == Phase.CONFIRMED,
        Attempt.place > seen.place,
    )
    return session.exec(wanted).first() is not None


def _raise(
    session: Session, incident: Incident, problem: Problem, seen: Sighting, own: Tier
) -> None:
    tier = route(
        seen.code,
        own,
        emergency=is_emergency(seen.release),
        repeats=_repeats(session, seen),
        # What is L3's already needs no look: in a storm that is most of it.
        spreads=problem.tier == Tier.L3 or _spreads(session, problem),
    )
    incident.tier = higher(Tier(incident.tier), tier)
    session.add(incident)
    session.flush()
    clocks.raise_to(session, problem, tier, seen.at, incident=incident)


def _repeats(session: Session, seen: Sighting) -> int:
    """How often this code has been seen at this site, in any release; not as a known issue."""
    wanted = (
        select(func.sum(Incident.occurrences))
        .join(Problem, col(Incident.problem_id) == col(Problem.id))
        .where(Incident.site_id == seen.site_id, Problem.code == seen.code)
        .where(col(Problem.known_issue_id).is_(None))
    )
    return int(session.exec(wanted).one() or 0)


def _spreads(session: Session, problem: Problem) -> bool:
    """Whether two clients have it: the first and the last of their names in the index differ."""
    of_problem = select(Incident.client_id).where(Incident.problem_id == problem.id).limit(1)
    name = col(Incident.client_id)
    first, last = (of_problem.order_by(way).scalar_subquery() for way in (name, name.desc()))
    one, other = session.exec(select(first, last)).one()
    return bool(one != other)
