"""Which versions somebody means: a list of them, or a specifier."""

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from distribution.errors import Invalid


def checked(text: str) -> str:
    """The same text, if it can be understood.

    Raises:
        Invalid: neither a list of versions nor a specifier.
    """
    if text.strip() and _listed(text) is None:
        _specifier(text)
    return text.strip()


def means(text: str, version: str) -> bool:
    """Whether a version is one of those; an empty text means all of them.

    Raises:
        Invalid: neither a list of versions nor a specifier.
    """
    if not text.strip():
        return True
    try:
        found = Version(version)
    except InvalidVersion:
        return False
    listed = _listed(text)
    return found in listed if listed is not None else found in _specifier(text)


def _listed(text: str) -> frozenset[Version] | None:
    try:
        return frozenset(Version(part) for part in text.split(","))
    except InvalidVersion:
        return None


def _specifier(text: str) -> SpecifierSet:
    try:
        return SpecifierSet(text, prereleases=True)
    except InvalidSpecifier as error:
        raise Invalid(
            f"{text[:80]!r} means no versions",
            hint="write a list such as 2.0,2.1 or a range such as '>=2,<3'",
        ) from error
