"""Indexing the SBOMs of what sites run: each is read once from the repository, and then asked of
the database. 10,000 sites run some hundred versions, and each version's SBOM never changes.

The scheduler does it in the background; a question does what is still missing first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, insert, select

from distribution.database.sessions import Database
from distribution.database.tables import SiteProduct
from distribution.repository import catalogue
from distribution.repository.store_errors import in_server_words
from distribution.sites.component_tables import ComponentRow, SbomRow
from manifests.errors import ManifestError
from manifests.sbom import Component, Sbom, package_of
from manifests.target_paths import SBOM_NAME, ReleasePath, role_of
from signing import published
from signing.errors import NotStored, Tampered, UnknownRole
from signing.store import Store
from signing.update_repository import Repository

LOOK_AGAIN = timedelta(days=1)
"""After so long a version is looked for again that the repository did not have."""

Version = tuple[str, str]
"""A product and a version of it."""


@dataclass(frozen=True)
class _Found:
    """What came of looking for an SBOM."""

    components: tuple[Component, ...] = ()
    problem: str = ""
    final: bool = True


def bring_up_to_date(database: Database, store: Store, now: datetime) -> int:
    """Index what sites run and nobody has looked for yet, in a transaction each.

    Returns:
        How many versions were looked for.

    Raises:
        NotFound: there is no repository.
        Unavailable: the store or the database does not answer.
    """
    with database.reading() as session:
        missing = _missing(session, now)
    if not missing:
        return 0
    with in_server_words():
        for version, found in _look_for(Repository.read(store), missing):
            with database.writing() as session:
                _write(session, version, found, now)
    return len(missing)


def _missing(session: Session, now: datetime) -> list[Version]:
    known = {
        (row.product, row.version)
        for row in session.exec(select(SbomRow))
        if row.final or now - row.looked_at < LOOK_AGAIN
    }
    return [version for version in running(session) if version not in known]


def running(session: Session) -> list[Version]:
    """Every version that some site said it runs."""
    wanted = select(SiteProduct.product, SiteProduct.version).distinct()
    found = session.exec(wanted.where(col(SiteProduct.version).is_not(None)))
    return sorted((product, version) for product, version in found if version)


def _look_for(
    repository: Repository, versions: Iterable[Version]
) -> Iterator[tuple[Version, _Found]]:
    paths: dict[str, dict[str, ReleasePath]] = {}
    for product, version in versions:
        if product not in paths:
            paths[product] = _paths(repository, product)
        path = paths[product].get(version)
        found = _read(repository, path) if path else _Found((), "it was never published", False)
        yield (product, version), found


def _paths(repository: Repository, product: str) -> dict[str, ReleasePath]:
    try:
        return {path.version: path for path, _ in published.releases(repository, product)}
    except UnknownRole:
        return {}


def _read(repository: Repository, release: ReleasePath) -> _Found:
    role, path = repository.role(role_of(release)), str(release.sibling(SBOM_NAME))
    listed = role.signed.targets.get(path) if role else None
    if listed is None:
        return _Found((), "it carries no SBOM")
    try:
        return _Found(Sbom.from_bytes(catalogue.content(repository.store, listed)).components)
    except NotStored:
        return _Found((), "its SBOM is not in the store any more", False)
    except (Tampered, ManifestError) as error:
        return _Found((), f"its SBOM cannot be read: {error.message}", False)


def _write(session: Session, version: Version, found: _Found, now: datetime) -> None:
    product, number = version
    old = delete(ComponentRow).where(col(ComponentRow.product) == product)
    session.exec(old.where(col(ComponentRow.version) == number))  # of somebody else, just now
    if found.components:
        rows = [_row(product, number, component) for component in found.components]
        session.execute(insert(ComponentRow), rows)
    sbom = SbomRow(
        product=product, version=number, problem=found.problem, final=found.final, looked_at=now
    )
    session.merge(sbom)


def _row(product: str, version: str, component: Component) -> dict[str, str]:
    return {
        "product": product,
        "version": version,
        "name": component.name,
        "name_lower": component.name.lower(),
        "component_version": component.version,
        "purl": component.purl,
        "package": package_of(component.purl) if component.purl else "",
    }
