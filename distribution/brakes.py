"""Brakes: a hold on a site, a client, a product or everything, apart from any rollout.

Anyone in support may put one on. Only who put it on, or an approver, takes it off again: no
rollout's resume does, and neither does another brake's end. One on a product or on everything is
signed into the plans; one on a site or a client reaches its sites in the answers to their
check-ins (``holds``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from distribution import events, plans
from distribution.control_tables import BrakeRow
from distribution.database import Database
from distribution.errors import Conflict, NotAllowed, NotFound
from distribution.events import EventKind
from distribution.rollouts import Word
from distribution.tables import Client, PlanRow, RolloutRow, Site, SiteProduct


class Scope(StrEnum):
    """What a brake is on."""

    SITE = "site"
    CLIENT = "client"
    PRODUCT = "product"
    GLOBAL = "global"


@dataclass(frozen=True)
class BrakeRecord:
    """A brake: who put it on, when and why; and who took it off, if somebody has."""

    number: int
    scope: Scope
    target: str
    by: str
    at: datetime
    reason: str
    off_by: str
    off_at: datetime | None
    off_reason: str


def put_on(database: Database, scope: Scope, target: str, word: Word, now: datetime) -> BrakeRecord:
    """Put a brake on. The caller publishes the plans afterwards, see ``plans.reconcile``.

    Raises:
        NotFound: there is no such site, client or product.
        Invalid: no reason.
        Unavailable: the database does not answer.
    """
    said = word.checked()
    with database.writing() as session:
        _require_known(session, scope, target)
        row = BrakeRow(scope=scope, target=target, by=said.by, at=now, reason=said.reason)
        session.add(row)
        _tell(session, row, said, now, is_on=True)
        return _record(row)


def take_off(
    database: Database, number: int, word: Word, approvers: Iterable[str], now: datetime
) -> BrakeRecord:
    """Take a brake off.

    Args:
        approvers: who may take off what others put on.

    Raises:
        NotFound: there is no such brake.
        Conflict: it is off already.
        NotAllowed: somebody else put it on, and this is no approver.
        Invalid: no reason.
        Unavailable: the database does not answer.
    """
    said = word.checked()
    with database.writing() as session:
        row = session.get(BrakeRow, number)
        if row is None:
            raise NotFound(f"there is no brake {number}", hint="see 'hsp brake list'")
        if row.off_at is not None:
            raise Conflict(f"brake {number} was taken off by {row.off_by} already")
        if said.by != row.by and said.by not in approvers:
            raise NotAllowed(
                f"{row.by} put brake {number} on, and {said.by} is no approver",
                hint=f"ask {row.by} or an approver; the setting 'approvers' names them",
            )
        row.off_by, row.off_at, row.off_reason = said.by, now, said.reason
        session.add(row)
        _tell(session, row, said, now, is_on=False)
        return _record(row)


def listed(session: Session, *, also_off: bool = False) -> list[BrakeRecord]:
    """The brakes that are on, or all that ever were, oldest first."""
    wanted = select(BrakeRow).order_by(col(BrakeRow.id))
    if not also_off:
        wanted = wanted.where(col(BrakeRow.off_at).is_(None))
    return [_record(row) for row in session.exec(wanted)]


def _require_known(session: Session, scope: Scope, target: str) -> None:
    has_product = select(SiteProduct.site_id).where(SiteProduct.product == target)
    rolled_out = select(RolloutRow.id).where(RolloutRow.product == target)
    match scope:
        case Scope.SITE:
            known = session.get(Site, target) is not None
        case Scope.CLIENT:
            known = session.get(Client, target) is not None
        case Scope.PRODUCT:
            known = bool(session.exec(has_product).first() or session.exec(rolled_out).first())
        case Scope.GLOBAL:
            known = target == ""
    if not known:
        raise NotFound(f"there is no {scope} {target!r}", hint="see 'hsp site list'")


def _tell(session: Session, row: BrakeRow, word: Word, now: datetime, *, is_on: bool) -> None:
    session.flush()
    scope = Scope(row.scope)
    product = row.target if scope is Scope.PRODUCT else ""
    events.tell(
        session,
        EventKind.BRAKE,
        now,
        site_id=row.target if scope is Scope.SITE else "",
        product=product,
        number=row.id,
        scope=scope,
        target=row.target,
        on=is_on,
        by=word.by,
        reason=word.reason,
    )
    if scope is Scope.PRODUCT:
        plans.write(session, product, now)
    elif scope is Scope.GLOBAL:
        for name in session.exec(select(PlanRow.product)).all():
            plans.write(session, name, now)


def _record(row: BrakeRow) -> BrakeRecord:
    return BrakeRecord(
        number=row.id or 0,
        scope=Scope(row.scope),
        target=row.target,
        by=row.by,
        at=row.at,
        reason=row.reason,
        off_by=row.off_by,
        off_at=row.off_at,
        off_reason=row.off_reason,
    )
