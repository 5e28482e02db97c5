"""What happens without anybody asking, step by step; ``loop`` does them again and again.

Each step reads the database, does what is due, and leaves everything it knows in the database, so
that a crash between any two lines is followed by the same step again. Steps do not depend on each
other's success: with the store away, reports still become tickets. Every change is one transaction
that looks first, so that even two schedulers at once would do no harm; the ``lease`` is why there
are no two.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlmodel import Session

from distribution import events
from distribution.audit import checkpoints, publications
from distribution.calendars import openings
from distribution.control import (
    deadlines,
    fleet,
    notices,
    plans,
    rollouts,
    standstill,
    turn_keeping,
    waves,
    withdrawals,
)
from distribution.control.assessment import Finish, Hold, OpenNextWave, Pause, Verdict, assess
from distribution.control.rollouts import SCHEDULER, Word
from distribution.control.standing import Course, tally
from distribution.database.tables import RolloutRow
from distribution.desk import clocks, diagnostics, remote_steps, stopped_rollouts, symptoms
from distribution.drills import records
from distribution.emergency import review_tickets, reviews
from distribution.notify import reading, sealing, sending
from distribution.people import shared_rates
from distribution.repository import deltas, retention
from distribution.repository.publish import renew
from distribution.scheduling import aging
from distribution.server import Server
from distribution.sites import attempts, component_index, watch
from manifests.rollout import RolloutState

log = logging.getLogger(__name__)

Step = Callable[[Server, datetime], None]


def process_reports(server: Server, now: datetime) -> None:
    """Turn stored reports into attempts and tickets."""
    attempts.process_new(server.database, now)


def watch_sites(server: Server, now: datetime) -> None:
    """Find what nobody reports."""
    watch.look(server.database, server.settings, now)


def assess_rollouts(server: Server, now: datetime) -> None:
    """Open the next wave, pause, or finish; each in one transaction."""
    with server.database.reading() as session:
        rows = _watched(rollouts.all_rollouts(session))
        judged = [(row, *_judged(server, session, row, now)) for row in rows]
    for row, _, verdict in judged:
        if not isinstance(verdict, Hold):
            _apply(server, row, verdict, now)
    running = [one for one in judged if one[0].state == RolloutState.RUNNING]
    standstill.look(server.database, running, now)


def _watched(oldest_first: list[RolloutRow]) -> list[RolloutRow]:
    """The running ones; and of each product the newest finished one, which late sites still get."""
    finished = {r.product: r for r in oldest_first if r.state == RolloutState.FINISHED}
    running = [r for r in oldest_first if r.state == RolloutState.RUNNING]
    return [*running, *finished.values()]


def verdict_on(server: Server, session: Session, row: RolloutRow, now: datetime) -> Verdict:
    """What should happen to a rollout, by what is known now."""
    return _judged(server, session, row, now)[1]


def _judged(
    server: Server, session: Session, row: RolloutRow, now: datetime
) -> tuple[Course, Verdict]:
    online_since = now - timedelta(seconds=server.settings.silent_after_seconds)
    course = rollouts.course_of(session, row)
    counts = tally(course, fleet.candidates(session, row, online_since), now)
    return course, assess(course, counts, now)


def _apply(server: Server, judged: RolloutRow, verdict: Verdict, now: datetime) -> None:
    """Carry out a verdict, unless a person has changed the rollout since it was found."""
    with server.database.writing() as session:
        row = session.get_one(RolloutRow, judged.id)
        if (row.state, row.changed_at) != (judged.state, judged.changed_at):
            return
        match verdict:
            case Pause(reason):
                rollouts.put(session, row, RolloutState.PAUSED, Word(SCHEDULER, reason), now)
                stopped_rollouts.stopped(session, row.product, row.version, reason, now)
            case OpenNextWave(number) if row.state == RolloutState.RUNNING:
                waves.open_next(session, row, number, now)
            case Finish(reason) if row.state == RolloutState.RUNNING:
                rollouts.put(session, row, RolloutState.FINISHED, Word(SCHEDULER, reason), now)
            case _:
                return
    log.info("%s %s: %s", judged.product, judged.version, verdict)


def give_turns(server: Server, now: datetime) -> None:
    """Where only so many sites may be in progress at once, let the next ones begin."""
    turn_keeping.look(server.database, server.settings, now)


def publish_plans(server: Server, now: datetime) -> None:
    """Bring the published plans to what the database says."""
    plans.reconcile(server.database, server.store, server.online, now)


def watch_notices(server: Server, now: datetime) -> None:
    """Find out since when every site knows of a pause, a stop or a change of keys."""
    records.look(server.database, server.store, now)
    online_since = now - timedelta(seconds=server.settings.silent_after_seconds)
    notices.look(server.database, online_since, now)


def renew_metadata(server: Server, now: datetime) -> None:
    """Sign again what is past half of its life."""
    for name in renew(server.store, server.online, now):
        log.info("renewed %s", name)


def watch_deadlines(server: Server, now: datetime) -> None:
    """Find sites that do not run a version by its deadline."""
    online_since = now - timedelta(seconds=server.settings.silent_after_seconds)
    deadlines.look(server.database, online_since, now)


def settle_windows(server: Server, now: datetime) -> None:
    """Say what came of the maintenance windows that are over."""
    openings.settle(server.database, now)


def alarm_on_age(server: Server, now: datetime) -> None:
    """Find what is signed and near its end, although it should have been renewed."""
    aging.look(server.database, server.store, now)


def watch_reviews(server: Server, now: datetime) -> None:
    """Open the reviews that are missing, and tell of those that nobody has closed."""
    for path in reviews.find(server.database, server.store, now):
        log.warning("opened the review of %s, which was published past this server", path)
    review_tickets.look(server.database, now)


def forget_old_events(server: Server, now: datetime) -> None:
    """Keep the list of events short."""
    events.forget_old(server.database, now)


def watch_remote_steps(server: Server, now: datetime) -> None:
    """Close what sites did not answer in time, and forget old diagnostics."""
    remote_steps.expire(server.database, now)
    diagnostics.forget_old(server.database, now)


def watch_clocks(server: Server, now: datetime) -> None:
    """Raise the tickets that nobody has answered in time."""
    clocks.look(server.database, now)


def forget_old_symptoms(server: Server, now: datetime) -> None:
    """Delete what customers told, when it was kept for long enough."""
    symptoms.forget_old(server.database, now)


def forget_old_rates(server: Server, now: datetime) -> None:
    """Delete the counts of those who have not come again."""
    shared_rates.forget_old(server.database, now)


def stop_withdrawn(server: Server, now: datetime) -> None:
    """Stop the rollouts of what was withdrawn; sites refuse it already."""
    for path in withdrawals.stop_withdrawn(server, now):
        log.warning("stopped the rollout of %s: it was withdrawn", path)


def tidy_repository(server: Server, now: datetime) -> None:
    """Remove what no client can come to any more."""
    removed = retention.sweep(server, now)
    if removed:
        log.info("removed %d files that nothing has led to for long", len(removed))


def make_deltas(server: Server, now: datetime) -> None:
    """Make one delta that sites could use; takes long, and nothing waits for it."""
    deltas.work(server, now)


def checkpoint_audit(server: Server, now: datetime) -> None:
    """Sign how far the audit log has come, and put that where it cannot be taken back."""
    checkpoints.work(server, now)


def record_publications(server: Server, now: datetime) -> None:
    """Record what was published past this server, or by who crashed before it was recorded."""
    for each in publications.record(server.database, server.store, publications.REPOSITORY, now):
        log.warning("recorded %s %d, which was found in the repository", each.role, each.version)


def watch_checkpoints(server: Server, now: datetime) -> None:
    """Tell L3 when the audit log gets no checkpoints, and security when it does not fit them."""
    checkpoints.look(server, now)


def read_news(server: Server, now: datetime) -> None:
    """Decide who hears of what the desk tells."""
    reading.read(server.database, now)
    sealing.forget_old(server.database, now)


def send_notifications(server: Server, now: datetime) -> None:
    """Begin to send what is due. Threads of their own do it, so that a page waits for nothing."""
    sending.send_due(server, now)


STEPS: tuple[Step, ...] = (
    process_reports,
    watch_sites,
    assess_rollouts,
    give_turns,
    publish_plans,
    watch_notices,
    renew_metadata,
    watch_deadlines,
    settle_windows,
    alarm_on_age,
    watch_reviews,
    watch_remote_steps,
    watch_clocks,
    forget_old_events,
    forget_old_symptoms,
    forget_old_rates,
    checkpoint_audit,
    watch_checkpoints,
    read_news,
    send_notifications,
)


def index_components(server: Server, now: datetime) -> None:
    """Read the SBOMs of what sites run and nobody has asked for yet."""
    component_index.bring_up_to_date(server.database, server.store, now)


SLOW_STEPS: tuple[Step, ...] = (
    stop_withdrawn,
    record_publications,
    index_components,
    make_deltas,
    tidy_repository,
)
"""Done in a thread of their own: they hold up none of the others."""


def tick(server: Server, now: datetime) -> None:
    """Every step once, but for the slow ones.

    Raises:
        DistributionError: of the first step that cannot go on; the loop goes on instead.
    """
    for step in STEPS:
        step(server, now)
