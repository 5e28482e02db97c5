"""The fleet as somebody looks through it: filtered in the database, page by page, and counted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, true
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from distribution.control import fleet
from distribution.control.brakes import Scope
from distribution.control.control_tables import BrakeRow
from distribution.database.tables import Site, SiteProduct
from distribution.sites.site_records import SiteRecord, records


class SiteState(StrEnum):
    """What a site can be asked for by. Those that are revoked are in ``REVOKED`` alone."""

    ONLINE = "online"
    SILENT = "silent"
    OFFLINE = "offline"
    """It gets its updates on a stick, which is not due back yet."""
    TROUBLE = "trouble"
    """It says itself that it cannot be updated."""
    HELD = "held"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Wanted:
    """Which sites; what is empty is not asked for.

    Attributes:
        text: part of a site's or a client's name.
        client: of one client only.
        only: these sites and no others, where it is not None.
    """

    text: str = ""
    client: str = ""
    state: SiteState | None = None
    product: str = ""
    version: str = ""
    only: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Moment:
    """When somebody looks: what was last seen before ``online_since`` is not online any more."""

    now: datetime
    online_since: datetime


@dataclass(frozen=True)
class Runs:
    """How many sites run a version of a product."""

    product: str
    version: str | None
    sites: int


def found(
    session: Session, wanted: Wanted, at: Moment, *, after: str = "", limit: int
) -> list[SiteRecord]:
    """Up to ``limit`` sites in the order of their names, from the one behind ``after`` on."""
    asked = select(Site).where(Site.id > after, *_conditions(session, wanted, at))
    rows = session.exec(asked.order_by(col(Site.id)).limit(limit)).all()
    return records(session, rows, at.online_since)


def count(session: Session, wanted: Wanted, at: Moment) -> int:
    """How many there are in all."""
    asked = select(func.count()).select_from(Site).where(*_conditions(session, wanted, at))
    return session.exec(asked).one()


@dataclass(frozen=True)
class Figures:
    """Sites counted: those that are not revoked, and those in each state; one can be in several."""

    sites: int
    states: Mapping[SiteState, int]

    @classmethod
    def added(cls, parts: Iterable["Figures"]) -> "Figures":
        """All of them together."""
        parts = list(parts)
        states = {state: sum(part.states[state] for part in parts) for state in SiteState}
        return cls(sum(part.sites for part in parts), states)


NOTHING = Figures(0, dict.fromkeys(SiteState, 0))


def by_state(session: Session, client: str, at: Moment) -> Mapping[SiteState, int]:
    """How many sites of a client are in each state."""
    return by_client(session, at, client).get(client, NOTHING).states


def by_client(session: Session, at: Moment, client: str = "") -> dict[str, Figures]:
    """Every client that has a site, or one of them, in figures: one walk through the sites."""
    here = _sum(col(Site.revoked_at).is_(None))
    asked = sa_select(col(Site.client_id), here, *_states(session, at)).where(_of(client))
    rows = session.execute(asked.group_by(col(Site.client_id)).order_by(col(Site.client_id)))
    return {
        name: Figures(sites, dict(zip(SiteState, sums, strict=True))) for name, sites, *sums in rows
    }


def matching(session: Session, wanted: Wanted, at: Moment, known: Mapping[str, Figures]) -> int:
    """How many sites are wanted; by ``known``, all clients that may be looked at, if it says so."""
    if wanted != Wanted(client=wanted.client, state=wanted.state):
        return count(session, wanted, at)
    parts = [known.get(wanted.client, NOTHING)] if wanted.client else known.values()
    found = Figures.added(parts)
    return found.states[wanted.state] if wanted.state else found.sites


def _states(session: Session, at: Moment) -> list[Any]:
    """For each state a sum of the sites that are in it."""
    return [_sum(_in_state(session, state, at)) for state in SiteState]


def _sum(condition: ColumnElement[bool]) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def versions(session: Session, client: str) -> Sequence[Runs]:
    """Which versions run where, the most usual ones of each product in front."""
    sites = select(Site.id)  # few are revoked, so for the whole fleet those are left out instead
    its = col(SiteProduct.site_id).in_(sites.where(_of(client), col(Site.revoked_at).is_(None)))
    gone = col(SiteProduct.site_id).in_(sites.where(col(Site.revoked_at).is_not(None)))
    asked = (
        select(SiteProduct.product, SiteProduct.version, func.count())
        .where(its if client else ~gone)
        .group_by(col(SiteProduct.product), col(SiteProduct.version))
        .order_by(col(SiteProduct.product), func.count().desc())
    )
    return [Runs(product, version, sites) for product, version, sites in session.exec(asked)]


def clients(session: Session) -> Sequence[tuple[str, int]]:
    """Every client that has a site, with how many."""
    asked = select(Site.client_id, func.count()).where(col(Site.revoked_at).is_(None))
    return session.exec(asked.group_by(col(Site.client_id)).order_by(col(Site.client_id))).all()


def _conditions(session: Session, wanted: Wanted, at: Moment) -> list[ColumnElement[bool]]:
    conditions = [_of(wanted.client), _in_state(session, wanted.state, at)]
    if wanted.text:
        part = wanted.text.lower()
        conditions.append(
            or_(
                col(Site.id).contains(part, autoescape=True),
                col(Site.client_id).contains(part, autoescape=True),
            )
        )
    if wanted.product:
        runs = select(SiteProduct.site_id).where(SiteProduct.product == wanted.product)
        if wanted.version:
            runs = runs.where(SiteProduct.version == wanted.version)
        conditions.append(col(Site.id).in_(runs))
    if wanted.only is not None:
        conditions.append(col(Site.id).in_(wanted.only))
    return conditions


def _of(client: str) -> ColumnElement[bool]:
    return col(Site.client_id) == client if client else true()


def _in_state(session: Session, state: SiteState | None, at: Moment) -> ColumnElement[bool]:
    if state is SiteState.REVOKED:
        return col(Site.revoked_at).is_not(None)
    here = col(Site.revoked_at).is_(None)
    return here & _live(session, state, at) if state else here


def _live(session: Session, state: SiteState, at: Moment) -> ColumnElement[bool]:
    is_online = col(Site.last_seen) >= at.online_since
    match state:
        case SiteState.ONLINE:
            return is_online
        case SiteState.SILENT:
            return ~is_online & fleet.is_due(at.now)
        case SiteState.OFFLINE:
            return ~is_online & ~fleet.is_due(at.now)
        case SiteState.TROUBLE:
            return col(Site.problem) != ""
        case _:
            return _held(session)


def _held(session: Session) -> ColumnElement[bool]:
    brakes = session.exec(select(BrakeRow).where(col(BrakeRow.off_at).is_(None))).all()
    targets: dict[str, list[Any]] = {scope: [] for scope in Scope}
    for brake in brakes:
        targets[brake.scope].append(brake.target)
    if targets[Scope.GLOBAL]:
        return true()
    products = select(SiteProduct.site_id).where(
        col(SiteProduct.product).in_(targets[Scope.PRODUCT])
    )
    return or_(
        col(Site.hold) != "",
        col(Site.id).in_(targets[Scope.SITE]),
        col(Site.client_id).in_(targets[Scope.CLIENT]),
        col(Site.id).in_(products),
    )
