"""After a restore from a backup: the published plan is the floor, and the database catches up.

A database of yesterday does not know what was decided since then, but the plan that was published
says it: which rollouts there are, who paused or stopped them, which waves are open, which brakes
are on, when nothing may be changed. Each is taken over where it is stricter or newer than what the
database has, so that no stop is forgotten and no wave opens twice; then the plan is written with a
serial above the published one. A rollout that the database has never heard of comes back paused,
for a person to look at: its own gates and limits are lost with the database. So is what a plan does
not say, since every site reads it: the brakes, freezes and yeses of single clients.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from distribution import audit
from distribution.calendars import freeze_records
from distribution.calendars.freeze_records import Announced, Changed, Scope
from distribution.control import plans
from distribution.control.control_tables import BrakeRow
from distribution.control.schedules import load_schedule
from distribution.control.waves import restore
from distribution.database.sessions import Database
from distribution.database.tables import PlanRow, RolloutChange, RolloutRow
from distribution.errors import Conflict, NotFound
from distribution.repository import catalogue
from distribution.repository.online_keys import OnlineKeys
from distribution.repository.online_roles import publish_targets
from manifests.documents import to_json
from manifests.freeze import Freeze
from manifests.release import Release
from manifests.rollout import Brake, Rollout, RolloutPlan, RolloutState, Schedule, ScheduledWave
from manifests.target_paths import plan_path, rollouts_role
from signing.store import Store

_STRICTNESS = (
    RolloutState.RUNNING,
    RolloutState.FINISHED,
    RolloutState.PAUSED,
    RolloutState.STOPPED,
)


@dataclass(frozen=True)
class Repaired:
    """The serials before and after, and what the database took over, in words."""

    had: int
    published: int
    writes: int
    taken_over: tuple[str, ...]


def take_floor(database: Database, store: Store, product: str, by: str, now: datetime) -> Repaired:
    """Bring the database of a product up to its published plan. The caller publishes afterwards.

    Raises:
        NotFound: no plan of this product was ever published.
        Conflict: the database is not behind: there is nothing to repair.
        Unavailable: the store or the database does not answer.
    """
    data = catalogue.read_target(store, plan_path(product))
    plan = RolloutPlan.from_bytes(data)
    releases = {
        rollout.release: Release.read(
            rollout.release, catalogue.read_target(store, rollout.release)
        )
        for rollout in plan.rollouts
    }
    with database.writing() as session:
        row = session.get(PlanRow, product) or PlanRow(product=product, document=b"")
        had = row.serial
        if had > plan.serial or row.document == data:
            raise Conflict(
                f"the database has serial {had} and {plan.serial} is published: it is not behind",
                hint="there is nothing to repair; the scheduler publishes by itself",
            )
        words = [_take_over(session, r, releases[r.release], by, now) for r in plan.rollouts]
        words += [_take_brake(session, product, brake) for brake in plan.brakes]
        words += [_take_freeze(session, product, freeze, by, now) for freeze in plan.freezes]
        row.serial = plan.serial
        session.add(row)
        reason = "; ".join(word for word in words if word)
        audit.note(session, audit.Deed(by, "repair.plan", f"plan of {product}", reason), now)
        plans.write(session, product, now)
        return Repaired(had, plan.serial, row.serial, tuple(word for word in words if word))


def replace_stolen(
    database: Database, store: Store, online: OnlineKeys, product: str, by: str, now: datetime
) -> int:
    """Publish the database's plan in the place of one that a thief of the server's keys wrote.

    Nothing of what is published is taken over, whatever it is; the new plan's serial.

    Raises:
        NotFound: there is no such product.
        Misconfigured: the repository lists other online keys: rotate them first.
        LostRace: others were faster every time.
        Unavailable: the store or the database does not answer.
    """
    if product not in catalogue.products(store):
        raise NotFound(f"there is no product {product}", hint="hsp product list")
    with database.alone(f"plan-{product}"):
        with database.writing() as session:
            serial = plans.write(session, product, now)
            audit.note(session, audit.Deed(by, "repair.stolen_plan", f"plan of {product}"), now)
            document = session.get_one(PlanRow, product).document
        files = {plan_path(product): document}
        publish_targets(store, rollouts_role(product), files, online, now)
    return serial


def _take_over(
    session: Session, published: Rollout, release: Release, by: str, now: datetime
) -> str:
    wanted = select(RolloutRow).where(RolloutRow.release == published.release)
    row = session.exec(wanted).one_or_none()
    version = release.manifest.version
    if row is None:
        _recreate(session, published, release, by, now)
        return f"{version}: was unknown here; it is back, {_state_of_unknown(published)}"
    opened = restore(session, row, published.waves)
    state = published.state
    if _STRICTNESS.index(state) > _STRICTNESS.index(RolloutState(row.state)):
        change = published.last_change
        _set(session, row, state, change.by, change.at, change.reason)
        return f"{version}: {state} by {change.by}"
    return f"{version}: {opened} waves were open already" if opened else ""


def _state_of_unknown(published: Rollout) -> RolloutState:
    running = published.state is RolloutState.RUNNING
    return RolloutState.PAUSED if running else published.state


def _recreate(
    session: Session, published: Rollout, release: Release, by: str, now: datetime
) -> None:
    manifest, change = release.manifest, published.last_change
    bare = tuple(a.model_copy(update={"files": ()}) for a in manifest.artifacts)
    waves = tuple(
        ScheduledWave(
            after_seconds=0,
            spread_seconds=wave.spread_seconds,
            up_to_basis_points=wave.up_to_basis_points,
        )
        for wave in published.waves
    )
    schedule = Schedule(name="restored", waves=waves, gates=load_schedule("standard").gates)
    row = RolloutRow(
        product=manifest.product,
        version=manifest.version,
        release=published.release,
        manifest=manifest.model_copy(update={"artifacts": bare}).to_bytes().decode(),
        schedule=schedule.to_bytes().decode(),
        only=to_json(published.only.model_dump(mode="json")).decode(),
        state=published.state,
        changed_by=change.by,
        changed_at=change.at,
        change_reason=change.reason,
        started_at=published.waves[0].opens_at or now,
        counted_from=now,
    )
    session.add(row)
    session.flush()
    restore(session, row, published.waves)
    if _state_of_unknown(published) is not published.state:
        reason = "restored from the published plan: look at it before you resume it"
        _set(session, row, RolloutState.PAUSED, by, now, reason)


def _set(
    session: Session, row: RolloutRow, state: RolloutState, by: str, at: datetime, reason: str
) -> None:
    row.state, row.changed_by, row.changed_at, row.change_reason = state, by, at, reason
    session.add(row)
    session.add(RolloutChange(rollout_id=row.id or 0, state=state, by=by, at=at, reason=reason))
    session.flush()


def _take_brake(session: Session, product: str, published: Brake) -> str:
    if published in plans.brakes_on(session, product):
        return ""
    is_global = published.scope == plans.EVERYTHING
    session.add(
        BrakeRow(
            scope="global" if is_global else "product",
            target="" if is_global else published.scope,
            by=published.by,
            at=published.at,
            reason=published.reason,
        )
    )
    session.flush()
    return f"a brake on {published.scope} by {published.by}"


def _take_freeze(session: Session, product: str, published: Freeze, by: str, now: datetime) -> str:
    """A plan does not say whether it was the product's or everything's: it is the product's now."""
    if published in freeze_records.in_plan(session, product, now) or published.is_over(now):
        return ""
    reason = "restored from the published plan"
    whose = (Scope.PRODUCT, product)
    freeze_records.add(session, Announced(0, *whose, published, by, now, reason))
    freeze_records.note(session, Changed(now, *whose, by, reason, f"freeze: {published.name}"))
    session.flush()
    return f"the freeze {published.name!r}, for {product}"
