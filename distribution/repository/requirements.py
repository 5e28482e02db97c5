"""What a release requires of other products is checked before it is published, once and for all.

A product that does not exist, or products that wait for each other in a circle, would be found out
at every site and never pass by themselves.
"""

from collections.abc import Iterable, Mapping

from distribution.errors import Invalid
from manifests.release import Release
from signing.metadata import target_key
from signing.published import releases, require_product
from signing.update_repository import Repository


def check(repository: Repository, new: Iterable[Release]) -> None:
    """Hold new releases to what is published already.

    Raises:
        UnknownRole: one requires a product that the repository does not have.
        Invalid: with it, products would wait for each other.
    """
    asking = [release for release in new if release.manifest.requires]
    if not asking:
        return
    for release in asking:
        for product in release.manifest.requires:
            require_product(repository, product)
    needs = _needs([*_published(repository), *asking])
    for release in asking:
        product = release.manifest.product
        circle = _circle(needs, product, (product,))
        if circle:
            raise Invalid(
                f"{product} {release.manifest.version} cannot require "
                f"{', '.join(release.manifest.requires)}: {' needs '.join(circle)}",
                hint="of two products only one may wait for the other",
            )


def _published(repository: Repository) -> Iterable[Release]:
    for path, listed in releases(repository):
        data = repository.store.read(target_key(str(path), listed.hashes["sha256"]))
        yield Release.read(str(path), data)


def _needs(known: Iterable[Release]) -> Mapping[str, set[str]]:
    needs: dict[str, set[str]] = {}
    for release in known:
        needs.setdefault(release.manifest.product, set()).update(release.manifest.requires)
    return needs


def _circle(
    needs: Mapping[str, set[str]], start: str, way: tuple[str, ...]
) -> tuple[str, ...] | None:
    """A way from ``start`` back to itself."""
    for product in sorted(needs.get(way[-1], ())):
        if product == start:
            return (*way, start)
        if product not in way and (found := _circle(needs, start, (*way, product))):
            return found
    return None
