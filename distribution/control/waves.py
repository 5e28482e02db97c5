"""The waves of a rollout: made shut, and opened one after the other, each in one transaction.

An opening is three things that are written together: the wave's row, the plan that tells the sites,
and the event that tells whoever watches.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from distribution import audit, events
from distribution.control import plans
from distribution.database.tables import RolloutRow, WaveRow
from distribution.events import EventKind
from manifests.rollout import RolloutState, Schedule, Wave


def make(session: Session, row: RolloutRow, schedule: Schedule, now: datetime) -> None:
    """Make the waves of a new rollout: the first has its opening, the others are shut."""
    assert row.id is not None  # noqa: S101 - it was flushed
    rows = [
        WaveRow(
            rollout_id=row.id,
            number=number,
            spread_seconds=wave.spread_seconds,
            up_to_basis_points=wave.up_to_basis_points,
        )
        for number, wave in enumerate(schedule.waves, 1)
    ]
    rows[0].opens_at = now + timedelta(seconds=schedule.waves[0].after_seconds)
    session.add_all(rows)
    _tell(session, row, rows[0], now)


def open_next(session: Session, row: RolloutRow, number: int, now: datetime) -> bool:
    """Open a wave of a running rollout, if it is the next one; False if somebody was faster."""
    waves = plans.waves_of(session, row.id)
    shut = next((wave for wave in waves if wave.opens_at is None), None)
    if row.state != RolloutState.RUNNING or shut is None or shut.number != number:
        return False
    shut.opens_at = now
    session.add(shut)
    _tell(session, row, shut, now)
    about = f"rollout {row.product} {row.version}"
    audit.note(session, audit.Deed(audit.AUTOMATIC, "wave.open", about, f"wave {number}"), now)
    plans.write(session, row.product, now)
    return True


def restore(session: Session, row: RolloutRow, published: Sequence[Wave]) -> int:
    """Take over the openings of a published plan; how many of them were not known here."""
    known = {wave.number: wave for wave in plans.waves_of(session, row.id)}
    news = 0
    for number, wave in enumerate(published, 1):
        mine = known.get(number) or WaveRow(
            rollout_id=row.id or 0,
            number=number,
            spread_seconds=wave.spread_seconds,
            up_to_basis_points=wave.up_to_basis_points,
        )
        if mine.opens_at is None and wave.opens_at is not None:
            mine.opens_at, mine.spread_seconds = wave.opens_at, wave.spread_seconds
            news += 1
            _tell(session, row, mine, wave.opens_at)
        session.add(mine)
    session.flush()
    return news


def _tell(session: Session, row: RolloutRow, wave: WaveRow, now: datetime) -> None:
    events.tell(
        session,
        EventKind.WAVE,
        now,
        product=row.product,
        version=row.version,
        number=wave.number,
        opens_at=f"{wave.opens_at:%Y-%m-%dT%H:%M:%SZ}",
        up_to_basis_points=wave.up_to_basis_points,
    )
