"""A client's site: who it is, what it allows, and what it knows about itself.

Profile and policy live at the site and are its administrator's. The server keeps a copy to plan
and to explain with; it cannot change them, so a stolen server can neither make a site a pilot nor
open its window.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field

from manifests.documents import Document, Part, UtcDatetime, parse_toml
from manifests.install import AbsoluteFolder, PackageName
from manifests.rollout import Ring
from manifests.target_paths import Identifier, ProductName, VersionText
from manifests.window import Blackout, MaintenanceWindow


class EmergencyPolicy(StrEnum):
    """What a site lets a hotfix do when its window is closed."""

    IMMEDIATE = "immediate"
    NEXT_WINDOW = "next_window"
    ASK = "ask"


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


class SitePolicy(Document):
    """What a site's administrator allows: ``site.toml`` in the agent's folder.

    Without any window a site may be changed at any time.
    """

    windows: Annotated[tuple[MaintenanceWindow, ...], Field(max_length=50)] = ()
    blackouts: Annotated[tuple[Blackout, ...], Field(max_length=200)] = ()
    hotfix: EmergencyPolicy = EmergencyPolicy.IMMEDIATE
    breakglass: EmergencyPolicy = EmergencyPolicy.ASK
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

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read what the administrator wrote.

        Raises:
            ManifestError: not TOML, or a field is wrong or unknown.
        """
        return cls.from_plain(parse_toml(text, "site.toml"))


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

    def product(self, name: str) -> InstalledProduct:
        """What it runs of ``name``; a product it has never had is an empty record."""
        return self.products.get(name, InstalledProduct())
