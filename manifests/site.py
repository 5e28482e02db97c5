"""A client's site: who it is, what it allows, and what it knows about itself.

Profile and policy live at the site and are its administrator's. The server keeps a copy to plan
and to explain with; it cannot change them, so a stolen server can neither make a site a pilot nor
open its window.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field

from manifests.documents import Document, Part, UtcDatetime, parse_toml
from manifests.errors import ManifestError
from manifests.freeze import Freeze
from manifests.install import AbsoluteFolder, PackageName
from manifests.remote_steps import StepKind
from manifests.rollout import Ring, SiteFilter
from manifests.target_paths import Identifier, ProductName, VersionText
from manifests.window import HORIZON, Blackout, MaintenanceWindow


class EmergencyPolicy(StrEnum):
    """What a site lets a hotfix do when its window is closed."""

    IMMEDIATE = "immediate"
    NEXT_WINDOW = "next_window"
    ASK = "ask"


class ApprovalPolicy(StrEnum):
    """Who must say yes before an ordinary release is installed."""

    NOT_NEEDED = "not_needed"
    CLIENT = "client"
    """Its client, through the HSP, or the site's administrator."""
    ADMINISTRATOR = "administrator"
    """The site's administrator alone: nothing that a server says can stand for it."""


class SiteProfile(Part):
    """Who a site is, fixed at enrolment."""

    site_id: Identifier
    client_id: Identifier
    ring: Ring = Ring.BROAD
    platform: Identifier = "any"
    region: Identifier = "any"
    tags: tuple[Identifier, ...] = ()
    products: Annotated[tuple[ProductName, ...], Field(max_length=100)] = ()


class LocalBrake(Part):
    """A hold that the site's own administrator put on; nobody else can lift it."""

    by: str
    at: UtcDatetime
    reason: str


class Support(Part):
    """What the provider's support may do at this site, from a fixed list of steps."""

    remote: Annotated[tuple[StepKind, ...], Field(max_length=len(StepKind))] = tuple(StepKind)
    """All of them unless said otherwise; none with an empty list."""


class SitePolicy(Document):
    """What a site's administrator allows: ``site.toml`` in the agent's folder.

    Without any window a site may be changed at any time.
    """

    windows: Annotated[tuple[MaintenanceWindow, ...], Field(max_length=50)] = ()
    blackouts: Annotated[tuple[Blackout, ...], Field(max_length=200)] = ()
    freezes: Annotated[tuple[Freeze, ...], Field(max_length=100)] = ()
    """Blackouts that are written on the wall clock, and may recur."""
    hotfix: EmergencyPolicy = EmergencyPolicy.IMMEDIATE
    breakglass: EmergencyPolicy = EmergencyPolicy.ASK
    approval: ApprovalPolicy = ApprovalPolicy.NOT_NEEDED
    skip: dict[ProductName, tuple[VersionText, ...]] = Field(default_factory=dict)
    """Per product, versions that this site does not want; it goes on to later ones."""
    brake: LocalBrake | None = None
    download_bytes_per_second: Annotated[int, Field(ge=32 * 1024)] | None = None
    """The most of the site's line that a download may take; None for all of it."""
    variables: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Per product, the values of the variables its releases ask for."""
    data_folders: dict[str, Annotated[tuple[AbsoluteFolder, ...], Field(max_length=32)]] = Field(
        default_factory=dict
    )
    """Per product, the folders with data that its releases may change and put back; no others."""
    irreplaceable_packages: Annotated[tuple[PackageName, ...], Field(max_length=1000)] = ()
    """Debian packages that a release may replace although nobody could put them back."""
    support: Support = Support()
    rotate_key_days: Annotated[int, Field(ge=0, le=3650)] = 365
    """A site's key that is older is replaced by a new one; 0 for never."""

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read what the administrator wrote.

        Raises:
            ManifestError: not TOML, or a field is wrong or unknown.
        """
        return cls.from_plain(parse_toml(text, "site.toml"))

    def check_opens(self, now: datetime) -> None:
        """Refuse a policy that could never let the site be changed; for when it is written.

        Raises:
            ManifestError: with the name of a window that does not open within 13 months.
        """
        for window in self.windows:
            if not window.opens_within(HORIZON, now):
                raise ManifestError(
                    f"the window {window.name!r} does not open within 13 months",
                    hint="correct its start or its rule, or take it away",
                )


class InstalledProduct(Part):
    """What a site runs of one product, and what it has learnt about its releases."""

    version: VersionText | None = None
    failed: dict[VersionText, str] = Field(default_factory=dict)
    """Versions that failed here, with the failure's code; not tried again until re-armed."""
    stopped: tuple[VersionText, ...] = ()
    """Versions that this site has once seen stopped; no later plan can set them going here."""
    approved: tuple[VersionText, ...] = ()
    """Emergency versions that the administrator said yes to, where the policy is to ask."""


@dataclass(frozen=True)
class Site:
    """Everything about a site that ``decide`` looks at."""

    profile: SiteProfile
    policy: SitePolicy = field(default_factory=SitePolicy)
    products: Mapping[str, InstalledProduct] = field(default_factory=dict)
    freezes: tuple[Freeze, ...] = ()
    """The server's for this site and its client: they come beside the site's own."""
    hold: str = ""
    """Why the server asks this site to hold still; empty when it does not."""
    approved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Per product, the versions that its client has said yes to, as the server tells."""

    def is_among(self, only: SiteFilter) -> bool:
        """Whether the filter of a rollout admits it."""
        profile = self.profile
        return (
            (not only.clients or profile.client_id in only.clients)
            and (not only.sites or profile.site_id in only.sites)
            and (not only.regions or profile.region in only.regions)
            and (not only.platforms or profile.platform in only.platforms)
            and (not only.tags or bool(set(only.tags) & set(profile.tags)))
        )

    def product(self, name: str) -> InstalledProduct:
        """What it runs of ``name``; a product it has never had is an empty record."""
        return self.products.get(name, InstalledProduct())
