"""Windows and freezes as a piece of ``site.toml``, for its administrator to copy."""

import json
from collections.abc import Iterator
from datetime import datetime

from manifests.documents import Part
from manifests.site import SitePolicy


def written(policy: SitePolicy) -> str:
    """The windows and the freezes of a policy, and nothing else of it."""
    tables = (("windows", policy.windows), ("freezes", policy.freezes))
    return "\n".join(
        text for name, parts in tables for part in parts for text in _table(name, part)
    )


def _table(name: str, part: Part) -> Iterator[str]:
    yield f"[[{name}]]"
    for field, value in part:
        if value not in ("", (), 0):
            yield f"{field} = {_value(value)}"
    yield ""


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    # A TOML string is a JSON string without surrogate pairs.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
