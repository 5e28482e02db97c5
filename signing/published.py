"""Which releases a repository has, and whether what it lists is what was signed last."""

from collections.abc import Iterator

from packaging.version import Version
from tuf.api.metadata import TargetFile, Targets

from manifests.target_paths import MANIFEST_NAME, ReleasePath
from signing.errors import AlreadyThere, NotStored, Tampered, UnknownRole
from signing.metadata import metadata_key, role_and_version, verified
from signing.roles import BREAKGLASS, HOTFIXES, TARGETS, delegations_of, products
from signing.update_repository import Repository


def releases(
    repository: Repository, product: str | None = None
) -> Iterator[tuple[ReleasePath, TargetFile]]:
    """The manifests of all releases, or of one product's, in every lane.

    Raises:
        UnknownRole: the repository has no such product.
    """
    roles = [product] if product else products(repository.targets)
    if product:
        require_product(repository, product)
    lanes = [r for r in (HOTFIXES, BREAKGLASS) if r in (_delegated(repository))]
    for role in [*roles, *lanes]:
        metadata = repository.role(role)
        for path, listed in metadata.signed.targets.items() if metadata else ():
            if path.endswith(f"/{MANIFEST_NAME}"):
                release = ReleasePath.parse(path)
                if product in (None, release.product):
                    yield release, listed


def require_product(repository: Repository, product: str) -> None:
    """Refuse a product that the repository does not have.

    Raises:
        UnknownRole: naming those it has.
    """
    known = products(repository.targets)
    if product not in known:
        names = f"it has {', '.join(known)}" if known else "it has none yet"
        raise UnknownRole(
            f"the repository has no product {product!r}; {names}",
            hint=f"hsp product add {product}",
        )


def require_new_version(repository: Repository, product: str, version: str) -> None:
    """Refuse a version that equals a published one in the sense of PEP 440, in any lane.

    Raises:
        AlreadyThere: naming the one that exists.
        UnknownRole: the repository has no such product.
    """
    for path, _ in releases(repository, product):
        if Version(path.version) == Version(version):
            raise AlreadyThere(
                f"{product} {version} is published already, as {path}",
                hint="what is published is never replaced: give it a higher version",
            )


def _delegated(repository: Repository) -> list[str]:
    return list(delegations_of(repository.targets).roles or {})


def require_newest_targets(repository: Repository) -> None:
    """Other online keys make every site forget which targets it has seen: it must be the newest.

    Raises:
        Tampered: the officers have signed a newer one than is listed.
    """
    listed = repository.version(TARGETS)
    stored = map(role_and_version, repository.store.keys("metadata/"))
    for version in sorted(version for role, version in stored if role == TARGETS):
        if version > listed and _is_by_officers(repository, version):
            raise Tampered(
                f"the officers have signed targets {version}, and {listed} is listed",
                hint="if its publish was cut off, hsp publish that proposal again; else somebody "
                "has the server's keys: hsp drill stolen-online-key goes by what was signed",
            )


def _is_by_officers(repository: Repository, version: int) -> bool:
    try:
        data = repository.store.read(metadata_key(TARGETS, version))
        verified(data, Targets, f"{TARGETS} {version}", repository.root, TARGETS)
    except (NotStored, Tampered):
        return False
    return True
