"""A product's rollout plan: written with the change that causes it, published as its consequence.

Whoever changes a rollout calls ``write`` in the same transaction. ``publish`` signs what is written
and may be repeated at will: after a crash, or with the store away for an hour, ``reconcile`` brings
the published plan to what the database says.

A plan is read by every site of a product, so nothing in it may name a client.
"""

import hashlib
import logging
from datetime import datetime

from sqlmodel import Session, col, select

from distribution.calendars import freeze_records
from distribution.control import notices
from distribution.control.control_tables import BrakeRow, TurnRow
from distribution.database.sessions import Database
from distribution.database.tables import PlanRow, RolloutRow, WaveRow
from distribution.errors import Conflict, LostRace, Misconfigured, NotFound, Unavailable
from distribution.repository import catalogue
from distribution.repository.publish import OnlineKeys, publish_targets
from manifests.documents import parse_json
from manifests.rollout import (
    Brake,
    Change,
    Rollout,
    RolloutPlan,
    RolloutState,
    Schedule,
    SiteFilter,
    Wave,
    draw,
)
from manifests.target_paths import plan_path, rollouts_role
from signing.store import Store

log = logging.getLogger(__name__)

RACES = 5
"""So often somebody else may be faster, before it is for the next turn of the scheduler."""


def rollout_document(session: Session, row: RolloutRow) -> Rollout:
    """A rollout as the plan carries it."""
    return Rollout(
        release=row.release,
        state=RolloutState(row.state),
        last_change=Change(by=row.changed_by, at=row.changed_at, reason=row.change_reason),
        waves=tuple(
            Wave(
                opens_at=wave.opens_at,
                spread_seconds=wave.spread_seconds,
                up_to_basis_points=wave.up_to_basis_points,
            )
            for wave in waves_of(session, row.id)
        ),
        only=SiteFilter.model_validate(parse_json(row.only.encode(), "site filter")),
        turns=turns_of(session, row),
    )


def turns_of(session: Session, row: RolloutRow) -> tuple[int, ...] | None:
    """What the sites drew whose turn it is; None where everybody's is.

    The limit of a finished rollout ends when a newer one has finished: few are late for it by then.
    """
    if not Schedule.from_bytes(row.schedule.encode()).limits.are_set or _is_past(session, row):
        return None
    wanted = select(TurnRow.site_id).where(
        TurnRow.rollout_id == row.id,
        col(TurnRow.given_at).is_not(None),
        col(TurnRow.taken_back_at).is_(None),
    )
    drawn = (draw(row.product, row.version, site) for site in session.exec(wanted))
    return tuple(sorted(set(drawn)))


def _is_past(session: Session, row: RolloutRow) -> bool:
    finished = RolloutState.FINISHED
    newer = select(RolloutRow.id).where(RolloutRow.product == row.product)
    newer = newer.where(RolloutRow.state == finished, col(RolloutRow.id) > row.id)
    return row.state == finished and session.exec(newer).first() is not None


def waves_of(session: Session, rollout_id: int | None) -> list[WaveRow]:
    """The waves of a rollout, in order."""
    wanted = select(WaveRow).where(WaveRow.rollout_id == rollout_id)
    return list(session.exec(wanted.order_by(col(WaveRow.number))))


def written(session: Session, product: str) -> RolloutPlan | None:
    """The plan as the database has it."""
    row = session.get(PlanRow, product)
    return RolloutPlan.from_bytes(row.document) if row else None


def write(session: Session, product: str, now: datetime) -> int:
    """Write the plan anew, with the next serial, into the transaction that caused it."""
    row = session.get(PlanRow, product) or PlanRow(product=product, document=b"")
    wanted = select(RolloutRow).where(RolloutRow.product == product).order_by(col(RolloutRow.id))
    rollouts = (rollout_document(session, r) for r in session.exec(wanted).all())
    row.serial += 1
    plan = RolloutPlan(
        product=product,
        serial=row.serial,
        written_at=now,
        rollouts=tuple(rollouts),
        brakes=brakes_on(session, product),
        freezes=freeze_records.in_plan(session, product, now),
    )
    row.document = plan.to_bytes()
    session.add(row)
    session.flush()
    return row.serial


EVERYTHING = "everything"


