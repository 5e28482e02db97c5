"""A private key in an encrypted PKCS#8 file whose passphrase is slow to guess.

``cryptography`` writes PKCS#8 with 2,048 rounds of PBKDF2 and offers no other number; a stick
that is lost with an officer's key deserves more. The cipher and the derivation are
``cryptography``'s, and so is reading it; only the few bytes of ASN.1 around them are put together
here.

Source: RFC 8018 (PBES2), RFC 5958; 600,000 rounds are OWASP's figure for PBKDF2 with SHA-256.
"""

import base64
import os

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ROUNDS = 600_000
ROUNDS_FOR_RANDOM = 2_048
"""Enough where the passphrase is 256 random bits: stretching it adds nothing."""

_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("300c06082a864886f70d02090500")
_AES256_CBC = bytes.fromhex("060960864801650304012a")
_SEQUENCE, _OCTETS, _INTEGER = 0x30, 0x04, 0x02


def seal(
    private: Ed25519PrivateKey | EllipticCurvePrivateKey, passphrase: str, rounds: int
) -> bytes:
    """The PEM file of ``private``, encrypted with AES-256 under ``passphrase``."""
    plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    salt, nonce = os.urandom(16), os.urandom(16)
    key = PBKDF2HMAC(SHA256(), 32, salt, rounds).derive(passphrase.encode())
    padder, cipher = (
        PKCS7(128).padder(),
        Cipher(algorithms.AES256(key), modes.CBC(nonce)).encryptor(),
    )
    sealed = cipher.update(padder.update(plain) + padder.finalize()) + cipher.finalize()
    derivation = _sequence(_PBKDF2, _sequence(_octets(salt), _integer(rounds), _HMAC_SHA256))
    encryption = _sequence(_AES256_CBC, _octets(nonce))
    algorithm = _sequence(_PBES2, _sequence(derivation, encryption))
    return _pem(_sequence(algorithm, _octets(sealed)))


def is_whole(pem: bytes) -> bool:
    """Whether the file's outside is as it was written: one DER sequence, with nothing missing.

    What is inside cannot be judged without the passphrase.
    """
    lines = pem.split(b"-----")
    if len(lines) < 3:
        return False
    try:
        der = base64.b64decode(b"".join(lines[2].split()), validate=True)
    except ValueError:
        return False
    return len(der) > 2 and der[:1] == bytes([_SEQUENCE]) and len(der) == _told_length(der)


def _told_length(der: bytes) -> int:
    """How long the first element of ``der`` says that it is, with its own head."""
    if der[1] < 0x80:
        return 2 + der[1]
    width = der[1] & 0x7F
    return 2 + width + int.from_bytes(der[2 : 2 + width], "big")


def _sequence(*parts: bytes) -> bytes:
    return _tagged(_SEQUENCE, b"".join(parts))


def _octets(content: bytes) -> bytes:
    return _tagged(_OCTETS, content)


def _integer(value: int) -> bytes:
    return _tagged(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _tagged(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    width = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | width]) + length.to_bytes(width, "big") + content


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    block = ["-----BEGIN ENCRYPTED PRIVATE KEY-----", *lines, "-----END ENCRYPTED PRIVATE KEY-----"]
    return "\n".join([*block, ""]).encode()
