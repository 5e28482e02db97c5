"""Text that a machine or a person wrote and only people read: cut to fit, never refused.

A report that the server would refuse for its length would stay in the site's outbox for ever, so
the limits hold where the document is made. They count bytes as JSON spells them: a log full of
emoji or control characters takes up to six times its characters.
"""

from itertools import accumulate, takewhile
from typing import Annotated

from pydantic import AfterValidator

from manifests.documents import to_json

MAX_REASON_BYTES = 2_000
MAX_DETAIL_BYTES = 8_000
MAX_LOG_TAIL_BYTES = 16_000


def first_bytes(text: str, limit: int) -> str:
    """As many of the first characters of ``text`` as fit into ``limit`` bytes of JSON.

    NUL becomes U+FFFD, since not every database can keep it.
    """
    candidate = text[:limit].replace("\0", "\N{REPLACEMENT CHARACTER}")
    if _cost(candidate) <= limit:
        return candidate
    costs = accumulate(_cost(character) for character in candidate)
    return candidate[: sum(1 for _ in takewhile(lambda cost: cost <= limit, costs))]


def _cost(text: str) -> int:
    return len(to_json(text)) - len('""')


def last_bytes(text: str, limit: int) -> str:
    """As many of the last characters of ``text`` as fit: the end of a log says the most."""
    return first_bytes(text[-limit:][::-1], limit)[::-1]


Reason = Annotated[str, AfterValidator(lambda text: first_bytes(text, MAX_REASON_BYTES))]
Detail = Annotated[str, AfterValidator(lambda text: first_bytes(text, MAX_DETAIL_BYTES))]
LogTail = Annotated[str, AfterValidator(lambda text: last_bytes(text, MAX_LOG_TAIL_BYTES))]
