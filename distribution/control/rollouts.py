"""Starting, pausing, resuming and stopping a release on its way to the sites.

Each verb is one transaction that also writes the product's plan; publishing it is ``plans``. A
verb says who and why, since the reason is what a first line reads out. A hotfix's rollout does not
remove older ones, and a finished one stays in the plan, so that a late site still gets it.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, col, select

from distribution import audit, events
from distribution.control import notices, plans, standstill, waves
from distribution.control.standing import Course
from distribution.database.sessions import Database
from distribution.database.tables import RolloutChange, RolloutRow
from distribution.desk import endings, problem_work, stopped_rollouts
from distribution.errors import Conflict, Invalid, UnknownRollout
from distribution.events import EventKind
from distribution.people import own_proposals
from manifests.documents import to_json
from manifests.free_text import MAX_REASON_BYTES, first_bytes
from manifests.release import Release
from manifests.rollout import RolloutState, Schedule, SiteFilter

SCHEDULER = "the scheduler"


@dataclass(frozen=True)
class Word:
    """Who says so, why, and in which role."""

    by: str
    reason: str
    role: str = ""

    @property
    def actor(self) -> str:
        """Who that is for the audit log."""
        return audit.AUTOMATIC if self.by == SCHEDULER else self.by

    def checked(self) -> "Word":
        """With a reason that is not empty, and not longer than a plan should carry.

        Raises:
            Invalid: the reason is empty.
        """
        reason = self.reason.strip()
        if not reason:
            raise Invalid("a reason is needed: the first line reads it out to the customer")
        return replace(self, reason=first_bytes(reason, MAX_REASON_BYTES))


_FROM = {
    RolloutState.PAUSED: (RolloutState.RUNNING, RolloutState.FINISHED),
    RolloutState.RUNNING: (RolloutState.PAUSED,),
    RolloutState.STOPPED: (RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.FINISHED),
    RolloutState.FINISHED: (RolloutState.RUNNING,),
}
"""Which states a rollout may be put into each state from."""

_DEEDS = {
    RolloutState.PAUSED: "rollout.pause",
    RolloutState.RUNNING: "rollout.resume",
    RolloutState.STOPPED: "rollout.stop",
    RolloutState.FINISHED: "rollout.finish",
}


def start(
    database: Database,
    release: Release,
    schedule: Schedule,
    by: str,
    now: datetime,
    only: SiteFilter | None = None,
    role: str = "",
    for_problem: int = 0,
) -> None:
    """Begin a rollout: its first wave opens as its schedule says, later ones when it goes well.

    Args:
        for_problem: the number of the ticket that this release is to mend; 0 without one.

    Raises:
        Conflict: a rollout of this version was started before, or the release was withdrawn; the
            ticket is closed, or about another product.
        NotFound: no such ticket.
        Unavailable: the database does not answer.
    """
    manifest = release.manifest
    if release.withdrawn:
        raise Conflict(
            f"{manifest.product} {manifest.version} was withdrawn: {release.withdrawn}",
            hint="a withdrawal is for ever; release a newer version",
        )
    with database.writing() as session:
        existing = _find(session, manifest.product, manifest.version)
        if existing is not None:
            raise Conflict(
                f"the rollout of {manifest.product} {manifest.version} was started at "
                f"{existing.started_at:%Y-%m-%d %H:%M} UTC and is {existing.state}",
                hint="a stopped version stays stopped; release a newer one",
            )
        row = _new_row(release, schedule, by, now, only or SiteFilter())
        session.add(row)
        session.flush()
        waves.make(session, row, schedule, now)
        session.flush()
        word = Word(by, row.change_reason, role)
        _put(session, row, RolloutState.RUNNING, word, now, deed="rollout.start")
        if for_problem:
            problem_work.mended_by(session, for_problem, row.release, word.actor, role, now)


def _new_row(
    release: Release, schedule: Schedule, by: str, now: datetime, only: SiteFilter
) -> RolloutRow:
    manifest = release.manifest
    bare = tuple(a.model_copy(update={"files": ()}) for a in manifest.artifacts)
    return RolloutRow(
        product=manifest.product,
        version=manifest.version,
        release=str(release.path),
        manifest=manifest.model_copy(update={"artifacts": bare}).to_bytes().decode(),
        schedule=schedule.to_bytes().decode(),
        only=to_json(only.model_dump(mode="json")).decode(),
        state=RolloutState.RUNNING,
        changed_by=by,
        changed_at=now,
        change_reason=f"started with the schedule {schedule.name}",
        started_at=now,
        counted_from=now,
    )


def pause(database: Database, product: str, version: str, word: Word, now: datetime) -> None:
    """Hold it everywhere. Anyone in support may; it takes effect at each site's next poll.

    Raises:
        UnknownRollout: there is none.
        Conflict: it is paused already, or stopped.
        Invalid: no reason.
    """
    said = word.checked()
    with database.writing() as session:
        put(session, find(session, product, version), RolloutState.PAUSED, said, now)


def resume(database: Database, product: str, version: str, word: Word, now: datetime) -> None:
    """Go on. Failures until now have been looked at, and do not count from here on.

    Raises:
        UnknownRollout: there is none.
        NotAllowed: this person started it, or made its release visible.
        Conflict: it is neither paused, nor does it stand still.
        Invalid: no reason.
    """
    said = word.checked()
    with database.writing() as session:
        row = find(session, product, version)
        what = f"the rollout of {product} {version}"
        own_proposals.require_another(said.by, own_proposals.proposers_of(session, row), what)
        put(session, row, RolloutState.RUNNING, said, now)


def stop(database: Database, product: str, version: str, word: Word, now: datetime) -> None:
    """End it for good, and give L3 the problem, with its incidents attached.

    A site that has seen this never installs this version any more.

    Raises:
        UnknownRollout: there is none.
        Conflict: it is stopped already.
        Invalid: no reason.
    """
    _stop(database, product, version, word.checked(), now)


def recall(database: Database, product: str, version: str, word: Word, now: datetime) -> None:
    """Stop a version that sites run already; L3 gets the problem, as with every stop.

    It stays at the sites that run it until something newer comes: start the rollout of that now.
    What is newer is chosen before it everywhere, and goes by its own waves, since a correction in
    a hurry can be worse than what it corrects.

    Raises:
        UnknownRollout: there is none.
        Conflict: it is stopped already.
        Invalid: no reason.
    """
    said = word.checked()
    recalled = replace(said, reason=f"recalled: {said.reason}").checked()
    _stop(database, product, version, recalled, now)


def _stop(database: Database, product: str, version: str, said: Word, now: datetime) -> None:
    with database.writing() as session:
        put(session, find(session, product, version), RolloutState.STOPPED, said, now)
        stopped_rollouts.stopped(session, product, version, said.reason, now)


def put(session: Session, row: RolloutRow, state: RolloutState, word: Word, now: datetime) -> None:
    """Put a rollout into ``state`` within a transaction.

    Raises:
        Conflict: not from the state that it is in.
    """
    if RolloutState(row.state) not in _FROM[state] and not _goes_on(session, row, state):
        raise Conflict(
            f"the rollout of {row.product} {row.version} is {row.state} "
            f"({row.changed_by}: {row.change_reason}) and cannot be {state}"
        )
    if state is RolloutState.RUNNING:
        row.counted_from = now
    _put(session, row, state, word, now, deed=_DEEDS[state])


def _goes_on(session: Session, row: RolloutRow, state: RolloutState) -> bool:
    """Whether this is a resume of one that runs, but stands still."""
    both_run = row.state == state == RolloutState.RUNNING
    return both_run and standstill.reason_of(session, row) != ""


def _put(
    session: Session, row: RolloutRow, state: RolloutState, word: Word, now: datetime, *, deed: str
) -> None:
    assert row.id is not None  # noqa: S101 - it came from the database
    row.state, row.changed_by, row.changed_at = state, word.by, now
    row.change_reason = word.reason
    session.add(row)
    session.add(
        RolloutChange(rollout_id=row.id, state=state, by=word.by, at=now, reason=word.reason)
    )
    events.tell(
        session,
        EventKind.ROLLOUT,
        now,
        product=row.product,
        version=row.version,
        state=state,
        by=word.by,
        reason=word.reason,
    )
    about = f"rollout {row.product} {row.version}"
    audit.note(session, audit.Deed(word.actor, deed, about, word.reason, word.role), now)
    serial = plans.write(session, row.product, now)
    if state is RolloutState.FINISHED:
        endings.settle_stopped(session, row.product, now)
    if state in (RolloutState.PAUSED, RolloutState.STOPPED):
        notices.begin(session, row, serial, now)


def _find(session: Session, product: str, version: str) -> RolloutRow | None:
    wanted = select(RolloutRow).where(RolloutRow.product == product)
    return session.exec(wanted.where(RolloutRow.version == version)).one_or_none()


def find(session: Session, product: str, version: str) -> RolloutRow:
    """The rollout of a version.

    Raises:
        UnknownRollout: there is none.
    """
    row = _find(session, product, version)
    if row is None:
        raise UnknownRollout(
            f"no rollout of {product} {version} was started",
            hint="see 'hsp rollout status', or start one with 'hsp rollout start'",
        )
    return row


def all_rollouts(session: Session, product: str | None = None) -> list[RolloutRow]:
    """Every rollout, or those of a product, oldest first."""
    wanted = select(RolloutRow).order_by(col(RolloutRow.id))
    if product is not None:
        wanted = wanted.where(RolloutRow.product == product)
    return list(session.exec(wanted))


def course_of(session: Session, row: RolloutRow) -> Course:
    """A rollout as ``assessment`` looks at it."""
    return Course(
        release=Release.read(row.release, row.manifest.encode()),
        rollout=plans.rollout_document(session, row),
        schedule=Schedule.from_bytes(row.schedule.encode()),
        started_at=row.started_at,
        brake=_brake_on(session, row.product),
    )


def _brake_on(session: Session, product: str) -> str:
    first = next(iter(plans.brakes_on(session, product)), None)
    return f"a brake on {first.scope} is on ({first.by}: {first.reason})" if first else ""
