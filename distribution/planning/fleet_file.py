"""A fleet in a file: sites with what they allow and run, to plan with before there are any."""

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field

from manifests.documents import Document, Part
from manifests.site import InstalledProduct, Site, SitePolicy, SiteProfile
from manifests.target_paths import ProductName

MOST_SITES = 100_000


class SiteEntry(Part):
    """One site of the file."""

    profile: SiteProfile
    policy: SitePolicy = SitePolicy()
    products: dict[ProductName, InstalledProduct] = Field(default_factory=dict)


class FleetFile(Document):
    """A whole fleet."""

    sites: Annotated[tuple[SiteEntry, ...], Field(min_length=1, max_length=MOST_SITES)]

    @classmethod
    def of(cls, fleet: Iterable[Site]) -> Self:
        """These sites, to be written."""
        entries = tuple(
            SiteEntry(profile=s.profile, policy=s.policy, products=dict(s.products)) for s in fleet
        )
        return cls(sites=entries)

    @property
    def fleet(self) -> list[Site]:
        """The sites as ``decide`` sees them."""
        return [Site(entry.profile, entry.policy, entry.products) for entry in self.sites]
