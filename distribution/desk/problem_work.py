"""L3's work on a problem: who else runs it, its cause, its hotfix. ``handing_over`` is the rest."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from distribution.database.sessions import Database
from distribution.database.tables import Problem, RolloutRow, Site, SiteProduct
from distribution.desk import ticket_work
from distribution.desk.ticket_work import EntryKind, checked_words
from distribution.errors import Conflict, Invalid
from distribution.people.roles import Permission, Person
from manifests.errors import ManifestError
from manifests.target_paths import ReleasePath


@dataclass(frozen=True)
class ClientsSites:
    """The sites of one client that a problem may concern.

    Attributes:
        runs: they run the version.
        next_in_line: they were offered it, and do not run it yet.
    """

    client_id: str
    runs: tuple[str, ...]
    next_in_line: tuple[str, ...]


def who_runs(session: Session, number: int) -> tuple[ClientsSites, ...]:
    """Who runs the version of a problem, or is about to get it, client by client.

    As they said at their latest check-ins. Empty for a problem that is about no release.

    Raises:
        NotFound: no such ticket.
    """
    problem = ticket_work.found(session, number)
    return tuple(_who_runs(session, problem))


def _who_runs(session: Session, problem: Problem) -> Iterator[ClientsSites]:
    if not problem.version:
        return
    row = rollout_of(session, problem)
    release = row.release if row is not None else ""
    wanted = (
        select(Site.client_id, Site.id, SiteProduct.version)
        .join(SiteProduct, col(SiteProduct.site_id) == col(Site.id))
        .where(SiteProduct.product == problem.product, col(Site.revoked_at).is_(None))
        .where(
            or_(
                col(SiteProduct.version) == problem.version,
                col(SiteProduct.candidate) == (release or None),
            )
        )
        .order_by(Site.client_id, Site.id)
    )
    found: dict[str, tuple[list[str], list[str]]] = {}
    for client, site, version in session.exec(wanted):
        runs, waits = found.setdefault(client, ([], []))
        (runs if version == problem.version else waits).append(site)
    for client, (runs, waits) in found.items():
        yield ClientsSites(client, tuple(runs), tuple(waits))


def rollout_of(session: Session, problem: Problem) -> RolloutRow | None:
    """The rollout of its version; None where there was none."""
    wanted = select(RolloutRow).where(
        RolloutRow.product == problem.product, RolloutRow.version == problem.version
    )
    return session.exec(wanted).one_or_none()


# --- deeds


def cause(database: Database, by: Person, number: int, words: str, now: datetime) -> None:
    """Write down what L3 found; once more replaces it, and the entries keep both.

    Raises:
        NotAllowed: this person may not.
        NotFound: no such ticket.
        Invalid: nothing is written.
        Unavailable: the database does not answer.
    """
    role = by.require(Permission.PROBLEM_WORK)
    said = checked_words(words, "what the cause is", ticket_work.MAX_NOTE_BYTES)
    with database.writing() as session:
        problem = ticket_work.found(session, number)
        problem.cause = said
        session.add(problem)
        ticket_work.enter(session, by.name, role, problem, EntryKind.CAUSE, said, now)


def hotfix(database: Database, by: Person, number: int, release: str, now: datetime) -> None:
    """Say which release is to mend it.

    Args:
        release: the manifest's path, or a version of the problem's product whose rollout was
            started.

    Raises:
        NotAllowed: this person may not.
        NotFound: no such ticket.
        Conflict: it is closed, or the release is of another product.
        Invalid: not the path of a release.
        Unavailable: the database does not answer.
    """
    role = by.require(Permission.PROBLEM_WORK)
    with database.writing() as session:
        problem = ticket_work.opened(session, number)
        wanted = select(RolloutRow.release).where(
            RolloutRow.product == problem.product, RolloutRow.version == release
        )
        path = session.exec(wanted).one_or_none() or release
        _link(session, by.name, role, problem, path, now)


def _link(
    session: Session, actor: str, role: str, problem: Problem, release: str, now: datetime
) -> None:
    try:
        path = ReleasePath.parse(release)
    except ManifestError as error:
        raise Invalid(error.message, hint=error.hint) from error
    if path.product != problem.product:
        raise Conflict(
            f"ticket {problem.id} is about {problem.product or 'sites'}, not about {path.product}"
        )
    if path.version == problem.version:
        raise Conflict(f"{path.version} is the version that has the problem")
    problem.hotfix = release
    session.add(problem)
    ticket_work.enter(session, actor, role, problem, EntryKind.HOTFIX, release, now)


def mended_by(
    session: Session, number: int, release: str, actor: str, role: str, now: datetime
) -> None:
    """The same, when the rollout of that release starts, in its transaction.

    Raises:
        NotFound: no such ticket.
        Conflict: it is closed, of another product, or has this very version.
    """
    _link(session, actor, role, ticket_work.opened(session, number), release, now)
