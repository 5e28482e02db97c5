"""The freezes that are in force or ahead, as plans and answers to check-ins carry them.

A plan is read by every site of a product, so only freezes of products and of everything are in it;
those of a client, or of one site, reach that site alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from distribution import audit
from distribution.calendars.calendar_tables import CalendarChange, FreezeRow
from manifests.documents import parse_json, to_json
from manifests.freeze import Freeze
from manifests.site import SitePolicy
from manifests.window import HORIZON

ADMINISTRATOR = "the site's administrator"


class Scope(StrEnum):
    """Whom a freeze, or a change of a calendar, is about."""

    SITE = "site"
    CLIENT = "client"
    PRODUCT = "product"
    EVERYTHING = "global"


@dataclass(frozen=True)
class Announced:
    """A freeze with who announced it, and for whom."""

    number: int
    scope: Scope
    subject: str
    freeze: Freeze
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True)
class Changed:
    """One change of a calendar."""

    at: datetime
    scope: Scope
    subject: str
    by: str
    reason: str
    what: str


def announced(session: Session, now: datetime) -> list[Announced]:
    """All freezes that are not lifted and not over, oldest first."""
    wanted = select(FreezeRow).where(col(FreezeRow.lifted_at).is_(None))
    rows = session.exec(wanted.order_by(col(FreezeRow.id)))
    return [one for one in map(_announced, rows) if not one.freeze.is_over(now)]


def _announced(row: FreezeRow) -> Announced:
    assert row.id is not None  # noqa: S101 - it came from the database
    freeze = Freeze.model_validate(parse_json(row.document.encode(), "freeze"))
    return Announced(row.id, Scope(row.scope), row.subject, freeze, row.by, row.at, row.reason)


def in_plan(session: Session, product: str, now: datetime) -> tuple[Freeze, ...]:
    """What the plan of a product says."""
    return _of(session, {(Scope.PRODUCT, product), (Scope.EVERYTHING, "")}, now)


def for_site(session: Session, site_id: str, client_id: str, now: datetime) -> tuple[Freeze, ...]:
    """What the answer to a site's check-in says."""
    return _of(session, {(Scope.SITE, site_id), (Scope.CLIENT, client_id)}, now)


def _of(session: Session, places: set[tuple[Scope, str]], now: datetime) -> tuple[Freeze, ...]:
    return _among(announced(session, now), places)


def _among(all_of_them: Iterable[Announced], places: set[tuple[Scope, str]]) -> tuple[Freeze, ...]:
    return tuple(one.freeze for one in all_of_them if (one.scope, one.subject) in places)


class OfSites:
    """As ``for_site``, for many sites at one moment."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._announced = announced(session, now)
        self._alone = {one.subject for one in self._announced if one.scope is Scope.SITE}

    def of(self, site_id: str, client_id: str) -> tuple[Freeze, ...]:
        """What is announced for one site."""
        return _among(self._announced, {(Scope.SITE, site_id), (Scope.CLIENT, client_id)})

    def names(self, site_id: str) -> bool:
        """Whether something is announced for this site alone."""
        return site_id in self._alone

    def next_end(self, now: datetime) -> datetime:
        """When the first of them may be over: the end of the time it next freezes."""
        spans = (one.freeze.blackouts(now, now + HORIZON) for one in self._announced)
        return min((next(span).ends_at for span in spans), default=now + HORIZON)


def add(session: Session, one: Announced) -> None:
    """Keep a freeze; its number is given by the database."""
    document = to_json(one.freeze.model_dump(mode="json")).decode()
    session.add(
        FreezeRow(
            scope=one.scope, subject=one.subject, document=document,
            by=one.by, at=one.at, reason=one.reason,
        )
    )  # fmt: skip


def note(session: Session, change: Changed) -> None:
    """Record a change, in the transaction that makes it."""
    session.add(
        CalendarChange(
            scope=change.scope, subject=change.subject, by=change.by, at=change.at,
            reason=change.reason, what=change.what,
        )
    )  # fmt: skip


def changes(session: Session, limit: int = 200) -> Iterable[Changed]:
    """The newest changes, newest first."""
    wanted = select(CalendarChange).order_by(col(CalendarChange.id).desc()).limit(limit)
    return [
        Changed(row.at, Scope(row.scope), row.subject, row.by, row.reason, row.what)
        for row in session.exec(wanted)
    ]


def note_policy(
    session: Session, site_id: str, before: SitePolicy | None, after: SitePolicy, now: datetime
) -> None:
    """Record what a site's administrator changed, as far as the site tells at its check-in."""
    what = policy_changes(before or SitePolicy(), after)
    if what:
        reason = after.brake.reason if after.brake else "told by the site at its check-in"
        note(session, Changed(now, Scope.SITE, site_id, ADMINISTRATOR, reason, "; ".join(what)))
        deed = audit.Deed(f"site:{site_id}", "site.policy", f"site {site_id}", "; ".join(what))
        audit.note(session, deed, now)


def policy_changes(before: SitePolicy, after: SitePolicy) -> list[str]:
    """The differences of two policies in what they let happen when, in words."""
    found = []
    for name in ("windows", "blackouts", "freezes"):
        old, new = getattr(before, name), getattr(after, name)
        gone, come = [x for x in old if x not in new], [x for x in new if x not in old]
        found += [f"{name[:-1]} taken away: {one.name}" for one in gone]
        found += [f"{name[:-1]} added: {one.name}" for one in come]
    if (before.brake is None) != (after.brake is None):
        found.append("brake put on" if after.brake else "brake taken off")
    return found
