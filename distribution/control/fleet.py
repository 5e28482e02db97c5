"""The sites as rollouts see them: who has a product, who is online, how far each attempt came.

Reads rows and makes the values that ``assessment`` works on.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select

from distribution.calendars import freeze_records
from distribution.control import holds
from distribution.control.standing import Candidate, Outcome, Said
from distribution.database.tables import Attempt, RolloutRow, Site, SiteProduct
from manifests import site as sites
from manifests.check_in import CheckIn
from manifests.documents import parse_json
from manifests.failures import FailureCode
from manifests.install_report import Phase
from manifests.site import InstalledProduct, SitePolicy, SiteProfile

UNTOUCHED = frozenset({Phase.DOWNLOADING, Phase.STAGED})
"""The site still runs what it ran, whatever happens to it now."""

OLD_VERSION_GONE = frozenset({Phase.ACTIVATING, Phase.CONFIRMING})
"""A site that vanishes in one of these may have been broken by the release."""


def profile_of(row: Site) -> SiteProfile:
    """Who a site is."""
    return SiteProfile.model_validate(parse_json(row.profile.encode(), "site profile"))


def check_in_of(row: Site) -> CheckIn | None:
    """The latest check-in; None before the first one."""
    return CheckIn.from_bytes(row.check_in.encode()) if row.check_in else None


def zone_of(policy: SitePolicy) -> str:
    """The time zone in which a site lives: that of its first window; UTC without one."""
    return next((window.zone for window in policy.windows), "UTC")


def whole_site(row: Site) -> sites.Site:
    """The server's copy of a site, to explain and to preview with."""
    said = check_in_of(row)
    if said is None:
        return sites.Site(profile_of(row))
    installed = {status.product: status.installed for status in said.products}
    return sites.Site(profile_of(row), said.policy, installed)


def as_known(session: Session, row: Site, now: datetime) -> sites.Site:
    """A site with all that the server holds and freezes there: what it will decide with."""
    return replace(
        whole_site(row),
        freezes=freeze_records.for_site(session, row.id, row.client_id, now),
        hold=holds.hold_of(session, row),
        approved=holds.approved(session, row.client_id),
    )


def whole_fleet(session: Session, now: datetime) -> list[sites.Site]:
    """Every enrolled site with all that the server holds and freezes there, to preview with."""
    freezes = freeze_records.OfSites(session, now)
    wanted = select(Site).where(col(Site.revoked_at).is_(None)).order_by(Site.id)
    return [
        replace(
            whole_site(row),
            freezes=freezes.of(row.id, row.client_id),
            hold=holds.hold_of(session, row),
            approved=holds.approved(session, row.client_id),
        )
        for row in session.exec(wanted)
    ]


def candidates(session: Session, row: RolloutRow, online_since: datetime) -> list[Candidate]:
    """Every enrolled site that has the product of a rollout."""
    outcomes, held = _outcomes(session, row), holds.held(session)
    wanted = (
        select(Site, SiteProduct)
        .where(Site.id == SiteProduct.site_id, SiteProduct.product == row.product)
        .where(col(Site.revoked_at).is_(None))
    )
    return [
        Candidate(
            site=_slim(site, status),
            online=site.last_seen >= online_since,
            outcome=outcomes.get(site.id, Outcome.NONE),
            said=_said(status, row.release),
            held=held.holds(site),
        )
        for site, status in session.exec(wanted)
    ]


def _slim(site: Site, status: SiteProduct) -> sites.Site:
    """Without the policy: what it lets the site do is in what the site said."""
    installed = InstalledProduct(version=status.version)
    return sites.Site(profile_of(site), SitePolicy(), {status.product: installed})


def _said(status: SiteProduct, release: str) -> Said | None:
    if status.candidate != release or not status.decision:
        return None
    return Said(status.decision, status.until, status.gate)


def _outcomes(session: Session, row: RolloutRow) -> dict[str, Outcome]:
    """Each site's outcome, by the newest of its attempts."""
    newest = newest_attempts(session, row.release)
    return {site: outcome_of(attempt, row.counted_from) for site, attempt in newest.items()}


def newest_attempts(session: Session, release: str) -> dict[str, Attempt]:
    """Each site's newest attempt at a release."""
    wanted = select(Attempt).where(Attempt.release == release).order_by(col(Attempt.place))
    return {attempt.site_id: attempt for attempt in session.exec(wanted)}


def outcome_of(attempt: Attempt, counted_from: datetime) -> Outcome:
    """How an attempt counts; a failure from before somebody resumed counts no more."""
    phase = Phase(attempt.phase)
    if phase is Phase.CONFIRMED:
        return Outcome.CONFIRMED
    if attempt.code == FailureCode.INTERRUPTED and phase is Phase.FAILED:
        return Outcome.NONE  # given up for another release, before anything was changed
    if phase.is_final:
        return _failed_at(attempt.ended_at or attempt.moved_at, counted_from)
    if phase in UNTOUCHED:
        return Outcome.FETCHING
    if attempt.lost_at is not None and phase in OLD_VERSION_GONE:
        return _failed_at(attempt.lost_at, counted_from)
    return Outcome.TRYING


def _failed_at(moment: datetime, counted_from: datetime) -> Outcome:
    return Outcome.FAILED if moment >= counted_from else Outcome.NONE


def silent_sites(session: Session, online_since: datetime, now: datetime) -> Iterable[Site]:
    """Sites that should have been heard of since ``online_since``, and were not."""
    wanted = select(Site).where(
        Site.last_seen < online_since, is_due(now), col(Site.revoked_at).is_(None)
    )
    return session.exec(wanted)


def is_due(now: datetime) -> ColumnElement[bool]:
    """Sites that call by themselves, and those whose stick should be back by now."""
    return or_(col(Site.expected_by).is_(None), col(Site.expected_by) < now)
