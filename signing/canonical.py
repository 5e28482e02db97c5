"""OLPC canonical JSON: the bytes that TUF signs.

securesystemslib says what they are, in pure Python; orjson says the same several times faster, but
for what it escapes or accepts and canonical JSON does not. A repository of a thousand products
has half a megabyte of it to be verified at every step.
"""

import re
from typing import Any

import orjson
from securesystemslib.exceptions import FormatError
from securesystemslib.formats import encode_canonical

from manifests.documents import parse_json
from manifests.errors import ManifestError
from signing.errors import Tampered

_AS_STRICT = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_ESCAPED = re.compile(rb'\\[^"\\]')
"""A control character, which canonical JSON does not escape."""
_FLOATS = tuple(re.compile(rb"%s-?\d+[.eE]" % re.escape(before)) for before in (b":", b",", b"["))
"""A number that canonical JSON has no spelling for. (Both patterns also match some that only look
so, inside a string: that costs time and nothing else. Three patterns search faster than one.)"""


def canonical(plain: dict[str, Any]) -> bytes:
    """The canonical bytes of a JSON object.

    Raises:
        Tampered: it holds what canonical JSON has no spelling for, such as a float.
    """
    try:
        data = orjson.dumps(plain, option=_AS_STRICT)
    except TypeError:
        return _slowly(plain)
    if (b"\\" in data and _ESCAPED.search(data)) or any(each.search(data) for each in _FLOATS):
        return _slowly(plain)
    return data


def parsed_json(data: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object, without duplicate keys (of which python-tuf would take the last).

    What is spelled as python-tuf spells it is read fast: a key that came twice would be gone from
    what orjson writes again. Everything else is parsed with an eye on each pair.

    Raises:
        Tampered: it is not one.
    """
    try:
        plain = orjson.loads(data)
        if orjson.dumps(plain, option=orjson.OPT_SORT_KEYS) != data:
            plain = parse_json(data, what)
    except (ManifestError, ValueError, TypeError) as error:
        raise Tampered(f"{what} is not TUF metadata: {error}") from error
    if not isinstance(plain, dict):
        raise Tampered(f"{what} is not TUF metadata: a JSON object is expected")
    return plain


def _slowly(plain: dict[str, Any]) -> bytes:
    try:
        return str(encode_canonical(plain)).encode("utf-8")
    except (FormatError, ValueError) as error:
        raise Tampered(f"this cannot be signed: {error}") from error
