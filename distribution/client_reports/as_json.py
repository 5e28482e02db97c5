"""A month as JSON, for programs: every field of ``model``, moments in UTC."""

import json
from functools import cache

from pydantic import TypeAdapter

from distribution.client_reports.model import ClientMonth


@cache
def _adapter() -> TypeAdapter[ClientMonth]:
    return TypeAdapter(ClientMonth)


def written(month: ClientMonth) -> bytes:
    """The document."""
    plain = _adapter().dump_python(month, mode="json")
    return json.dumps(plain, indent=1, ensure_ascii=False).encode() + b"\n"


def read(data: bytes) -> ClientMonth:
    """What ``written`` wrote."""
    return _adapter().validate_json(data)
