"""Brakes: a hold on a site, a client, a product or everything, apart from any rollout.

Anyone in support may put one on. Only who put it on, or an approver, takes it off again: no
rollout's resume does, and neither does another brake's end. One on a product or on everything is
signed into the plans; one on a site or a client reaches its sites in the answers to their
check-ins (``holds``).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from distribution import audit, events
from distribution.control import plans
from distribution.control.control_tables import BrakeRow
from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.database.tables import Client, PlanRow, RolloutRow, Site, SiteProduct
from distribution.errors import Conflict, NotAllowed, NotFound
from distribution.events import EventKind
from distribution.people import own_proposals


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


def put_on(
    database: Database, scope: Scope, target: str, word: Word, now: datetime, *, client: str = ""
) -> BrakeRecord:
    """Put a brake on. The caller publishes the plans afterwards, see ``plans.reconcile``.

    Args:
        client: of a customer who says so: nothing but what is theirs exists.

    Raises:
        NotFound: there is no such site, client or product.
        Invalid: no reason.
        Unavailable: the database does not answer.
    """
    said = word.checked()
    with database.writing() as session:
        _require_known(session, scope, target, client)
        return _record(add(session, scope, target, said, now))


def add(session: Session, scope: Scope, target: str, word: Word, now: datetime) -> BrakeRow:
    """Put a brake on within a transaction."""
    row = BrakeRow(scope=scope, target=target, by=word.by, at=now, reason=word.reason)
    session.add(row)
    _tell(session, row, word, now, is_on=True)
    return row


def take_off(
    database: Database,
    number: int,
    word: Word,
    now: datetime,
    *,
    may_lift: bool,
    client: str = "",
) -> BrakeRecord:
    """Take a brake off.

    Args:
        may_lift: whether this person may take off what others put on.
        client: of a customer who says so: nothing but what is theirs exists.

    Raises:
        NotFound: there is no such brake.
        Conflict: it is off already.
        NotAllowed: somebody else put it on, and this is no approver, or one who started or
            published a rollout that would go on then.
        Invalid: no reason.
        Unavailable: the database does not answer.
    """
    said = word.checked()
    with database.writing() as session:
        row = session.get(BrakeRow, number)
        if row is None or not _is_visible(session, row.scope, row.target, client):
            raise NotFound(f"there is no brake {number}", hint="see 'hsp brake list'")
        if row.off_at is not None:
            raise Conflict(f"brake {number} was taken off by {row.off_by} already")
        if said.by != row.by:
            _require_lifter(session, row, said.by, may_lift=may_lift)
        row.off_by, row.off_at, row.off_reason = said.by, now, said.reason
        session.add(row)
        _tell(session, row, said, now, is_on=False)
        return _record(row)


def _require_lifter(session: Session, row: BrakeRow, name: str, *, may_lift: bool) -> None:
    if not may_lift:
        raise NotAllowed(
            f"{row.by} put brake {row.id} on, and {name} is no approver",
            hint=f"ask {row.by} or an approver",
        )
    held = row.target if row.scope == Scope.PRODUCT else ""
    own_proposals.require_not_freed(session, name, held)


def _is_visible(session: Session, scope: str, target: str, client: str) -> bool:
    """Whether it is a brake on something of this client's; to us all are."""
    if scope == Scope.SITE:
        site = session.get(Site, target)
        return not client or (site is not None and site.client_id == client)
    return not client or (scope == Scope.CLIENT and target == client)


def listed(session: Session, *, also_off: bool = False, client: str = "") -> list[BrakeRecord]:
    """The brakes that are on, or all that ever were, oldest first; of one client, or all."""
    wanted = select(BrakeRow).order_by(col(BrakeRow.id))
    if not also_off:
        wanted = wanted.where(col(BrakeRow.off_at).is_(None))
    rows = session.exec(wanted).all()
    return [_record(row) for row in rows if _is_visible(session, row.scope, row.target, client)]


def _require_known(session: Session, scope: Scope, target: str, client: str) -> None:
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
    if not known or not _is_visible(session, scope, target, client):
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
    about = f"brake {row.id} on {scope} {row.target}".rstrip()
    action = "brake.on" if is_on else "brake.off"
    deed = audit.Deed(word.actor, action, about, word.reason, word.role)
    audit.note(session, deed, now)
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
