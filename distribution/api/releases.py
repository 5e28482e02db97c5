"""Signed releases for staff."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter

from distribution.api import examples
from distribution.api.access import ServerDep, allowed
from distribution.api.answers import errors
from distribution.people.roles import Permission, Person
from distribution.repository import catalogue
from manifests.release import Release, Severity
from manifests.target_paths import Lane

router = APIRouter(tags=["releases"])


@dataclass(frozen=True)
class ReleaseView:
    """A release, without its lists of files."""

    product: str
    version: str
    release: str
    lane: Lane
    channel: str
    severity: Severity
    fixed_cves: tuple[str, ...]
    notes: str
    issued_at: datetime
    pace: str
    upgrades_from: str
    expected_duration_seconds: int
    platforms: tuple[str, ...]


def _view(release: Release) -> ReleaseView:
    manifest = release.manifest
    return ReleaseView(
        product=manifest.product,
        version=manifest.version,
        release=str(release.path),
        lane=release.path.lane,
        channel=manifest.channel,
        severity=manifest.severity,
        fixed_cves=manifest.fixed_cves,
        notes=manifest.notes,
        issued_at=manifest.issued_at,
        pace=manifest.pace.name,
        upgrades_from=manifest.upgrades_from,
        expected_duration_seconds=manifest.expected_duration_seconds,
        platforms=tuple(artifact.platform for artifact in manifest.artifacts),
    )


@router.get(
    "/v1/releases",
    summary="List signed releases",
    responses={
        **examples.answer([examples.RELEASE], "Newest first."),
        **errors(401, 404, 503),
    },
)
def list_releases(
    server: ServerDep,
    _: Annotated[Person, allowed(Permission.RELEASE_READ)],
    product: str | None = None,
) -> list[ReleaseView]:
    """Of all products and lanes, or of one product; by product, newest first."""
    found = catalogue.releases(server.store, product)
    newest_first = sorted(found, key=lambda release: release.version, reverse=True)
    return [_view(r) for r in sorted(newest_first, key=lambda release: release.path.product)]
