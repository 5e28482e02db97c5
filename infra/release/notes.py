"""The section of a version in CHANGELOG.md: the notes of its release."""

import re

from infra.release.errors import NoRelease


def notes(changelog: str, version: str) -> str:
    """What changed in a version, as its section says.

    Raises:
        NoRelease: there is no such section, or it is empty.
    """
    heading = rf"^## \[{re.escape(version)}\][^\n]*\n"
    found = re.search(rf"{heading}(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if found is None:
        raise NoRelease(
            f"CHANGELOG.md has no section of {version}; "
            f"name what is unreleased there: ## [{version}] - YEAR-MONTH-DAY"
        )
    text = found[1].strip()
    if not text:
        raise NoRelease(f"CHANGELOG.md says nothing of {version}")
    return f"# HSP distribution {version}\n\n{text}\n"
