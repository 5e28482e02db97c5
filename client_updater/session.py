"""The right to say the same again without a signature, as long as the server keeps it.

It is in memory only and in no log; an agent that starts anew signs. A token goes over TLS or stays
on this machine: over plain http none is asked for. Whatever differs from what was last signed is
signed again, so what a thief could do with a token is to make this site look alive.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from manifests.json_text import parse_json, to_json
from manifests.repetition import SESSION_HEADER, SESSION_WANTED, spoken


class Given(Protocol):
    """A ``SessionGiven``, however it was read."""

    @property
    def token(self) -> str:
        """What to say."""

    @property
    def seconds(self) -> int:
        """So long it is good."""


MAX_ANSWER_BYTES = 64 * 1024
"""Of whatever the server says."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_EARLY_SECONDS = 60.0
"""A token is not used any more so long before its end, and a new one is asked for."""


@dataclass
class Session:
    """What this process was given, and for which words it is good."""

    url: str
    clock: Callable[[], float] = time.monotonic
    token: str = ""
    until: float = 0
    signed: bytes = b""
    """The digest of what the server last took with a signature."""
    said: bytes = b""
    """What was last said and answered."""
    heard: str = ""
    """The likeness of the answer."""

    @property
    def may_be(self) -> bool:
        """Whether a token would stay between the server and us."""
        parts = urlsplit(self.url)
        return parts.scheme == "https" or parts.hostname in _LOOPBACK

    def headers_to_repeat(self, body: bytes) -> Mapping[str, str] | None:
        """How to say this without a signature; None where it must be signed."""
        said = spoken(body)
        if not self._is_good() or said is None or said.digest != self.signed:
            return None
        return {"Authorization": f"Bearer {self.token}"}

    def headers_to_sign(self) -> Mapping[str, str]:
        """What goes with a signed check-in."""
        if self._is_good() or not self.may_be:
            return {}
        return {SESSION_HEADER: SESSION_WANTED}

    def was_taken(self, body: bytes, given: Given | None) -> None:
        """The server has taken a signed check-in."""
        said = spoken(body)
        self.signed = said.digest if said is not None else b""
        if given is not None and self.may_be:
            self.token, self.until = given.token, self.clock() + given.seconds - _EARLY_SECONDS

    def was_answered(self, body: bytes, answer: bytes) -> None:
        """Whatever the way, the server has answered to this."""
        self.said, self.heard = body, likeness(answer)

    def forget(self) -> None:
        """The token is not good any more, or another key speaks for this site."""
        self.token, self.signed = "", b""

    def _is_good(self) -> bool:
        return bool(self.token) and self.may_be and self.clock() < self.until

    def __repr__(self) -> str:
        return f"Session({self.url!r})"


_PASSING = frozenset({"session", "audit_checkpoint", "timestamp_version"})
"""Of an answer, what asks nothing of the site but to be remembered, or not even that."""


def likeness(answer: bytes) -> str:
    """A digest of all of an answer to a check-in that could change what a site does.

    Raises:
        ManifestError: it is no JSON.
    """
    plain = parse_json(answer, "the answer")
    if isinstance(plain, dict):
        plain = {name: value for name, value in plain.items() if name not in _PASSING}
    return hashlib.sha256(to_json(plain)).hexdigest()
