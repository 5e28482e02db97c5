"""Which components run where: of one site, and of one component all the sites.

What a site runs is what it said at its latest check-in. What is not known is said: a release
without an SBOM may hold anything.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from distribution.control.explanation import known_site
from distribution.database.tables import Site, SiteProduct
from distribution.sites.component_index import Version, running
from distribution.sites.component_tables import ComponentRow, SbomRow
from manifests.component_range import ComponentRange
from manifests.sbom import Component

NOT_INDEXED = "its SBOM was not looked for yet"


@dataclass(frozen=True)
class ProductBill:
    """What one product at a site is made of; ``unknown`` says why that is not known."""

    product: str
    version: str
    components: tuple[Component, ...]
    unknown: str


@dataclass(frozen=True)
class AffectedSite:
    """A site that runs a version with such a component, as it said when it was last seen."""

    site_id: str
    client_id: str
    last_seen: datetime
    product: str
    version: str
    component: str
    component_version: str


@dataclass(frozen=True)
class UnknownVersion:
    """A version that may hold such a component, and at how many sites it runs."""

    product: str
    version: str
    sites: int
    why: str


@dataclass(frozen=True)
class Affected:
    """The answer: who is, and of whom it is not known."""

    sites: tuple[AffectedSite, ...]
    unknown: tuple[UnknownVersion, ...]


def of_site(session: Session, site_id: str) -> list[ProductBill]:
    """What runs at a site, product by product.

    Raises:
        NotFound: there is no such site.
    """
    known_site(session, site_id)
    wanted = select(SiteProduct).where(SiteProduct.site_id == site_id)
    rows = session.exec(wanted.order_by(SiteProduct.product)).all()
    return [_bill(session, row.product, row.version) for row in rows if row.version]


def _bill(session: Session, product: str, version: str) -> ProductBill:
    looked = session.get(SbomRow, (product, version))
    wanted = select(ComponentRow).where(
        ComponentRow.product == product, ComponentRow.version == version
    )
    rows = session.exec(wanted.order_by(ComponentRow.name_lower, col(ComponentRow.id)))
    components = tuple(Component(row.name, row.component_version, row.purl) for row in rows)
    return ProductBill(product, version, components, looked.problem if looked else NOT_INDEXED)


def affected(session: Session, wanted: ComponentRange) -> Affected:
    """The sites that run a version with one of these components, by site."""
    column = ComponentRow.package if wanted.is_package else ComponentRow.name_lower
    named = session.exec(select(ComponentRow).where(column == wanted.name)).all()
    hit: dict[Version, list[ComponentRow]] = {}
    for row in named:
        if wanted.admits(row.component_version) if row.component_version else not wanted.bounds:
            hit.setdefault((row.product, row.version), []).append(row)
    unsaid = {
        (row.product, row.version): f"it names {row.name} without its version"
        for row in named
        if wanted.bounds and not row.component_version
    }
    sites = _sites(session, {product for product, _ in hit})
    return Affected(
        tuple(_affected(runs, row) for runs in sites for row in hit.get(runs.what, ())),
        _unknown(session, unsaid),
    )


@dataclass(frozen=True)
class _Runs:
    """A site and a version that it runs."""

    site_id: str
    client_id: str
    last_seen: datetime
    product: str
    version: str

    @property
    def what(self) -> Version:
        return self.product, self.version


def _sites(session: Session, products: Iterable[str]) -> Iterator[_Runs]:
    """The sites that run any version of these products."""
    wanted = (
        select(Site.id, Site.client_id, Site.last_seen, SiteProduct)
        .join(SiteProduct, col(SiteProduct.site_id) == col(Site.id))
        .where(col(SiteProduct.product).in_(sorted(products)))
        .where(col(Site.revoked_at).is_(None))
        .order_by(col(Site.id), col(SiteProduct.product))
    )
    for site_id, client_id, last_seen, runs in session.exec(wanted):
        if runs.version:
            yield _Runs(site_id, client_id, last_seen, runs.product, runs.version)


def _affected(runs: _Runs, row: ComponentRow) -> AffectedSite:
    return AffectedSite(
        site_id=runs.site_id,
        client_id=runs.client_id,
        last_seen=runs.last_seen,
        product=runs.product,
        version=runs.version,
        component=row.name,
        component_version=row.component_version,
    )


def _unknown(session: Session, unsaid: dict[Version, str]) -> tuple[UnknownVersion, ...]:
    """Versions that run somewhere and of which nobody can tell."""
    looked = {(row.product, row.version): row.problem for row in session.exec(select(SbomRow))}
    why = {version: looked.get(version, NOT_INDEXED) for version in running(session)}
    why |= {version: words for version, words in unsaid.items() if not why.get(version, "-")}
    unclear = {version: words for version, words in why.items() if words}
    counts = Counter(runs.what for runs in _sites(session, {product for product, _ in unclear}))
    return tuple(
        UnknownVersion(*version, counts[version], words)
        for version, words in sorted(unclear.items())
        if version in counts
    )
