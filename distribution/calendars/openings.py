"""What came of each opening of a site's maintenance windows, to show a client what was done when.

An opening is noted when it is still to come, as the site itself told its windows, and settled soon
after its end: *used* when something was installed in it, *overrun* when that was not over at its
end, *missed* when something could have been installed and was not, *unused* when nothing was due.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, select

from distribution import events
from distribution.control import fleet, rollouts
from distribution.control.control_tables import WindowRow
from distribution.control.explanation import known_site
from distribution.database.sessions import Database
from distribution.database.tables import Attempt, RolloutRow, Site, SiteProduct
from distribution.events import EventKind
from manifests import rollout as language
from manifests.install_report import Phase
from manifests.rollout import RolloutState
from manifests.site import SitePolicy

SETTLED_AFTER = timedelta(minutes=10)
"""So long after the end the last reports have come from a site that is online."""

GRACE = timedelta(minutes=1)
"""A report may be on its way for so long: what ends within it ended in time."""

BATCH = 200


class WindowOutcome(StrEnum):
    """Of one opening that is over."""

    USED = "used"
    UNUSED = "unused"
    MISSED = "missed"
    OVERRUN = "overrun"


@dataclass(frozen=True)
class WindowRecord:
    """One opening; its outcome is empty while it is to come or under way."""

    starts_at: datetime
    ends_at: datetime
    outcome: str
    detail: str


def note(
    session: Session, site_id: str, before: SitePolicy | None, policy: SitePolicy, now: datetime
) -> None:
    """Note the next opening of each window, after a site has told them."""
    if not policy.windows and (before is None or not before.windows):
        return
    waiting = _waiting(session, site_id)
    if waiting and before is not None and before.windows == policy.windows:
        return
    for row in waiting:
        if row.starts_at > now:
            session.delete(row)
    session.flush()
    _plan(session, site_id, policy, now)


def _plan(session: Session, site_id: str, policy: SitePolicy, now: datetime) -> None:
    for window in policy.windows:
        opening = next(window.openings(now), None)
        if opening is None or session.get(WindowRow, (site_id, opening.start)) is not None:
            continue
        session.add(WindowRow(site_id=site_id, starts_at=opening.start, ends_at=opening.end))
        session.flush()


def _waiting(session: Session, site_id: str) -> list[WindowRow]:
    wanted = select(WindowRow).where(WindowRow.site_id == site_id, WindowRow.outcome == "")
    return list(session.exec(wanted))


def settle(database: Database, now: datetime) -> None:
    """Say what came of the openings that are over, and note the ones that follow them.

    Raises:
        Unavailable: the database does not answer.
    """
    over = (
        select(WindowRow)
        .where(WindowRow.outcome == "", col(WindowRow.ends_at) <= now - SETTLED_AFTER)
        .limit(BATCH)
    )
    with database.reading() as session:
        if session.exec(over).first() is None:
            return
    with database.writing() as session:
        for row in session.exec(over).all():
            _settle(session, row, now)


def _settle(session: Session, row: WindowRow, now: datetime) -> None:
    site = session.get_one(Site, row.site_id)
    outcome, row.detail = _outcome(session, row, site)
    row.outcome = outcome
    session.add(row)
    events.tell(session, EventKind.WINDOW, now, site_id=site.id, outcome=outcome, detail=row.detail)
    said = fleet.check_in_of(site)
    if said is not None and site.revoked_at is None:
        _plan(session, site.id, said.policy, now)


def _outcome(session: Session, row: WindowRow, site: Site) -> tuple[WindowOutcome, str]:
    begun = [attempt for attempt in _attempts(session, row) if _touches(attempt, row)]
    if begun:
        words = "; ".join(f"{a.product} {a.version} {a.phase}" for a in begun)
        late = any(_ended(attempt) > row.ends_at + GRACE for attempt in begun)
        return WindowOutcome.OVERRUN if late else WindowOutcome.USED, words
    due = _due(session, row, site)
    if not due:
        return WindowOutcome.UNUSED, "nothing was to be installed"
    if site.last_seen < row.ends_at:
        return WindowOutcome.MISSED, f"{due}; the site was not heard of"
    return WindowOutcome.MISSED, f"{due}; the site did not begin"


def _attempts(session: Session, row: WindowRow) -> list[Attempt]:
    wanted = select(Attempt).where(
        Attempt.site_id == row.site_id,
        Attempt.started_at <= row.ends_at,
        col(Attempt.moved_at) >= row.starts_at,
    )
    return list(session.exec(wanted.order_by(col(Attempt.started_at))))


def _touches(attempt: Attempt, row: WindowRow) -> bool:
    """Whether it changed the site: a download alone uses no window."""
    phase = Phase(attempt.phase)
    return phase.is_final or phase in fleet.OLD_VERSION_GONE


def _ended(attempt: Attempt) -> datetime:
    return attempt.ended_at or datetime.max.replace(tzinfo=attempt.started_at.tzinfo)


def _due(session: Session, row: WindowRow, site: Site) -> str:
    """What the site could have installed in it, as its own latest word and the plan have it."""
    wanted = (
        select(SiteProduct, RolloutRow)
        .join(RolloutRow, col(RolloutRow.release) == col(SiteProduct.candidate))
        .where(SiteProduct.site_id == site.id)
        .where(col(RolloutRow.state).in_([RolloutState.RUNNING, RolloutState.FINISHED]))
        .where((SiteProduct.gate == "window_open") | (SiteProduct.decision == "install"))
    )
    return ", ".join(
        f"{rollout.product} {rollout.version} was due"
        for _, rollout in session.exec(wanted)
        if _turn_came(session, rollout, site, row.ends_at)
    )


def _turn_came(session: Session, row: RolloutRow, site: Site, before: datetime) -> bool:
    waves = rollouts.course_of(session, row).rollout.waves
    drawn = language.draw(row.product, row.version, site.id)
    turn = language.opens_at(waves, fleet.profile_of(site).ring, drawn)
    return turn is not None and turn < before


def of_site(session: Session, site_id: str, limit: int = 100) -> list[WindowRecord]:
    """A site's openings, the newest first; the first may still be to come.

    Raises:
        NotFound: there is no such site.
    """
    known_site(session, site_id)
    wanted = select(WindowRow).where(WindowRow.site_id == site_id)
    rows = session.exec(wanted.order_by(col(WindowRow.starts_at).desc()).limit(limit))
    return [WindowRecord(r.starts_at, r.ends_at, r.outcome, r.detail) for r in rows]
