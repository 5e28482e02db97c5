"""The trust floor's fields as plain JSON and back, read as strictly as a document, without models.

It is no ``Document`` since every poll reads it, and most polls need no model beside it.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from manifests.errors import ManifestError
from manifests.moments import in_range

FORMAT = 1


def plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """As it is spelled."""
    proven: datetime | None = fields["proven_time"]
    return {**fields, "format": FORMAT, "proven_time": spelled(proven) if proven else None}


def spelled(moment: datetime) -> str:
    """A moment in UTC as documents spell it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def fields(plain: Any) -> dict[str, Any]:
    """What was spelled; names that are not known are ignored, those that are missing are left out.

    Raises:
        ManifestError: a newer format, or a field is wrong.
    """
    if not isinstance(plain, dict) or _number(plain.get("format", FORMAT)) > FORMAT:
        raise ManifestError("the trust floor is of a newer format, or none")
    return {name: read(plain[name]) for name, read in _READ.items() if name in plain}


def _number(value: Any) -> int:
    if type(value) is not int:
        raise ManifestError(f"the trust floor: {str(value)[:80]!r} is no number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ManifestError(f"the trust floor: {str(value)[:80]!r} is no text")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ManifestError(f"the trust floor: {str(value)[:80]!r} is no list")
    return tuple(map(_text, value))


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(_text(value))
        if moment.tzinfo is None:
            raise ValueError("it names no zone")
        return in_range(in_range(moment).astimezone(UTC))
    except ValueError as error:
        raise ManifestError(f"the trust floor: {value[:80]!r}: {error}") from error


def _each(read: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    def those(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ManifestError(f"the trust floor: {str(value)[:80]!r} is no table")
        return {name: read(each) for name, each in value.items()}

    return those


_READ: Mapping[str, Callable[[Any], Any]] = {
    "root_version": _number,
    "root_sha256": _text,
    "keyset": _text,
    "timestamp": _number,
    "snapshot": _number,
    "roles": _each(_number),
    "releases": _each(_text),
    "stopped": _each(_texts),
    "proven_time": _moment,
    "report_sequence": _number,
}
