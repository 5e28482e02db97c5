"""How far rollouts are, as one value that the command line and the API both show."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from distribution.control import fleet, notices, rollouts
from distribution.control.assessment import Hold, Pause, assess
from distribution.control.notices import Notice
from distribution.control.standing import Counts, tally
from distribution.database.tables import Attempt, RolloutChange, RolloutRow
from manifests.rollout import RolloutState
from manifests.target_paths import Lane, ReleasePath


@dataclass(frozen=True)
class WaveProgress:
    """One wave: when it opened, up to where it goes, and where its sites stand."""

    number: int
    opens_at: datetime | None
    up_to_percent: float
    counts: Counts
    attempted: int


@dataclass(frozen=True)
class StateChange:
    """Who put a rollout into which state, when and why."""

    state: RolloutState
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True)
class RolloutProgress:
    """One rollout.

    Attributes:
        outlook: what the scheduler makes of it now, as a sentence; empty when it is not running.
        total: of all waves; ``attempted`` beside it is what the error rule divides by.
        phases: of every site that ever tried it, its newest attempt's phase.
        downloaded_bytes: by all attempts at it; ``saved_bytes``: what deltas spared them.
        notice: how soon the sites came to know of its newest pause or stop.
    """

    product: str
    version: str
    release: str
    lane: Lane
    schedule: str
    state: RolloutState
    changed_by: str
    changed_at: datetime
    reason: str
    started_at: datetime
    outlook: str
    waves: tuple[WaveProgress, ...]
    total: Counts
    attempted: int
    phases: dict[str, int]
    downloaded_bytes: int
    saved_bytes: int
    notice: Notice | None
    changes: tuple[StateChange, ...]


def progress_of(
    session: Session, row: RolloutRow, online_since: datetime, now: datetime
) -> RolloutProgress:
    """How far one rollout is."""
    course = rollouts.course_of(session, row)
    counts = tally(course, fleet.candidates(session, row, online_since), now)
    total = sum(counts, Counts())
    verdict = assess(course, counts, now)
    return RolloutProgress(
        product=row.product,
        version=row.version,
        release=row.release,
        lane=ReleasePath.parse(row.release).lane,
        schedule=course.schedule.name,
        state=RolloutState(row.state),
        changed_by=row.changed_by,
        changed_at=row.changed_at,
        reason=row.change_reason,
        started_at=row.started_at,
        outlook=_outlook(row, verdict),
        waves=tuple(
            WaveProgress(
                number=number,
                opens_at=wave.opens_at,
                up_to_percent=wave.up_to_basis_points / 100,
                counts=count,
                attempted=count.attempted,
            )
            for number, (wave, count) in enumerate(
                zip(course.rollout.waves, counts, strict=True), 1
            )
        ),
        total=total,
        attempted=total.attempted,
        phases=_phases(session, row.release),
        downloaded_bytes=_sum(session, row, Attempt.downloaded_bytes),
        saved_bytes=_sum(session, row, Attempt.saved_bytes),
        notice=notices.newest(session, row, online_since),
        changes=_changes(session, row),
    )


def _outlook(row: RolloutRow, verdict: object) -> str:
    if row.state != RolloutState.RUNNING:
        return ""
    match verdict:
        case Hold(reason) | Pause(reason):
            return reason
        case _:
            return "the next wave is about to open"


def _sum(session: Session, row: RolloutRow, column: int) -> int:
    return int(
        session.exec(select(func.sum(column)).where(Attempt.release == row.release)).one() or 0
    )


def _phases(session: Session, release: str) -> dict[str, int]:
    wanted = select(Attempt.site_id, Attempt.phase).where(Attempt.release == release)
    newest = dict(session.exec(wanted.order_by(col(Attempt.place))).all())
    return dict(sorted(Counter(newest.values()).items()))


def _changes(session: Session, row: RolloutRow) -> tuple[StateChange, ...]:
    wanted = select(RolloutChange).where(RolloutChange.rollout_id == row.id)
    return tuple(
        StateChange(RolloutState(change.state), change.by, change.at, change.reason)
        for change in session.exec(wanted.order_by(col(RolloutChange.id)))
    )
