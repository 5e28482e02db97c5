"""Signatures of sites, verified by libsodium: it needs half of the time that OpenSSL does.

It refuses a few keys and signatures that OpenSSL takes and no honest site has; they go the full
way, like all that is refused here.
"""

import hashlib

from nacl.bindings import crypto_sign_BYTES, crypto_sign_open
from nacl.exceptions import BadSignatureError

from manifests.envelope import Unwrapped


def is_signed(sealed: Unwrapped, public_hex: str) -> bool:
    """Whether a site's key has signed it. What this takes, ``envelope.open_sealed`` takes.

    While libsodium works, Python's lock is free.
    """
    if sealed.keyid != _keyid(public_hex) or len(sealed.signature) != crypto_sign_BYTES:
        return False
    sizes = len(sealed.body_type), sealed.body_type, len(sealed.payload), sealed.payload
    signed = sealed.signature + b"DSSEv1 %d %b %d %b" % sizes
    try:
        crypto_sign_open(signed, bytes.fromhex(public_hex))
    except BadSignatureError:
        return False
    return True


def _keyid(public_hex: str) -> str:
    """That of ``envelope.site_key``, which makes a whole key for it."""
    text = f'{{"keytype":"ed25519","keyval":{{"public":"{public_hex}"}},"scheme":"ed25519"}}'
    return hashlib.sha256(text.encode()).hexdigest()
