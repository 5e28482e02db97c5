"""What a proposal starts from: enough of the repository to verify everything without it.

A stick travels to a machine that has never seen the repository. The base lets that machine follow
the chain from the first root to the role that changes, and say what changes by itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tuf.api.metadata import Metadata, Root, Targets

from signing.errors import Tampered
from signing.metadata import verified, verified_roots
from signing.roles import ROOT, TARGETS
from signing.update_repository import Repository


@dataclass(frozen=True)
class Base:
    """The repository that a proposal starts from, verified from its first root on."""

    files: Mapping[str, bytes]
    roots: tuple[Metadata[Root], ...]
    roles: Mapping[str, Metadata[Targets]]

    @classmethod
    def of(cls, repository: Repository, *roles: str) -> "Base":
        """What the repository says now of ``roles``."""
        numbered = enumerate(repository.root_files, start=1)
        files = {f"{number}.root.json": data for number, data in numbered}
        known: dict[str, Metadata[Targets]] = {}
        for role in dict.fromkeys((TARGETS, *roles)):
            metadata = repository.role(role) if role != ROOT else None
            if metadata is not None:
                files[f"{role}.json"] = repository.role_file(role)
                known[role] = metadata
        return cls(files, repository.roots, known)

    @classmethod
    def verified(cls, files: Mapping[str, bytes]) -> "Base":
        """Read and verify a base.

        Raises:
            Tampered: something in it is not signed by whom it should be.
        """
        roots = verified_roots(_numbered_roots(files))
        roles: dict[str, Metadata[Targets]] = {}
        names = [name.removesuffix(".json") for name in files if not name.endswith(".root.json")]
        base = cls(files, roots, roles)
        for role in sorted(names, key=lambda name: name != TARGETS):
            delegator = base.root if role == TARGETS else base.targets
            what = f"the base's {role}"
            roles[role] = verified(files[f"{role}.json"], Targets, what, delegator, role)
        return base

    def lend_to(self, repository: Repository) -> None:
        """Spare ``repository`` the reading of all delegations, if they are those verified here."""
        roots = tuple(_numbered_roots(self.files))
        version = repository.version(TARGETS)
        if (
            roots == repository.root_files
            and self.version(TARGETS) == version > 0
            and repository.role_file(TARGETS) == self.files[f"{TARGETS}.json"]
        ):
            repository.trust(TARGETS, self.roles[TARGETS])

    @property
    def root(self) -> Root:
        """The newest root.

        Raises:
            Tampered: the base has none.
        """
        if not self.roots:
            raise Tampered("the base has no root that says who may sign")
        return self.roots[-1].signed

    @property
    def targets(self) -> Targets:
        """The top-level targets.

        Raises:
            Tampered: the base has none.
        """
        if TARGETS not in self.roles:
            raise Tampered("the base has no targets that say who may sign")
        return self.roles[TARGETS].signed

    def version(self, role: str) -> int:
        """The version of ``role`` in the base, 0 for none."""
        if role == ROOT:
            return len(self.roots)
        return self.roles[role].signed.version if role in self.roles else 0


def _numbered_roots(files: Mapping[str, bytes]) -> Iterator[bytes]:
    number = 1
    while f"{number}.root.json" in files:
        yield files[f"{number}.root.json"]
        number += 1
