"""Announcing and lifting freezes: for a site, a client, a product, or everything.

A freeze can only refuse, and what refuses wins: no lift of one freeze, and no resume of a rollout,
opens a site that another freeze, its own window or its own brake keeps shut.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, select

from distribution import audit
from distribution.calendars import freeze_records
from distribution.calendars.calendar_tables import FreezeRow
from distribution.calendars.freeze_records import Announced, Changed, Scope
from distribution.control import plans
from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.database.tables import Client, PlanRow, Site
from distribution.errors import Invalid, NotAllowed, NotFound
from distribution.people import own_proposals
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
    *,
    client: str = "",
) -> tuple[int, list[str]]:
    """Announce freezes; how many were new, and the products whose plans must be published.

    Args:
        client: of a customer who says so: nothing but what is theirs exists.

    Raises:
        NotFound: no such site or client.
        Invalid: one is over already, there are too many, or no reason.
    """
    said = word.checked()
    for freeze in freezes:
        if freeze.is_over(now):
            raise Invalid(f"the freeze {freeze.name!r} is not in force within 13 months")
    with database.writing() as session:
        _check_exists(session, scope, subject, client)
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
        if new:
            names = ", ".join(freeze.name for freeze in new)
            about = f"freeze {names} for {scope} {subject}".rstrip()
            deed = audit.Deed(said.actor, "freeze.announce", about, said.reason, said.role)
            audit.note(session, deed, now)
        return len(new), _write_plans(session, scope, subject, now) if new else []


def lift(
    database: Database,
    number: int,
    word: Word,
    now: datetime,
    *,
    may_lift: bool,
    client: str = "",
) -> list[str]:
    """End a freeze before its time; the products whose plans must be published.

    Args:
        may_lift: whether this person may lift what others announced.
        client: of a customer who says so: nothing but what is theirs exists.

    Raises:
        NotFound: no such freeze, or it is over or lifted already.
        NotAllowed: somebody else announced it, and this is no approver, or one who started or
            published a rollout that would go on then.
        Invalid: no reason.
    """
    said = word.checked()
    with database.writing() as session:
        found = [one for one in visible(session, now, client) if one.number == number]
        if not found:
            raise NotFound(f"no freeze {number} is in force or ahead", hint="see 'hsp freeze list'")
        [one] = found
        if said.by != one.by:
            _require_lifter(session, one, said.by, may_lift=may_lift)
        row = session.get_one(FreezeRow, number)
        row.lifted_at = now
        session.add(row)
        what = f"freeze lifted: {one.freeze.name}"
        freeze_records.note(
            session, Changed(now, one.scope, one.subject, said.by, said.reason, what)
        )
        about = f"freeze {number} for {one.scope} {one.subject}".rstrip()
        deed = audit.Deed(said.actor, "freeze.lift", about, said.reason, said.role)
        audit.note(session, deed, now)
        return _write_plans(session, one.scope, one.subject, now)


def _require_lifter(session: Session, one: Announced, name: str, *, may_lift: bool) -> None:
    if not may_lift:
        raise NotAllowed(
            f"{one.by} announced freeze {one.number}, and {name} is no approver",
            hint=f"ask {one.by} or an approver",
        )
    held = one.subject if one.scope is Scope.PRODUCT else ""
    own_proposals.require_not_freed(session, name, held)


def visible(session: Session, now: datetime, client: str) -> list[Announced]:
    """What is in force or ahead; for a customer, what is announced for their own client."""
    found = freeze_records.announced(session, now)
    return [one for one in found if _is_visible(session, one.scope, one.subject, client)]


def _is_visible(session: Session, scope: Scope, subject: str, client: str) -> bool:
    if scope is Scope.SITE:
        site = session.get(Site, subject)
        return not client or (site is not None and site.client_id == client)
    return not client or (scope is Scope.CLIENT and subject == client)


def _is_of(one: Announced, scope: Scope, subject: str) -> bool:
    return (one.scope, one.subject) == (scope, subject)


def _check_exists(session: Session, scope: Scope, subject: str, client: str) -> None:
    missing = (scope is Scope.SITE and session.get(Site, subject) is None) or (
        scope is Scope.CLIENT and session.get(Client, subject) is None
    )
    if missing or not _is_visible(session, scope, subject, client):
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
