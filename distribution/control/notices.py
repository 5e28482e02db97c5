"""How soon the sites know of a pause, a stop or a change of keys: measured, by what they tell.

All of these reach a site with a timestamp, and each check-in says which timestamp the site has
seen, and by which root (under new keys, timestamps may count from lower again). So the first
check-in with that timestamp, or a later one, is when the site knew; the last of these is when every
online site did. A site in the middle of an install asks when that is over, as it should (what has
begun comes to its end): so those that were idle are measured apart as well.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, and_, col, func, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from distribution import events
from distribution.control.control_tables import NoticeRow
from distribution.database.sessions import Database
from distribution.database.tables import Attempt, RolloutRow, Site, SiteProduct
from distribution.events import EventKind


@dataclass(frozen=True)
class Notice:
    """One pause or stop on its way.

    Attributes:
        sites: online ones that have the product; ``knowing``: those of them that know.
        seconds: from the word to the last site's; None while one of them does not know.
        idle_seconds: the same without the sites that were in the middle of an install.
    """

    said_at: datetime
    published_at: datetime | None
    known_at: datetime | None
    sites: int
    knowing: int
    seconds: float | None
    idle_seconds: float | None


def begin(session: Session, row: RolloutRow, serial: int, now: datetime) -> None:
    """A rollout was paused or stopped, by the plan with this serial."""
    assert row.id is not None  # noqa: S101 - it came from the database
    session.add(NoticeRow(rollout_id=row.id, product=row.product, said_at=now, serial=serial))


def begin_everywhere(
    session: Session, root_version: int, timestamp_version: int, now: datetime
) -> NoticeRow:
    """Keys have changed, by what is published already; every site should know."""
    row = NoticeRow(
        said_at=now,
        published_at=now,
        root_version=root_version,
        timestamp_version=timestamp_version,
    )
    session.add(row)
    session.flush()
    return row


def are_due(database: Database, product: str, serial: int) -> bool:
    """Whether one is in the plan with this serial and has not been noted as published."""
    with database.reading() as session:
        return session.exec(_unpublished(product, serial)).first() is not None


def published(
    database: Database,
    product: str,
    serial: int,
    root_version: int,
    timestamp_version: int,
    now: datetime,
) -> None:
    """The plan with this serial is there for every site that sees this timestamp."""
    with database.writing() as session:
        for notice in session.exec(_unpublished(product, serial)).all():
            notice.root_version, notice.timestamp_version = root_version, timestamp_version
            notice.published_at = now
            session.add(notice)


def heard(
    session: Session,
    site: Site,
    root_version: int,
    timestamp_version: int,
    online_since: datetime,
    now: datetime,
) -> None:
    """A site tells which root and timestamp it has seen; ``site`` is as it was before."""
    before, after = (site.root_version, site.timestamp_version), (root_version, timestamp_version)
    if after == before:
        return
    site.root_version, site.timestamp_version = after
    if after < before or site.last_seen < online_since:
        return
    of_mine = select(SiteProduct.product).where(SiteProduct.site_id == site.id)
    concerned = or_(col(NoticeRow.product) == "", col(NoticeRow.product).in_(of_mine))
    for notice in session.exec(_on_their_way().where(concerned)).all():
        if before < (notice.root_version, notice.timestamp_version or 0) <= after:
            _note(session, notice, site, now)


def on_their_way(session: Session) -> list[tuple[int, int]]:
    """Root and timestamp of each whose word is published and not known everywhere."""
    return [(row.root_version, row.timestamp_version or 0) for row in session.exec(_on_their_way())]


def _note(session: Session, notice: NoticeRow, site: Site, now: datetime) -> None:
    if site.enrolled_at > notice.said_at:
        return
    notice.told_at = now
    if not _was_busy(session, site.id, notice.said_at):
        notice.idle_told_at = now
    session.add(notice)


def _was_busy(session: Session, site_id: str, moment: datetime) -> bool:
    wanted = select(Attempt.id).where(
        Attempt.site_id == site_id,
        Attempt.started_at <= moment,
        col(Attempt.ended_at).is_(None) | (col(Attempt.ended_at) > moment),
    )
    return session.exec(wanted).first() is not None


def look(database: Database, online_since: datetime, now: datetime) -> None:
    """Settle those of which every online site knows.

    Raises:
        Unavailable: the database does not answer.
    """
    with database.reading() as session:
        known = [
            notice.id
            for notice in session.exec(_on_their_way())
            if _unknowing(session, notice, online_since) == 0
        ]
    for number in known:
        with database.writing() as session:
            _settle(session, session.get_one(NoticeRow, number), online_since, now)


def _settle(session: Session, notice: NoticeRow, online_since: datetime, now: datetime) -> None:
    assert notice.published_at is not None  # noqa: S101 - it was on its way
    notice.sites = _count(session, notice, online_since)
    notice.known_at = max(notice.told_at or notice.published_at, notice.published_at)
    session.add(notice)
    row = session.get(RolloutRow, notice.rollout_id) if notice.rollout_id else None
    about = {"product": row.product, "version": row.version} if row else {}
    seconds = (notice.known_at - notice.said_at).total_seconds()
    events.tell(session, EventKind.KNOWN, now, **about, sites=notice.sites, seconds=seconds)


def newest(session: Session, row: RolloutRow, online_since: datetime) -> Notice | None:
    """How far the newest one of a rollout is; None when it was never paused or stopped."""
    wanted = select(NoticeRow).where(NoticeRow.rollout_id == row.id)
    notice = session.exec(wanted.order_by(col(NoticeRow.id).desc()).limit(1)).first()
    return shown(session, notice, online_since) if notice is not None else None


def shown(session: Session, notice: NoticeRow, online_since: datetime) -> Notice:
    """How far one is."""
    idle = max(notice.idle_told_at or notice.said_at, notice.published_at or notice.said_at)
    known, sites = notice.known_at, notice.sites
    if known is None:
        sites = _count(session, notice, online_since)
    return Notice(
        said_at=notice.said_at,
        published_at=notice.published_at,
        known_at=known,
        sites=sites,
        knowing=sites if known else sites - _unknowing(session, notice, online_since),
        seconds=(known - notice.said_at).total_seconds() if known else None,
        idle_seconds=(idle - notice.said_at).total_seconds() if known else None,
    )


def _unpublished(product: str, serial: int) -> SelectOfScalar[NoticeRow]:
    wanted = select(NoticeRow).where(NoticeRow.product == product, NoticeRow.serial <= serial)
    return wanted.where(col(NoticeRow.timestamp_version).is_(None))


def _on_their_way() -> SelectOfScalar[NoticeRow]:
    published = col(NoticeRow.timestamp_version).is_not(None)
    return select(NoticeRow).where(col(NoticeRow.known_at).is_(None), published)


def _unknowing(session: Session, notice: NoticeRow, online_since: datetime) -> int:
    if notice.timestamp_version is None:
        return _count(session, notice, online_since)
    return _count(session, notice, online_since, _knows_less(notice))


def unknowing_offline(session: Session, notice: NoticeRow, online_since: datetime) -> list[str]:
    """The sites that do not know and are not online: they will, with their next poll."""
    silent = Site.last_seen < online_since
    wanted = _concerned(notice, Site.id).where(_knows_less(notice), silent)
    return list(session.exec(wanted.order_by(col(Site.id))))


def _knows_less(notice: NoticeRow) -> Any:
    older = Site.timestamp_version < (notice.timestamp_version or 0)
    same_root = and_(Site.root_version == notice.root_version, older)
    return or_(Site.root_version < notice.root_version, same_root)


def _count(session: Session, notice: NoticeRow, online_since: datetime, *that: Any) -> int:
    """Sites that are online, are concerned, and were there when it was said."""
    wanted = _concerned(notice, func.count()).where(Site.last_seen >= online_since, *that)
    return int(session.exec(wanted).one())


def _concerned(notice: NoticeRow, what: Any) -> Any:
    wanted = select(what).select_from(Site)
    if notice.product:
        of_product = and_(
            col(SiteProduct.site_id) == col(Site.id),
            SiteProduct.product == notice.product,
        )
        wanted = wanted.join(SiteProduct, of_product)
    return wanted.where(col(Site.revoked_at).is_(None), Site.enrolled_at <= notice.said_at)
