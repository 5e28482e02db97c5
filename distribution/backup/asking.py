"""After a restore, each site is asked for the reports that it has written since the backup.

A site keeps what was acknowledged for a while. The answer to its check-in says up to which report
this server knows, until nothing is missing: so what was acknowledged once is not lost, even when
the database is of last night. A number that the site no longer has, or that was refused, is passed
over after some tries.
"""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from distribution.backup.tables import AskAgain, RestoreRow
from distribution.database.tables import Receipt, Site
from manifests.check_in import CheckIn

TRIES = 3
"""Answers get lost: so often a site is asked for a report before it counts as gone."""


def known_sequence(session: Session, site: Site, said: CheckIn) -> int | None:
    """The number above which the site is to send its reports again; None where nothing is missing.

    Runs inside the check-in's own transaction. A site without a row costs one look by its key.
    """
    row = session.get(AskAgain, site.id)
    if row is None:
        return None
    last = site.place_base + said.last_sequence
    there = _places(session, site.id, row.place)
    row.place, row.tries = _come_to(row, there)
    if row.place >= last or row.tries > TRIES:
        session.delete(row)
        return None
    session.add(row)
    return row.place - site.place_base


def _come_to(row: AskAgain, there: Sequence[int]) -> tuple[int, int]:
    """How far everything is there now, and how often it was asked for the next one."""
    place = _run(row.place, there)
    if place > row.place or row.tries < TRIES:
        return place, 1 if place > row.place else row.tries + 1
    if not there:
        return place, row.tries + 1
    return _run(there[0], there), 1


def _run(place: int, there: Sequence[int]) -> int:
    for each in there:
        if each == place + 1:
            place = each
    return place


def _newest_number(session: Session, site: Site) -> int:
    """Of the reports that were here before the site joined anew."""
    wanted = select(func.max(Receipt.sequence)).where(Receipt.site_id == site.id)
    return session.exec(wanted.where(Receipt.place <= site.place_base)).one() or 0


def joined(session: Session, site: Site) -> None:
    """A site joins anew after a restore, perhaps since the backup did not know it or its key.

    It numbers its reports on, so it is asked for those behind the newest number that is here; one
    that never reported here is asked for all. Runs when it is taken in, with its new base.
    """
    row = session.get(AskAgain, site.id)
    if row is not None:
        row.place = site.place_base + _newest_number(session, site)
        session.add(row)
    elif site.place_base == 0 and session.exec(select(RestoreRow.id).limit(1)).first() is not None:
        session.add(AskAgain(site_id=site.id))


def _places(session: Session, site_id: str, above: int) -> Sequence[int]:
    wanted = select(Receipt.place).where(Receipt.site_id == site_id, Receipt.place > above)
    return session.exec(wanted.order_by(col(Receipt.place))).all()


def left(session: Session) -> Sequence[str]:
    """Sites that have not sent again what they wrote since the backup, and may still speak."""
    return session.exec(_left(Site.id).order_by(Site.id)).all()


def count_left(session: Session) -> int:
    """How many they are."""
    return int(session.exec(_left(func.count())).one())


def _left(what: Any) -> SelectOfScalar[Any]:
    joined_to = col(AskAgain.site_id) == Site.id
    return (
        select(what)
        .select_from(Site)
        .join(AskAgain, joined_to)
        .where(col(Site.revoked_at).is_(None))
    )


def is_over(session: Session) -> bool:
    """Whether no site is left to be asked."""
    return session.exec(select(AskAgain.site_id).limit(1)).first() is None
