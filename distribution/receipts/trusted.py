"""The public keys with which somebody verifies: they got them from the site, not from us."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from manifests.envelope import site_key
from manifests.errors import ManifestError

ANY = ""
"""In the place of a site's name: of the only site in the file."""

_HEX = re.compile(r"[0-9a-fA-F]{64}")
_NAMED = re.compile(r"(\S+?)(?:=|\s+)([0-9a-fA-F]{64})")


@dataclass(frozen=True)
class TrustedKeys:
    """By site, the keys that it may have signed with."""

    by_site: dict[str, set[str]] = field(default_factory=dict)

    def of(self, site_id: str, only: str) -> set[str]:
        """Those of one site.

        Args:
            only: the site that a key without a name is meant for.
        """
        nameless = self.by_site.get(ANY, set()) if site_id == only else set()
        return self.by_site.get(site_id, set()) | nameless


def read_keys(given: Iterable[str]) -> TrustedKeys:
    """Read what was given: ``HEX``, ``SITE=HEX``, or a file with one or the other on each line.

    Raises:
        ManifestError: neither, or not an Ed25519 public key.
    """
    found = TrustedKeys()
    for text in given:
        for line in _lines(text):
            site, key = _named(line)
            site_key(key)
            found.by_site.setdefault(site, set()).add(key.lower())
    if not found.by_site:
        raise ManifestError("no public key was given", hint="give the site's own with --key")
    return found


def _lines(text: str) -> list[str]:
    if _HEX.fullmatch(text) or _NAMED.fullmatch(text):
        return [text]
    try:
        content = Path(text).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise ManifestError(
            f"{text[:80]!r} is neither a public key of 64 hex digits nor a file that can be read",
            hint="give HEX, SITE=HEX, or a file with such lines",
        ) from error
    return [line.strip() for line in content.splitlines() if line.strip()]


def _named(line: str) -> tuple[str, str]:
    if _HEX.fullmatch(line):
        return ANY, line
    found = _NAMED.fullmatch(line)
    if found is None:
        raise ManifestError(
            f"{line[:80]!r} is not a public key",
            hint="a key is 64 hex digits, with the site's name and a space in front where needed",
        )
    return found[1], found[2]
