"""Whether somebody leads, and whether what it should have done is done; and the last backup."""

from collections.abc import Iterator
from datetime import timedelta

from distribution.audit import checkpoints, log
from distribution.audit.records import moment
from distribution.backup import making
from distribution.control import plans
from distribution.doctor.findings import Context, Finding, broken, warning
from distribution.scheduling import lease

BACKUP_EVERY = timedelta(hours=26)
"""A day, and two hours for one that takes its time."""


def leader(context: Context) -> Iterator[Finding]:
    """One scheduler leads."""
    with context.database.reading() as session:
        row = lease.leader(session)
    if row is None or not row.holder or row.until <= context.now:
        says = "no scheduler leads: no wave opens, no report is worked on, metadata will expire"
        yield broken("scheduler.leader", says, "start 'hsp serve', or 'hsp schedule'")


def plans_are_published(context: Context) -> Iterator[Finding]:
    """What was decided is what sites read."""
    for product in plans.differing(context.database, context.store):
        says = f"the plan of {product} that was decided is not the one that is published"
        mend = f"see the scheduler's log; after a restore: hsp repair plan-serial {product}"
        yield warning("scheduler.plans", says, mend)


def checkpoint(context: Context) -> Iterator[Finding]:
    """The audit log gets its signed checkpoints, and fits the newest one."""
    late = checkpoints.LATE * timedelta(seconds=context.settings.audit_checkpoint_seconds)
    with context.database.reading() as session:
        before = checkpoints.newest(session)
        waiting = log.page(session, before.seq if before else 0, 1)
        held = log.find(session, before.seq).hash == before.hash if before else True
    if not held:
        says = "the audit log does not fit its own newest checkpoint"
        yield broken("scheduler.checkpoint", says, "run 'hsp audit verify', and tell security")
    if waiting and waiting[0].at < moment(context.now - late):
        says = f"record {waiting[0].seq} of the audit log waits for a checkpoint since "
        mend = "see that a scheduler runs, and that the log's key and the store answer"
        yield warning("scheduler.checkpoint", says + waiting[0].at[:16], mend)


def backup(context: Context) -> Iterator[Finding]:
    """When the last one was noted."""
    with context.database.reading() as session:
        made = making.last_made(session)
    mend = "let 'hsp backup --keep' run every day (hsp-backup.timer), and copy its folder elsewhere"
    if made is None:
        yield warning("scheduler.backup", "no backup by 'hsp backup' is on record", mend)
        return
    if context.now - made > BACKUP_EVERY:
        says = f"the last backup is of {made:%Y-%m-%d %H:%M} UTC"
        yield warning("scheduler.backup", says, mend)


CHECKS = (
    ("scheduler.leader", leader),
    ("scheduler.plans", plans_are_published),
    ("scheduler.checkpoint", checkpoint),
    ("scheduler.backup", backup),
)
