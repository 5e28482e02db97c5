"""Bills of materials: the components that a release is made of, read from CycloneDX JSON.

Source: CycloneDX 1.6 (ECMA-424); a component may hold further ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from manifests.documents import parse_json
from manifests.errors import ManifestError

MOST_COMPONENTS = 100_000
_MOST_CHARACTERS = 1000


@dataclass(frozen=True)
class Component:
    """One component; ``version`` and ``purl`` are empty where the document does not say."""

    name: str
    version: str = ""
    purl: str = ""


@dataclass(frozen=True)
class Sbom:
    """The format's version, and every component once."""

    spec_version: str
    components: tuple[Component, ...]

    @classmethod
    def from_bytes(cls, data: bytes) -> "Sbom":
        """Read CycloneDX JSON.

        Raises:
            ManifestError: it is none, or a component has no name.
        """
        plain = parse_json(data, "the SBOM")
        if not isinstance(plain, dict) or plain.get("bomFormat") != "CycloneDX":
            raise ManifestError('the SBOM is no CycloneDX JSON: it has no "bomFormat": "CycloneDX"')
        spec = plain.get("specVersion")
        if not isinstance(spec, str):
            raise ManifestError("the SBOM does not say its specVersion")
        found = dict.fromkeys(_component(each) for each in _all(plain))
        if len(found) > MOST_COMPONENTS:
            raise ManifestError(f"the SBOM has more than {MOST_COMPONENTS:,} components")
        return cls(spec, tuple(found))


def _all(plain: dict[str, Any]) -> Iterator[Any]:
    waiting = [plain.get("components", [])]
    while waiting:
        listed = waiting.pop()
        if not isinstance(listed, list):
            raise ManifestError("the SBOM's components are no list")
        yield from listed
        waiting += [each["components"] for each in listed if "components" in each]


def _component(plain: Any) -> Component:
    if not isinstance(plain, dict):
        raise ManifestError("a component of the SBOM is no object")
    said = [plain.get(name, "") for name in ("name", "version", "purl")]
    if not said[0] or not all(isinstance(t, str) and len(t) <= _MOST_CHARACTERS for t in said):
        raise ManifestError(f"a component of the SBOM is not named as it should be: {said!r:.200}")
    return Component(*said)


def package_of(purl: str) -> str:
    """A package URL without its version and qualifiers: what all versions have in common."""
    plain = purl.partition("#")[0].partition("?")[0]
    before, at, version = plain.rpartition("@")
    return (before if at and "/" not in version else plain).lower()
