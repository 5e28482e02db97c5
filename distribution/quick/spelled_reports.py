"""Install reports in their one spelling, read without the model.

What an agent sends is what ``InstallReport.to_bytes`` writes: every field, sorted, once. Such a
report is read here in a tenth of the model's time, and written again to see that nothing else is
in it. This refuses all that the model refuses, and more: of the rest the model has to say.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from pydantic import TypeAdapter, ValidationError

from manifests.failures import FailureCode
from manifests.install_report import Phase
from manifests.moments import YEARS
from manifests.target_paths import MAX_VERSION_CHARACTERS, Identifier, ProductName, VersionText

_Short = Annotated[str, Meta(max_length=64)]
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_Count = Annotated[int, Meta(ge=0)]


class Spelled(msgspec.Struct, frozen=True):
    """The fields of an ``InstallReport``, in the order in which it is written."""

    at: str
    attempt_id: _Short
    boot_id: _Short
    code: FailureCode | None
    detail: str
    downloaded_bytes: _Count
    duration_seconds: Annotated[float, Meta(ge=0)]
    format: Literal[1]
    from_version: str | None
    hook_status: Annotated[int, Meta(ge=-(2**31), lt=2**32)] | None
    log_tail: str
    phase: Phase
    product: str | None
    release: Annotated[str, Meta(max_length=400)] | None
    saved_bytes: _Count
    sequence: Annotated[int, Meta(ge=1, le=2**53)]
    site_id: str
    version: str | None


_decode = msgspec.json.Decoder(Spelled).decode
_encode = msgspec.json.Encoder().encode
_KINDS: dict[str, TypeAdapter[Any]] = {
    "site": TypeAdapter(Identifier),
    "product": TypeAdapter(ProductName),
    "version": TypeAdapter(VersionText),
}


def read(payload: bytes) -> Spelled | None:
    """The report; None where it is spelled in another way, or wrong."""
    try:
        report = _decode(payload)
        if _encode(report) != payload or not _is_moment(report.at):
            return None
    except (msgspec.MsgspecError, ValueError):
        return None
    good = (
        _is_name(report.site_id, "site")
        and _is_name(report.product, "product")
        and _is_name(report.version, "version")
        and _is_name(report.from_version, "version")
        and report.phase.is_failure == (report.code is not None)
    )
    return report if good else None


def _is_moment(text: str) -> bool:
    """Raises: ValueError: there is no such day or hour."""
    # Python itself takes more: whatever stands between six digits and the zone.
    return bool(_MOMENT.fullmatch(text)) and datetime.fromisoformat(text).year in YEARS


def _is_name(text: str | None, kind: str) -> bool:
    return text is None or (len(text) <= MAX_VERSION_CHARACTERS and _is(text, kind))


@lru_cache(10_000)
def _is(text: str, kind: str) -> bool:
    """Whether the model takes a name: few are new, and its rules take long."""
    try:
        return bool(_KINDS[kind].validate_python(text) == text)
    except ValidationError:
        return False
