"""What staff see of sites: the list, one site's record, and the figures of the whole fleet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from distribution.control import fleet, holds
from distribution.control.explanation import known_site
from distribution.control.holds import Held
from distribution.database.tables import Alarm, Attempt, Client, Receipt, Site, SiteProduct
from distribution.desk.ticket_views import Which
from distribution.desk.tickets import by_tier, failures_unexplained
from manifests.check_in import CheckIn
from manifests.failures import Tier
from manifests.rollout import Ring
from manifests.site import SiteProfile

LAST_ATTEMPTS = 50


@dataclass(frozen=True)
class ProductRecord:
    """What a site runs of a product, and its own word on the newest release."""

    product: str
    version: str | None
    candidate: str | None
    decision: str
    gate: str
    reason: str
    lifted_by: str
    until: datetime | None


@dataclass(frozen=True)
class SiteRecord:
    """One site, as of its latest check-in."""

    site_id: str
    client_id: str
    ring: Ring
    platform: str
    region: str
    tags: tuple[str, ...]
    online: bool
    last_seen: datetime
    expected_by: datetime | None
    """Of a site without a line: until when it may be silent."""
    enrolled_at: datetime
    revoked: bool
    problem: str
    hold: str
    """Every brake of support's that is on here, in words; empty when there is none."""
    products: tuple[ProductRecord, ...]


@dataclass(frozen=True)
class AttemptRecord:
    """One try to install one release."""

    attempt_id: str
    product: str
    version: str
    from_version: str | None
    phase: str
    code: str | None
    detail: str
    started_at: datetime
    ended_at: datetime | None
    lost_at: datetime | None
    duration_seconds: float
    downloaded_bytes: int


@dataclass(frozen=True)
class SiteDetails:
    """One site with all that the desk asks for."""

    site: SiteRecord
    profile: SiteProfile
    check_in: CheckIn | None
    public_key: str
    receipts: int
    alarms: dict[str, int]
    attempts: tuple[AttemptRecord, ...]


@dataclass(frozen=True)
class Overview:
    """The figures of the whole fleet."""

    clients: int
    sites: int
    silent: int
    receipts: int
    failures_unexplained: int
    tickets_by_tier: dict[Tier, int]
    """Open and closed ones."""
    open_by_tier: dict[Tier, int]


def page(
    session: Session, online_since: datetime, *, client: str | None, after: str, limit: int
) -> list[SiteRecord]:
    """Up to ``limit`` sites in the order of their names, from the one behind ``after`` on."""
    wanted = select(Site).where(Site.id > after).order_by(col(Site.id)).limit(limit)
    if client is not None:
        wanted = wanted.where(Site.client_id == client)
    return records(session, session.exec(wanted).all(), online_since)


def records(session: Session, rows: Sequence[Site], online_since: datetime) -> list[SiteRecord]:
    """What is shown of these sites."""
    products, held = _products(session, [row.id for row in rows]), holds.held(session)
    return [_record(row, products.get(row.id, ()), held, online_since) for row in rows]


def _products(session: Session, sites: Sequence[str]) -> dict[str, tuple[ProductRecord, ...]]:
    wanted = select(SiteProduct).where(col(SiteProduct.site_id).in_(sites))
    found: dict[str, tuple[ProductRecord, ...]] = {}
    for row in session.exec(wanted.order_by(col(SiteProduct.product))):
        record = ProductRecord(
            product=row.product,
            version=row.version,
            candidate=row.candidate,
            decision=row.decision,
            gate=row.gate,
            reason=row.reason,
            lifted_by=row.lifted_by,
            until=row.until,
        )
        found[row.site_id] = (*found.get(row.site_id, ()), record)
    return found


def _record(
    row: Site, products: tuple[ProductRecord, ...], held: Held, online_since: datetime
) -> SiteRecord:
    profile = fleet.profile_of(row)
    return SiteRecord(
        site_id=row.id,
        client_id=row.client_id,
        ring=profile.ring,
        platform=profile.platform,
        region=profile.region,
        tags=profile.tags,
        online=row.last_seen >= online_since,
        last_seen=row.last_seen,
        expected_by=row.expected_by,
        enrolled_at=row.enrolled_at,
        revoked=row.revoked_at is not None,
        problem=row.problem,
        hold="; ".join(held.all_words(row, profile.products)),
        products=products,
    )


def details(session: Session, site_id: str, online_since: datetime) -> SiteDetails:
    """One site's record.

    Raises:
        NotFound: there is no such site.
    """
    row = known_site(session, site_id)
    products = _products(session, [site_id]).get(site_id, ())
    receipts = select(func.count()).where(col(Receipt.site_id) == site_id)
    alarms = session.exec(select(Alarm).where(Alarm.site_id == site_id))
    return SiteDetails(
        site=_record(row, products, holds.held(session), online_since),
        profile=fleet.profile_of(row),
        check_in=fleet.check_in_of(row),
        public_key=row.public_key,
        receipts=session.exec(receipts).one(),
        alarms={alarm.kind: alarm.seen for alarm in alarms},
        attempts=_attempts(session, site_id),
    )


def _attempts(session: Session, site_id: str) -> tuple[AttemptRecord, ...]:
    wanted = select(Attempt).where(Attempt.site_id == site_id)
    newest = wanted.order_by(col(Attempt.place).desc()).limit(LAST_ATTEMPTS)
    names = AttemptRecord.__dataclass_fields__
    return tuple(
        AttemptRecord(**{name: getattr(row, name) for name in names})
        for row in session.exec(newest)
    )


def overview(session: Session, online_since: datetime, now: datetime) -> Overview:
    """The whole fleet in a few figures."""
    return Overview(
        clients=session.exec(select(func.count()).select_from(Client)).one(),
        sites=session.exec(select(func.count()).select_from(Site)).one(),
        silent=sum(1 for _ in fleet.silent_sites(session, online_since, now)),
        receipts=session.exec(select(func.count()).select_from(Receipt)).one(),
        failures_unexplained=failures_unexplained(session),
        tickets_by_tier=by_tier(session, Which.ALL),
        open_by_tier=by_tier(session, Which.OPEN),
    )
