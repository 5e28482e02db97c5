"""Names and where they lead: products, versions, and the paths of the TUF repository.

A path is also an authority: what lies under ``hotfixes/`` could only have been signed by L3, so a
release's lane is read off its path and never off a field. ``*`` in a TUF path never crosses a
``/``, hence the fixed depth of every lane.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, StringConstraints

from manifests.errors import ManifestError

RESERVED = frozenset(
    {
        *("root", "targets", "snapshot", "timestamp", "hotfixes", "breakglass"),
        "rollouts",  # the server's key of that name
        "constructor",  # tuf-js finds JavaScript's own instead of a role
    }
)
"""Names that no product may take, since they mean something else somewhere."""

AGENT_PRODUCT = "hsp-updater"
"""The product that is the agent itself: it has the same lanes, waves and gates as any other."""

MANIFEST_NAME = "manifest.json"

PROVENANCE_NAME = "provenance.json"
"""Beside a manifest: who built the release, as an in-toto statement."""

SBOM_NAME = "sbom.cdx.json"
"""Beside a manifest: of what it is built, as CycloneDX JSON."""

MAX_VERSION_CHARACTERS = 64
"""So that a version fits into file names together with its product and platform."""

_SEGMENT = re.compile(r"[A-Za-z0-9~][A-Za-z0-9._~-]{0,127}")


class Lane(StrEnum):
    """The three ways a release reaches a site; each is signed by other people."""

    RELEASES = "releases"
    HOTFIXES = "hotfixes"
    BREAKGLASS = "breakglass"


def _can_be_a_role(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"{name!r} is the name of a role, or taken otherwise")
    if not any(character.isalpha() for character in name):
        # JavaScript puts numbers before names: tuf-js would check other bytes than were signed.
        raise ValueError(f"{name!r} has no letter")
    return name


def canonical_version(text: str) -> str:
    """Return ``text`` if it is a version in its one spelling (PEP 440, no epoch, no local part).

    ``1.0`` and ``1.0.0`` are both spelled well and are the same version: compare, never match text.

    Raises:
        ValueError: with the spelling to use instead where there is one.
    """
    if len(text) > MAX_VERSION_CHARACTERS:
        raise ValueError(f"a version has at most {MAX_VERSION_CHARACTERS} characters")
    try:
        version = Version(text)
    except InvalidVersion as error:
        raise ValueError(f"{text!r} is not a version in the sense of PEP 440") from error
    if version.local or version.epoch:
        raise ValueError(f"{text!r}: a release has neither an epoch (1!) nor a local part (+x)")
    if str(version) != text:
        raise ValueError(f"{text!r} is spelled {str(version)!r}")
    return text


ProductName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$"), AfterValidator(_can_be_a_role)
]
VersionText = Annotated[str, AfterValidator(canonical_version)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
"""A site, a client, a ring, a tag: lower case, safe in a path, a URL and a file name."""


@dataclass(frozen=True)
class ReleasePath:
    """``<lane>/<product>/<version>/<name>``: one file of a release in the repository."""

    lane: Lane
    product: str
    version: str
    name: str

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read a target path.

        Raises:
            ManifestError: not a path of a release.
        """
        parts = path.split("/")
        known = len(parts) == 4 and parts[0] in set(Lane)
        if not known or not all(_SEGMENT.fullmatch(part) for part in parts):
            raise ManifestError(
                f"{path!r} is not the path of a release",
                hint="it should look like releases/<product>/<version>/manifest.json",
            )
        return cls(Lane(parts[0]), *parts[1:])

    def __str__(self) -> str:
        return f"{self.lane}/{self.product}/{self.version}/{self.name}"

    def sibling(self, name: str) -> "ReleasePath":
        """Another file of the same release."""
        return ReleasePath(self.lane, self.product, self.version, name)


def manifest_path(lane: Lane, product: str, version: str) -> str:
    """The target path of a release's manifest."""
    return str(ReleasePath(lane, product, version, MANIFEST_NAME))


def plan_path(product: str) -> str:
    """The target path of a product's rollout plan, the first thing an agent reads."""
    return f"rollouts/{product}/plan.json"


def rollouts_role(product: str) -> str:
    """The online role that signs a product's plan and deltas."""
    return f"{product}.rollouts"


def role_of(path: ReleasePath) -> str:
    """The offline role that signs a release on this path."""
    return path.product if path.lane is Lane.RELEASES else path.lane.value
