"""What the database has about some failures and some ends of them: it is asked once for them all.

A casebook is good for one transaction that has the writers' turn: nobody else changes meanwhile
what is in it, and what the transaction itself makes of a failure goes into it as well.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

from sqlalchemy import func, tuple_
from sqlmodel import Session, col, select

from distribution.database.tables import Incident, Problem, Site
from distribution.desk import failure_table, known_issues
from distribution.desk.opening import Sighting
from distribution.desk.signatures import Failed, signature
from distribution.desk.states import TicketState
from distribution.desk.tables import KnownIssue
from manifests.failures import Tier

Key = tuple[str, str, str]
"""Of a problem: product, version, signature."""


@dataclass(frozen=True)
class Case:
    """A sighting, and what holds for it.

    Attributes:
        own: the tier of its code.
        known: the known issue that explains it.
    """

    seen: Sighting
    client_id: str
    cause: str
    own: Tier
    known: KnownIssue | None

    @property
    def key(self) -> Key:
        """Of its problem, where no known issue gathers it."""
        return self.seen.product, self.seen.version, self.cause


Ticket = tuple[Incident, Problem]


@dataclass
class Casebook:
    """Sightings, the tickets that there are about them, and those that confirmations may end."""

    session: Session
    cases: dict[Sighting, Case]
    problems: dict[Key, Problem]
    incidents: dict[tuple[int, str], Incident]
    """By problem and site."""
    repeats: Counter[tuple[str, str]]
    """How often a site has had a code, in any release; not as a known issue."""
    open_at: dict[str, dict[int, Ticket]]
    """By site and by the incident's number, whatever may be open."""

    @classmethod
    def read(
        cls,
        session: Session,
        sightings: Collection[Sighting],
        confirming: Collection[str] = (),
    ) -> Self:
        """Look everything up.

        Args:
            confirming: sites of which confirmations are to end what is open there.
        """
        open_at = _open_at(session, confirming) if confirming else {}
        if not sightings:
            return cls(session, {}, {}, {}, Counter(), open_at)
        cases = {case.seen: case for case in _cases(session, sightings)}
        found = _problems(session, cases.values())
        return cls(
            session=session,
            cases=cases,
            problems={(each.product, each.version, each.signature): each for each in found},
            incidents=_incidents(session, cases.values(), found),
            repeats=_repeats(session, sightings),
            open_at=open_at,
        )

    def note(self, incident: Incident, problem: Problem) -> None:
        """Of this incident, which has its number, something was seen."""
        self.incidents[incident.problem_id, incident.site_id] = incident
        self.open_at.setdefault(incident.site_id, {})[incident.id or 0] = (incident, problem)


def _open_at(session: Session, sites: Collection[str]) -> dict[str, dict[int, Ticket]]:
    wanted = (
        select(Incident, Problem)
        .join(Problem, col(Incident.problem_id) == col(Problem.id))
        .where(col(Incident.site_id).in_(sites), Incident.state == TicketState.OPEN)
    )
    found = dict[str, dict[int, Ticket]]()
    for incident, problem in session.exec(wanted):
        found.setdefault(incident.site_id, {})[incident.id or 0] = (incident, problem)
    return found


def _cases(session: Session, sightings: Collection[Sighting]) -> Iterable[Case]:
    named = select(Site.id, Site.client_id).where(col(Site.id).in_({s.site_id for s in sightings}))
    clients = dict(session.exec(named).all())
    entries = failure_table.entries(session, {seen.code for seen in sightings})
    products = {seen.product for seen in sightings if seen.product}
    issues = {product: known_issues.in_force(session, product) for product in products}
    for seen in sightings:
        client_id, own = clients[seen.site_id], entries[seen.code].tier
        cause = _cause(seen, client_id)
        known = known_issues.match(issues.get(seen.product, ()), seen, cause, own)
        yield Case(seen, client_id, cause, own, known)


def _cause(seen: Sighting, client_id: str) -> str:
    """What is about a release gathers all clients; what is about a site gathers its client's."""
    if not seen.product:
        return f"{seen.code} at {client_id}"
    failed = Failed(seen.code, seen.detail, seen.phase, seen.hook_status, seen.log_tail)
    return signature(failed, names=(seen.site_id, client_id))


def _problems(session: Session, cases: Collection[Case]) -> list[Problem]:
    """Those of the cases, and those in which known issues gather them."""
    named = tuple_(col(Problem.product), col(Problem.version), col(Problem.signature))
    keys = {case.key for case in cases if case.known is None}
    gathering = {case.known.problem_id for case in cases if case.known is not None}
    found = list[Problem]()
    for where, wanted in ((named, keys), (col(Problem.id), gathering - {None})):
        if wanted:
            found += session.exec(select(Problem).where(where.in_(wanted)))
    return found


def _incidents(
    session: Session, cases: Iterable[Case], problems: Iterable[Problem]
) -> dict[tuple[int, str], Incident]:
    sites, numbers = {case.seen.site_id for case in cases}, {each.id for each in problems}
    if not numbers:
        return {}
    wanted = select(Incident).where(
        col(Incident.problem_id).in_(numbers), col(Incident.site_id).in_(sites)
    )
    return {(each.problem_id, each.site_id): each for each in session.exec(wanted)}


def _repeats(session: Session, sightings: Iterable[Sighting]) -> Counter[tuple[str, str]]:
    wanted = (
        select(Incident.site_id, Problem.code, func.sum(Incident.occurrences))
        .join(Problem, col(Incident.problem_id) == col(Problem.id))
        .where(col(Incident.site_id).in_({seen.site_id for seen in sightings}))
        .where(col(Problem.code).in_({seen.code for seen in sightings}))
        .where(col(Problem.known_issue_id).is_(None))
        .group_by(col(Incident.site_id), col(Problem.code))
    )
    return Counter({(site, code): int(times) for site, code, times in session.exec(wanted)})
