"""When a check-in says again what an earlier one said: all of it but its moment, and what the site
has witnessed of the audit log.

Both sides ask this of the bytes as they are sent, so that neither has to read a document that it
knows. It is exact: of a document in its one spelling only these two strings are left out, and what
remains is compared by its sha256.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime

CHECK_IN_TYPE = "application/vnd.hsp.check-in+json"
SESSION_HEADER = "Hsp-Session"
"""With a signed check-in: ``wanted`` asks for a ``SessionGiven``."""
SESSION_WANTED = "wanted"

_SPELLED = re.compile(
    rb'(\{"agent_version":"[^"\\]*",)"at":"([12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z)",'
    rb'"audit_checkpoint":"((?:[^"\\]|\\.)*)",(.+)',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One check-in, as far as it matters here.

    Attributes:
        at: when the site says that it made it.
        witnessed: the audit checkpoint that it tells, as JSON spells it, without its quotes.
        digest: of all the rest.
    """

    at: datetime
    witnessed: bytes
    digest: bytes


def spoken(body: bytes) -> Spoken | None:
    """Take a check-in's bytes apart; None where they are not in the one spelling of ``to_bytes``.

    Nothing is validated but the moment: the same digest means the same text, no more.
    """
    found = _SPELLED.fullmatch(body)
    if found is None:
        return None
    version, at, witnessed, rest = found.groups()
    try:
        moment = datetime.fromisoformat(at.decode())
    except ValueError:
        return None
    return Spoken(moment, witnessed, hashlib.sha256(version + rest).digest())


def witnessed_text(spelled: bytes) -> str:
    """The checkpoint that ``Spoken.witnessed`` spells; empty where that is no JSON."""
    try:
        return str(json.loads(b'"' + spelled + b'"'))
    except ValueError:
        return ""


def spelled(checkpoint: str) -> bytes:
    """How a check-in spells a checkpoint: the reverse of ``witnessed_text``."""
    return json.dumps(checkpoint, ensure_ascii=False).encode()[1:-1]