def brakes_on(session: Session, product: str) -> tuple[Brake, ...]:
    """The brakes that are on a product, or on everything."""
    on_product = (col(BrakeRow.scope) == "product") & (col(BrakeRow.target) == product)
    wanted = (
        select(BrakeRow)
        .where(col(BrakeRow.off_at).is_(None), (col(BrakeRow.scope) == "global") | on_product)
        .order_by(col(BrakeRow.id))
    )
    return tuple(
        Brake(scope=row.target or EVERYTHING, by=row.by, at=row.at, reason=row.reason)
        for row in session.exec(wanted)
    )


def publish(
    database: Database, store: Store, online: OnlineKeys, product: str, now: datetime
) -> bool:
    """Sign and publish the written plan unless it is published already; whether there was need.

    One at a time on this machine. Between machines it replaces only what it has read before, and
    reads the newest plan again if somebody was faster: so an older one never follows a newer.

    Raises:
        Conflict: the published plan is newer than the database, which was therefore restored
            from a backup.
        LostRace: others were faster every time.
        Unavailable: the store or the database is away; the scheduler will try again.
    """
    with database.alone(f"plan-{product}"):
        for _ in range(RACES):
            try:
                return _publish_once(database, store, online, product, now)
            except LostRace as error:
                log.info("%s", error)
        return _publish_once(database, store, online, product, now)


def _publish_once(
    database: Database, store: Store, online: OnlineKeys, product: str, now: datetime
) -> bool:
    # In this order: whatever is published was in the database before.
    found, path = _published(store, product), plan_path(product)
    with database.reading() as session:
        row = session.get(PlanRow, product)
    if row is None:
        return False
    news = found != row.document
    if news:
        _check_is_newer(row, found)
        before = {path: hashlib.sha256(found).hexdigest() if found is not None else ""}
        role, files = rollouts_role(product), {path: row.document}
        publish_targets(store, role, files, online, now, instead_of=before)
        log.info("published plan %d of %s", row.serial, product)
    if notices.are_due(database, product, row.serial):  # a crash may have come in between
        newest = catalogue.trust_state(store)
        seen = newest.root_version, newest.timestamp_version
        notices.published(database, product, row.serial, *seen, now)
    return news


def publish_decision(
    database: Database, store: Store, online: OnlineKeys, product: str, now: datetime
) -> None:
    """Publish what a person has just decided, and say so if it must wait.

    A process without keys leaves it to the scheduler's next turn.

    Raises:
        Conflict: as ``publish``.
        Unavailable: it is decided and will be published, but is not yet.
    """
    if online.are_elsewhere:
        return
    try:
        publish(database, store, online, product, now)
    except (Unavailable, LostRace, Misconfigured) as error:
        mend = f"{error.hint}; " if error.hint and isinstance(error, Misconfigured) else ""
        raise Unavailable(
            f"this is decided, but no site knows yet: {error.message}",
            hint=f"{mend}the scheduler of 'hsp serve' goes on trying; no need to repeat it",
        ) from error


def publish_decisions(database: Database, store: Store, online: OnlineKeys, now: datetime) -> None:
    """As ``publish_decision``, of what concerns every product.

    Raises:
        Conflict: as ``publish``.
        Unavailable: as ``publish_decision``.
    """
    with database.reading() as session:
        products = session.exec(select(PlanRow.product)).all()
    for product in products:
        publish_decision(database, store, online, product, now)


def reconcile(database: Database, store: Store, online: OnlineKeys, now: datetime) -> list[str]:
    """Publish every plan that differs from what is published; the products it was done for.

    Raises:
        Conflict: as ``publish``.
        Unavailable: as ``publish``.
    """
    with database.reading() as session:
        products = session.exec(select(PlanRow.product)).all()
    return [p for p in products if publish(database, store, online, p, now)]


def differing(database: Database, store: Store) -> list[str]:
    """The products whose published plan is not the one that the database has.

    Raises:
        Unavailable: the store or the database is away.
    """
    with database.reading() as session:
        written = {row.product: row.document for row in session.exec(select(PlanRow)).all()}
    return [p for p, document in sorted(written.items()) if _published(store, p) != document]


def _published(store: Store, product: str) -> bytes | None:
    try:
        return catalogue.read_target(store, plan_path(product))
    except NotFound:
        return None


def _check_is_newer(row: PlanRow, found: bytes | None) -> None:
    if found is None:
        return
    serial = RolloutPlan.from_bytes(found).serial
    if serial >= row.serial:
        raise Conflict(
            f"the published plan of {row.product} has serial {serial}, the database {row.serial}: "
            "the database is older than the repository",
            hint=f"restore a newer backup, or run 'hsp repair plan-serial {row.product}', which "
            "takes over what was published; until then the published plan goes on to hold",
        )
