"""Announcing and lifting freezes: for a site, a client, a product, or everything.

A freeze can only refuse, and what refuses wins: no lift of one freeze, and no resume of a rollout,
opens a site that another freeze, its own window or its own brake keeps shut.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlmodel import Session, select

from distribution import freeze_records, plans
from distribution.calendar_tables import FreezeRow
from distribution.database import Database
from distribution.errors import Invalid, NotAllowed, NotFound
from distribution.freeze_records import Announced, Changed, Scope
from distribution.rollouts import Word
from distribution.tables import Client, PlanRow, Site
from manifests.freeze import Freeze

MOST_OF_ONE = 100
"""Freezes of one client, product and so on: a plan carries two lots of them, and so does an
answer."""


def announce(
    database: Database,
    scope: Scope,
    subject: str,
    freezes: Sequence[Freeze],
    word: Word,
    now: datetime,
) -> tuple[int, list[str]]:
    """Announce freezes; how many were new, and the products whose plans must be published.

    Raises:
        NotFound: no such site or client.
        Invalid: one is over already, there are too many, or no reason.
    """
    said = word.checked()
    for freeze in freezes:
        if freeze.is_over(now):
            raise Invalid(f"the freeze {freeze.name!r} is not in force within 13 months")
    with database.writing() as session:
        _check_exists(session, scope, subject)
        known = [o for o in freeze_records.announced(session, now) if _is_of(o, scope, subject)]
        new = [freeze for freeze in freezes if freeze not in [one.freeze for one in known]]
        if len(known) + len(new) > MOST_OF_ONE:
            raise Invalid(
                f"{len(known) + len(new)} freezes for one {scope}; at most {MOST_OF_ONE} may be",
                hint="use a rule that recurs, or lift those that are not needed",
            )
        for freeze in new:
            freeze_records.add(
                session, Announced(0, scope, subject, freeze, said.by, now, said.reason)
            )
            what = f"freeze announced: {freeze.name}"
            freeze_records.note(session, Changed(now, scope, subject, said.by, said.reason, what))
        session.flush()
        return len(new), _write_plans(session, scope, subject, now) if new else []


def lift(
    database: Database, number: int, word: Word, approvers: Collection[str], now: datetime
) -> list[str]:
    """End a freeze before its time; the products whose plans must be published.

    Args:
        approvers: who may lift what others announced.

    Raises:
        NotFound: no such freeze, or it is over or lifted already.
        NotAllowed: somebody else announced it, and this is no approver.
        Invalid: no reason.
    """
    said = word.checked()
    with database.writing() as session:
        found = [one for one in freeze_records.announced(session, now) if one.number == number]
        if not found:
            raise NotFound(f"no freeze {number} is in force or ahead", hint="see 'hsp freeze list'")
        [one] = found
        if said.by != one.by and said.by not in approvers:
            raise NotAllowed(
                f"{one.by} announced freeze {number}, and {said.by} is no approver",
                hint=f"ask {one.by} or an approver; the setting 'approvers' names them",
            )
        row = session.get_one(FreezeRow, number)
        row.lifted_at = now
        session.add(row)
        what = f"freeze lifted: {one.freeze.name}"
        freeze_records.note(
            session, Changed(now, one.scope, one.subject, said.by, said.reason, what)
        )
        session.flush()
        return _write_plans(session, one.scope, one.subject, now)


def _is_of(one: Announced, scope: Scope, subject: str) -> bool:
    return (one.scope, one.subject) == (scope, subject)


def _check_exists(session: Session, scope: Scope, subject: str) -> None:
    missing = (scope is Scope.SITE and session.get(Site, subject) is None) or (
        scope is Scope.CLIENT and session.get(Client, subject) is None
    )
    if missing:
        raise NotFound(f"there is no {scope} {subject!r}", hint="see 'hsp site list'")


def _write_plans(session: Session, scope: Scope, subject: str, now: datetime) -> list[str]:
    """Write the plans anew that carry freezes of this scope."""
    wanted = select(PlanRow.product)
    if scope is Scope.PRODUCT:
        wanted = wanted.where(PlanRow.product == subject)
    elif scope is not Scope.EVERYTHING:
        return []
    products = list(session.exec(wanted))
    for product in products:
        plans.write(session, product, now)
    return products
