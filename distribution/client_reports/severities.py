"""How bad it was not to have a release, and which sites are still without it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.version import Version
from sqlmodel import Session, col, select

from distribution.control import fleet
from distribution.database.tables import RolloutRow, Site
from manifests.documents import parse_json
from manifests.release import Severity
from manifests.rollout import RolloutState, SiteFilter
from manifests.site import Site as KnownSite
from manifests.target_paths import Lane, ReleasePath


@dataclass(frozen=True)
class Rolled:
    """A release as its rollout knows it.

    Attributes:
        is_due: whether sites should have it: its rollout was not stopped.
        expires_at: of a break-glass release, from when on no site installs it.
        sites: of a break-glass release, those it is for.
    """

    path: ReleasePath
    severity: Severity
    fixed_cves: tuple[str, ...]
    started_at: datetime
    is_due: bool
    expires_at: datetime | None
    only: SiteFilter
    sites: tuple[str, ...]


def severity_of(path: ReleasePath, signed: Severity) -> Severity:
    """As the manifest says; what came by an emergency lane is critical whatever it says."""
    return signed if path.lane is Lane.RELEASES else Severity.CRITICAL


def rolled(session: Session, products: Iterable[str], before: datetime) -> dict[str, Rolled]:
    """By their target paths, the releases of these products that were started before a moment."""
    wanted = select(RolloutRow).where(
        col(RolloutRow.product).in_(list(products)), RolloutRow.started_at < before
    )
    return {row.release: _rolled(row) for row in session.exec(wanted.order_by(col(RolloutRow.id)))}


def _rolled(row: RolloutRow) -> Rolled:
    path, manifest = ReleasePath.parse(row.release), json.loads(row.manifest)
    expires = manifest.get("expires_at")
    return Rolled(
        path=path,
        severity=severity_of(path, Severity(manifest.get("severity", Severity.MODERATE))),
        fixed_cves=tuple(manifest.get("fixed_cves", ())),
        started_at=row.started_at,
        is_due=row.state != RolloutState.STOPPED,
        expires_at=datetime.fromisoformat(expires) if expires else None,
        only=SiteFilter.model_validate(parse_json(row.only.encode(), "a rollout's filter")),
        sites=tuple(manifest.get("sites", ())),
    )


Runs = Mapping[tuple[str, str | None], Sequence[str]]
"""By product and version (None: nothing yet), the sites that run it."""


def without(
    session: Session, releases: Iterable[Rolled], runs: Runs, now: datetime
) -> dict[Severity, set[str]]:
    """Per severity, the sites that run something older than one of the releases meant for them."""
    found: dict[Severity, set[str]] = defaultdict(set)
    for release in releases:
        if not release.is_due or (release.expires_at and release.expires_at <= now):
            continue
        version = Version(release.path.version)
        behind = [
            site
            for (product, runs_version), sites in runs.items()
            if product == release.path.product
            and (runs_version is None or Version(runs_version) < version)
            and release.only.admits_installed(runs_version, version)
            for site in sites
        ]
        found[release.severity].update(_meant(session, release, behind))
    return found


def _meant(session: Session, release: Rolled, sites: Sequence[str]) -> Iterable[str]:
    if release.path.lane is Lane.BREAKGLASS:
        return set(sites) & set(release.sites)
    if release.only.model_copy(update={"installed": ""}) == SiteFilter():
        return sites
    rows = (session.get_one(Site, site) for site in sites)
    known = (KnownSite(profile=fleet.profile_of(row)) for row in rows)
    return [site.profile.site_id for site in known if site.is_among(release.only)]
