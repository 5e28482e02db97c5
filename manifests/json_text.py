"""JSON as this product spells and reads it: one way each, whoever it is from.

It stands beside ``documents``, which carries the models, so that who only compares texts, as an
agent does whose repository and server say nothing new, need not load them.
"""

import json
import math
from collections import Counter
from typing import Any, NoReturn

from manifests.errors import ManifestError


def to_json(plain: Any) -> bytes:
    """The one spelling of a JSON value that this product writes."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def parse_json(data: bytes, what: str) -> Any:
    """Parse JSON in UTF-8, refusing duplicate keys, NaN and numbers that are not finite.

    Nesting that would exhaust the stack ends here too.

    Raises:
        ManifestError: with ``what`` in its message.
    """
    try:
        return json.loads(
            data.decode("utf-8"),  # json.loads itself would guess UTF-16 and let surrogates pass
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except RecursionError as error:
        raise ManifestError(f"{what} is nested too deep") from error
    except ValueError as error:
        raise ManifestError(f"{what} is not valid JSON: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        (key, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {key[:80]!r} appears twice in one object")
    return result


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:80]} is too large a number")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
