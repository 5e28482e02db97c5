"""Signed messages from sites, read in two steps: whose is it, then is it theirs.

Every refusal of a signature, a token or a site has one and the same text, so that nobody learns
from an answer which sites exist.
"""

from typing import TypeVar

from distribution.errors import Malformed, Unauthorised
from manifests import envelope
from manifests.documents import Document, parse_json
from manifests.envelope import BadSignature
from manifests.errors import ManifestError

D = TypeVar("D", bound=Document)


def unauthorised() -> Unauthorised:
    """The one refusal."""
    return Unauthorised(
        "not authorised",
        hint="check the site's registration with your contact in support",
    )


def freely(_: str) -> None:
    """Admit every site as often as it comes: where nobody counts, as with a stick's reports."""


def peeked(data: bytes, body_type: str, model: type[D]) -> D:
    """What an envelope claims, before anybody has verified it: to find out whose key to use.

    Raises:
        Malformed: not an envelope of this type, or its body is not JSON.
        ManifestError: a field is wrong, or the format is newer than this server.
    """
    try:
        body = envelope.peek(data, body_type)
        parse_json(body, model.__name__)
    except ManifestError as error:
        raise Malformed(error.message) from error
    return model.from_bytes(body)


def check_signature(data: bytes, body_type: str, public_hex: str) -> bytes:
    """The body of an envelope that the key signed.

    Raises:
        Unauthorised: signed by another key, or not at all.
    """
    try:
        return envelope.open_sealed(data, body_type, envelope.site_key(public_hex))
    except BadSignature as error:
        raise unauthorised() from error
