"""Giving a problem to the developers: the document is made, kept, and told of."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from distribution.database.sessions import Database
from distribution.database.tables import (
    Attempt,
    Client,
    Incident,
    Problem,
    RolloutRow,
    Site,
    SiteProduct,
)
from distribution.desk import hand_over as documents
from distribution.desk import news, ticket_work
from distribution.desk.hand_over import HandedAttachment, HandedIncident, HandOver
from distribution.desk.known_issues import name_of
from distribution.desk.news import News
from distribution.desk.problem_work import rollout_of, who_runs
from distribution.desk.pseudonyms import Pseudonyms
from distribution.desk.remote_tables import StepResultRow
from distribution.desk.states import TicketState
from distribution.desk.tables import HandOverRow
from distribution.desk.ticket_work import EntryKind
from distribution.errors import Invalid
from distribution.people.roles import Permission, Person
from manifests.release import ReleaseManifest

TRACKER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def hand_over(
    database: Database,
    by: Person,
    number: int,
    tracker: str,
    now: datetime,
    *,
    with_names: bool = False,
) -> HandOver:
    """Give a problem to the developers, with everything attached; ``notify`` brings it to them.

    Args:
        tracker: the name of theirs.
        with_names: whether the sites' and clients' own names are in it.

    Raises:
        NotAllowed: this person may not.
        NotFound: no such ticket.
        Invalid: not a tracker's name.
        Unavailable: the database does not answer.
    """
    role = by.require(Permission.PROBLEM_WORK)
    if not TRACKER.fullmatch(tracker):
        raise Invalid(f"{tracker[:60]!r} is not a tracker's name", hint="small letters and dashes")
    with database.writing() as session:
        problem = ticket_work.found(session, number)
        document = _document(session, problem, by.name, tracker, now, with_names=with_names)
        row = HandOverRow(
            problem_id=number, tracker=tracker, by=by.name, at=now, document=document.to_json()
        )
        session.add(row)
        session.flush()
        words = f"to {tracker}" + (", with names" if with_names else "")
        ticket_work.enter(session, by.name, role, problem, EntryKind.HANDED_OVER, words, now)
        news.tell(session, News.HANDED_OVER, problem, now)
        return document


def handed_over(session: Session, number: int) -> list[HandOver]:
    """What was given to developers of a problem, newest first."""
    wanted = select(HandOverRow).where(HandOverRow.problem_id == number)
    rows = session.exec(wanted.order_by(col(HandOverRow.id).desc()))
    return [HandOver.from_json(row.document) for row in rows]


# --- the document


def _document(
    session: Session, problem: Problem, by: str, tracker: str, now: datetime, *, with_names: bool
) -> HandOver:
    gathered = _gathered(session, problem)
    rows = _incidents(session, gathered)
    ours = {*session.exec(select(Site.id)), *session.exec(select(Client.id))}
    names = Pseudonyms.of(
        (row.site_id for row in rows),
        (row.client_id for row in rows),
        ours - {problem.product},
        shown=with_names,
    )
    sites, still_open, clients = _counts(session, gathered)
    rollout, runs = rollout_of(session, problem), who_runs(session, problem.id or 0)
    what = f"{problem.product} {problem.version}".strip() or "sites"
    return HandOver(
        number=problem.id or 0,
        tracker=tracker,
        by=by,
        at=now,
        title=f"{what}: {names.scrubbed(problem.detail.partition(chr(10))[0])[:120]}",
        product=problem.product,
        version=problem.version,
        release=rollout.release if rollout is not None else "",
        code=problem.code,
        tier=problem.tier,
        signature=names.scrubbed(problem.signature),
        detail=names.scrubbed(problem.detail),
        log_tail=names.scrubbed(problem.log_tail),
        cause=names.scrubbed(problem.cause),
        opened_at=problem.opened_at,
        reopened=problem.reopened,
        sites=sites,
        sites_open=still_open,
        clients=clients,
        running=_running(session, problem.product),
        next_in_line=sum(len(each.next_in_line) for each in runs),
        attachments=_attachments(rollout),
        incidents=_handed(session, rows, names),
        hotfix=problem.hotfix,
        known_issue=name_of(problem.known_issue_id) if problem.known_issue_id else "",
    )


def _gathered(session: Session, problem: Problem) -> list[int]:
    """Its own number, and those of the parts that a stopped rollout gathers."""
    parts = select(Problem.id).where(Problem.part_of_id == problem.id)
    return [problem.id or 0, *(number for number in session.exec(parts) if number is not None)]


def _incidents(session: Session, problems: Sequence[int]) -> Sequence[Incident]:
    wanted = select(Incident).where(col(Incident.problem_id).in_(problems))
    return session.exec(wanted.order_by(col(Incident.id)).limit(documents.MOST_INCIDENTS)).all()


def _counts(session: Session, problems: Sequence[int]) -> tuple[int, int, int]:
    """Sites that have had it, sites that have it still, and clients."""
    site, of_them = func.distinct(Incident.site_id), col(Incident.problem_id).in_(problems)
    total, clients = session.exec(
        select(func.count(site), func.count(func.distinct(Incident.client_id))).where(of_them)
    ).one()
    still = select(func.count(site)).where(of_them, Incident.state == TicketState.OPEN)
    return total, session.exec(still).one(), clients


def _running(session: Session, product: str) -> dict[str, int]:
    wanted = (
        select(SiteProduct.version, func.count())
        .where(SiteProduct.product == product, col(SiteProduct.version).is_not(None))
        .group_by(col(SiteProduct.version))
    )
    return {version: count for version, count in session.exec(wanted) if version}


def _attachments(row: RolloutRow | None) -> tuple[HandedAttachment, ...]:
    if row is None:
        return ()
    manifest = ReleaseManifest.from_bytes(row.manifest.encode())
    return tuple(
        HandedAttachment(each.name, each.sha256, each.size_bytes) for each in manifest.attachments
    )


def _handed(
    session: Session, rows: Sequence[Incident], names: Pseudonyms
) -> tuple[HandedIncident, ...]:
    bundles = _bundles(session, rows)
    return tuple(
        HandedIncident(
            site=names.sites[row.site_id],
            client=names.clients[row.client_id],
            state=row.state,
            occurrences=row.occurrences,
            opened_at=row.opened_at,
            last_at=row.last_at,
            from_version=_ran_before(session, row),
            detail=names.scrubbed(row.detail),
            diagnostics=tuple(bundles.get(row.site_id, ())),
        )
        for row in rows
    )


def _ran_before(session: Session, row: Incident) -> str:
    wanted = (
        select(Attempt.from_version)
        .join(Problem, col(Problem.id) == row.problem_id)
        .where(Attempt.site_id == row.site_id, Attempt.product == Problem.product)
        .order_by(col(Attempt.place).desc())
        .limit(1)
    )
    return session.exec(wanted).first() or ""


def _bundles(session: Session, rows: Sequence[Incident]) -> dict[str, list[str]]:
    """What was collected from each site since the first incident, by the step's name."""
    if not rows:
        return {}
    wanted = (
        select(StepResultRow.site_id, StepResultRow.step_id)
        .where(col(StepResultRow.site_id).in_([row.site_id for row in rows]))
        .where(col(StepResultRow.has_diagnostics))
        .where(col(StepResultRow.received_at) >= min(row.opened_at for row in rows))
        .order_by(col(StepResultRow.received_at))
    )
    found: dict[str, list[str]] = {}
    for site, step in session.exec(wanted):
        found.setdefault(site, []).append(step)
    return found
