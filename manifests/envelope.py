"""Signed messages between a site and the server: DSSE envelopes with one Ed25519 signature.

The body is signed, not the connection, so a report survives proxies that end TLS and is evidence
later. An envelope has one spelling: base64 and JSON would otherwise let a stranger write the same
message in other bytes. Source: the DSSE specification v1.0.2, by securesystemslib.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Signer, SSlibKey

from manifests.errors import ManifestError
from manifests.json_text import parse_json, to_json


class BadSignature(ManifestError):
    """The envelope is not signed by the key it should be signed by."""


def site_key(public_hex: str) -> SSlibKey:
    """The verification key of a site from its 32 raw bytes in hex.

    Raises:
        ManifestError: not an Ed25519 public key.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_hex))
    except ValueError as error:
        raise ManifestError("a site's public key is 64 hex digits (Ed25519)") from error
    return SSlibKey.from_crypto(key)


def public_hex(key: Ed25519PublicKey) -> str:
    """The spelling of a site's public key that ``site_key`` reads."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def seal(body: bytes, body_type: str, signer: Signer) -> bytes:
    """Sign ``body`` and wrap it."""
    envelope = Envelope(body, body_type, {})
    envelope.sign(signer)
    return to_json(envelope.to_dict())


def open_sealed(data: bytes, body_type: str, key: SSlibKey) -> bytes:
    """The body of an envelope that ``key`` signed.

    Raises:
        BadSignature: not signed by ``key``.
        ManifestError: not an envelope, or one of another type.
    """
    envelope = _read(data, body_type)
    try:
        envelope.verify([key], 1)
    except (VerificationError, ValueError) as error:
        raise BadSignature(f"the {body_type} is not signed by the key that is known") from error
    return envelope.payload


def peek(data: bytes, body_type: str) -> bytes:
    """The body of an envelope before anybody has verified it: to find out whose key to use.

    Raises:
        ManifestError: not an envelope, or one of another type.
    """
    return _read(data, body_type).payload


def _read(data: bytes, body_type: str) -> Envelope:
    plain = parse_json(data, "envelope")
    try:
        envelope = Envelope.from_dict(plain)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ManifestError("not a DSSE envelope") from error
    if to_json(envelope.to_dict()) != data or len(envelope.signatures) != 1:
        raise ManifestError("an envelope that is not in its one spelling, with one signature")
    if envelope.payload_type != body_type:
        found = str(envelope.payload_type)[:80]
        raise ManifestError(f"an envelope of {found!r}, expected {body_type!r}")
    return envelope


# --- the same, for who opens thousands a second

_SPELLED = re.compile(
    rb'\{"payload":"([A-Za-z0-9+/]*={0,2})","payloadType":"([^"\\]*)",'
    rb'"signatures":\[\{"keyid":"([0-9a-f]{64})","sig":"([A-Za-z0-9+/]+={0,2})"\}\]\}'
)


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """An envelope in its one spelling, taken apart; nobody has verified it."""

    payload: bytes
    body_type: bytes
    keyid: str
    signature: bytes


def unwrapped(data: bytes, body_type: str) -> Unwrapped | None:
    """What ``peek`` reads; None for what it refuses, and for what no site's key has signed."""
    found = _SPELLED.fullmatch(data)
    if found is None or found[2] != body_type.encode():
        return None
    payload, signature = _decoded(found[1]), _decoded(found[4])
    if payload is None or signature is None:
        return None
    return Unwrapped(payload, found[2], found[3].decode(), signature)


def _decoded(text: bytes) -> bytes | None:
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None
    return data if base64.b64encode(data) == text else None
