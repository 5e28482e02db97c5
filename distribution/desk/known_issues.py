"""Known issues: causes that L3 has looked at, each with what helps until it is mended.

They match before anything else: a failure that one explains is attached to its problem, is no news
and raises nothing. Of security's codes none is explained away, and what is L3's from the first
only by an issue that names the code. Whether sites should wait is a brake's matter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from distribution.database.tables import Incident, Problem, Site, SiteProduct
from distribution.desk import failure_table, versions
from distribution.desk.opening import Sighting, new_problem
from distribution.desk.states import TicketState
from distribution.desk.tables import KnownIssue
from manifests.errors import ManifestError
from manifests.failures import FailureCode, Tier
from manifests.target_paths import ReleasePath


@dataclass(frozen=True)
class KnownIssueView:
    """A known issue as staff see it.

    Attributes:
        problem: the ticket that gathers its failures; None until there is one.
    """

    number: str
    product: str
    versions: str
    code: str
    signature: str
    words: str
    workaround: str
    sentence: str
    by: str
    at: datetime
    problem: int | None
    ended_by: str
    ended_at: datetime | None
    end_reason: str


@dataclass(frozen=True)
class HeldNotice:
    """A known issue as any client may see it: nothing about where it was seen.

    Attributes:
        here: whether this site has it, and the workaround is shown.
    """

    number: str
    product: str
    says: str
    here: bool
    workaround: str


def name_of(number: int | None) -> str:
    """As people call it."""
    return f"K-{number}"


def match(
    issues: Iterable[KnownIssue], seen: Sighting, cause: str, tier: Tier
) -> KnownIssue | None:
    """The known issue that explains a failure, the first of several; None if none does.

    Args:
        issues: those in force for its product.
        tier: the code's own.
    """
    if not seen.product or tier is Tier.SECURITY:
        return None
    said = f"{seen.detail}\n{seen.log_tail}".lower()
    return next(
        (
            issue
            for issue in issues
            if (issue.code or tier is not Tier.L3) and _explains(issue, seen, cause, said)
        ),
        None,
    )


def _explains(issue: KnownIssue, seen: Sighting, cause: str, said: str) -> bool:
    return (
        issue.code in ("", seen.code)
        and issue.signature in ("", cause)
        and all(word in said for word in issue.words.lower().split())
        and versions.means(issue.versions, seen.version)
    )


def in_force(session: Session, product: str) -> list[KnownIssue]:
    """Those of a product, the oldest first."""
    wanted = select(KnownIssue).where(
        KnownIssue.product == product, col(KnownIssue.ended_at).is_(None)
    )
    return list(session.exec(wanted.order_by(col(KnownIssue.id))))


def problem_of(session: Session, issue: KnownIssue, seen: Sighting) -> Problem:
    """Where an issue's failures are gathered, whatever their versions."""
    if issue.problem_id is not None:
        return session.get_one(Problem, issue.problem_id)
    cause = f"known issue {name_of(issue.id)}"
    problem = new_problem(session, seen, cause, version="", known_issue=issue.id)
    problem.owner, issue.problem_id = issue.by, problem.id
    session.add_all((problem, issue))
    session.flush()
    return problem


def of_problem(session: Session, problem: Problem) -> KnownIssueView | None:
    """The one that gathers its failures in a problem."""
    if problem.known_issue_id is None:
        return None
    return view(session.get_one(KnownIssue, problem.known_issue_id))


def listed(session: Session, *, also_ended: bool = False) -> list[KnownIssueView]:
    """Those in force, or all that ever were; oldest first."""
    wanted = select(KnownIssue).order_by(col(KnownIssue.id))
    if not also_ended:
        wanted = wanted.where(col(KnownIssue.ended_at).is_(None))
    return [view(issue) for issue in session.exec(wanted)]


def view(issue: KnownIssue) -> KnownIssueView:
    """As staff see it."""
    return KnownIssueView(
        number=name_of(issue.id),
        product=issue.product,
        versions=issue.versions,
        code=issue.code,
        signature=issue.signature,
        words=issue.words,
        workaround=issue.workaround,
        sentence=issue.sentence,
        by=issue.by,
        at=issue.at,
        problem=issue.problem_id,
        ended_by=issue.ended_by,
        ended_at=issue.ended_at,
        end_reason=issue.end_reason,
    )


def at_site(session: Session, site: Site) -> list[HeldNotice]:
    """What a client hears of the issues of what its site runs, or is about to get."""
    wanted = select(SiteProduct).where(SiteProduct.site_id == site.id)
    found = []
    for row in session.exec(wanted).all():
        concerned = set(_versions_of(row))
        for issue in in_force(session, row.product):
            if any(versions.means(issue.versions, each) for each in concerned):
                found.append(_notice(session, issue, site))
    return found


def _versions_of(row: SiteProduct) -> Iterator[str]:
    if row.version:
        yield row.version
    if row.candidate:
        try:
            yield ReleasePath.parse(row.candidate).version
        except ManifestError:
            return


def _notice(session: Session, issue: KnownIssue, site: Site) -> HeldNotice:
    has_it = select(Incident.id).where(
        Incident.problem_id == issue.problem_id,
        Incident.site_id == site.id,
        Incident.state == TicketState.OPEN,
    )
    here = session.exec(has_it).first() is not None
    number = name_of(issue.id)
    return HeldNotice(
        number=number,
        product=issue.product,
        says=f"held: known issue {number}: {issue.sentence}",
        here=here,
        workaround=issue.workaround if here else "",
    )


def refuse_codes(session: Session, code: str) -> str:
    """Why no known issue may be about a code; empty where one may."""
    if code and failure_table.entry(session, FailureCode(code)).tier is Tier.SECURITY:
        return f"{code} is security's: each one is looked at"
    return ""
