"""Tickets: a problem for each cause, an incident for each site that has it.

``record`` takes one failure that was seen and opens, attaches, repeats or reopens; ``endings``
closes incidents, and a problem ends with its last one. Reports may come late and out of order: a
failure that the site has overcome already is counted, and does not reopen anything.

It works within the caller's transaction: the scheduler's, and that of what a customer told.
"""

from sqlmodel import Session, col, select

from distribution.database.tables import Attempt, Incident, Problem
from distribution.desk import clocks, endings, known_issues, news, stopped_rollouts
from distribution.desk.casebook import Case, Casebook
from distribution.desk.escalation import higher, route
from distribution.desk.news import News
from distribution.desk.opening import Sighting, new_problem, reopen
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
    return record_in(Casebook.read(session, [seen]), seen)


def record_in(book: Casebook, seen: Sighting) -> Incident:
    """The same of one of a casebook's sightings."""
    session, case = book.session, book.cases[seen]
    problem, is_new = _problem(book, case)
    incident, is_first = _incident(book, case, problem)
    _count(book, problem, incident, seen)
    session.add(incident)
    session.flush()
    book.note(incident, problem)
    # Asked before anything is told: what is told is written together with what comes next.
    overcome = bool(seen.place) and _overcome(session, problem, seen)
    if is_new:
        news.tell(session, News.OPENED, problem, seen.at, incident)
    elif is_first and case.known is None:
        news.tell(session, News.JOINED, problem, seen.at, incident)
    if not overcome:
        _back_again(session, incident, problem, seen)
    elif incident.occurrences == 1:
        endings.end(session, incident, problem, seen.at)
    if incident.state == TicketState.CLOSED:
        endings.settle(session, problem, seen.at)
    if case.known is None and problem.state == TicketState.OPEN:
        _raise(book, incident, problem, case)
    return incident


def _problem(book: Casebook, case: Case) -> tuple[Problem, bool]:
    """The problem, and whether it is a new one that somebody should hear of."""
    session, seen = book.session, case.seen
    if case.known is not None:
        return known_issues.problem_of(session, case.known, seen), False
    found = book.problems.get(case.key)
    if found is not None:
        return found, False
    fresh = book.problems[case.key] = new_problem(session, seen, case.cause)
    stopped = stopped_rollouts.of(session, seen.product, seen.version)
    fresh.part_of_id = stopped.id if stopped is not None else None
    return fresh, True


def _incident(book: Casebook, case: Case, problem: Problem) -> tuple[Incident, bool]:
    """The incident, and whether it is the first of its site."""
    found = book.incidents.get((problem.id or 0, case.seen.site_id))
    if found is not None:
        return found, False
    fresh = Incident(
        problem_id=problem.id or 0,
        site_id=case.seen.site_id,
        client_id=case.client_id,
        tier=problem.tier,
        state=TicketState.OPEN,
        opened_at=case.seen.at,
        last_at=case.seen.at,
    )
    return fresh, True


def _count(book: Casebook, problem: Problem, incident: Incident, seen: Sighting) -> None:
    incident.occurrences += 1
    if problem.known_issue_id is None:
        book.repeats[seen.site_id, seen.code] += 1
    if seen.place >= incident.last_place:
        incident.last_at, incident.detail, incident.last_place = seen.at, seen.detail, seen.place


def _back_again(session: Session, incident: Incident, problem: Problem, seen: Sighting) -> None:
    """What was over and is seen again is open again."""
    came_back = incident.state == TicketState.CLOSED
    if came_back:
        incident.reopened += 1
        incident.state, incident.closed_at = TicketState.OPEN, None
        session.add(incident)
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


def _raise(book: Casebook, incident: Incident, problem: Problem, case: Case) -> None:
    session, seen = book.session, case.seen
    tier = route(
        seen.code,
        case.own,
        emergency=is_emergency(seen.release),
        repeats=book.repeats[seen.site_id, seen.code],
        # What is L3's already needs no look: in a storm that is most of it.
        spreads=problem.tier == Tier.L3 or _spreads(session, problem),
    )
    incident.tier = higher(Tier(incident.tier), tier)
    session.add(incident)
    clocks.raise_to(session, problem, tier, seen.at, incident=incident)


def _spreads(session: Session, problem: Problem) -> bool:
    """Whether two clients have it: the first and the last of their names in the index differ."""
    of_problem = select(Incident.client_id).where(Incident.problem_id == problem.id).limit(1)
    name = col(Incident.client_id)
    first, last = (of_problem.order_by(way).scalar_subquery() for way in (name, name.desc()))
    with session.no_autoflush:  # the incident is written; what was told of it may wait
        one, other = session.exec(select(first, last)).one()
    return bool(one != other)
