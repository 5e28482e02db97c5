"""A private key as encrypted PKCS#8 PEM, with a passphrase that is slow to guess.

``cryptography`` writes PKCS#8 with 2,048 rounds of PBKDF2 and offers no other number; a stick
that is lost with an officer's key deserves more. The cipher and the derivation are
``cryptography``'s, and so is reading it; only the few bytes of ASN.1 around them are put together
here. Whatever is not one encrypted private key is refused by its name.

Source: RFC 8018 (PBES2), RFC 5958; 600,000 rounds are OWASP's figure for PBKDF2 with SHA-256.
"""

import base64
import os
import re
from typing import TypeGuard

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from signing.errors import UnusableKey, WrongPassphrase

ROUNDS = 600_000
ROUNDS_FOR_RANDOM = 2_048
"""Enough where the passphrase is 256 random bits: stretching it adds nothing."""

PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
HOW_TO_GIVE_IT = "give it by --passphrase-file, in HSP_PASSPHRASE, or at the prompt"

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey

_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("300c06082a864886f70d02090500")
_AES256_CBC = bytes.fromhex("060960864801650304012a")
_SEQUENCE, _OCTETS, _INTEGER = 0x30, 0x04, 0x02


def unseal(pem: bytes, passphrase: str, where: str) -> PrivateKey:
    """Open the one encrypted private key that ``pem`` should be.

    Args:
        where: what to call it in a refusal.

    Raises:
        UnusableKey: it is not one encrypted private key of a kind we accept.
        WrongPassphrase: it does not open.
    """
    _check_one_encrypted_key(pem, where)
    if not passphrase:
        raise WrongPassphrase(
            f"{where} is encrypted, and no passphrase was given", hint=HOW_TO_GIVE_IT
        )
    try:
        private = load_pem_private_key(pem, passphrase.encode())
    except UnsupportedAlgorithm as error:
        raise UnusableKey(f"{where} is encrypted in a way we cannot read") from error
    except (ValueError, TypeError) as error:
        # One wrong passphrase in 256 decrypts to good padding and nonsense behind it: cryptography
        # then says what is wrong with the nonsense, so only the outside tells damage apart.
        if _is_whole(pem):
            told = f"the passphrase does not open {where}"
            raise WrongPassphrase(told, hint=HOW_TO_GIVE_IT) from error
        raise UnusableKey(f"{where} is damaged: it is not a PKCS#8 private key") from error
    if isinstance(private, Ed25519PrivateKey) or _is_p256(private):
        return private
    raise UnusableKey(f"{where} is neither an Ed25519 nor a P-256 key")


def _check_one_encrypted_key(pem: bytes, where: str) -> None:
    blocks = [name.decode() for name in PEM_BLOCK.findall(pem)]
    if len(blocks) > 1:
        raise UnusableKey(f"{where} holds {len(blocks)} PEM blocks, and one key is expected")
    block = blocks[0] if blocks else ""
    if block == "ENCRYPTED PRIVATE KEY":
        return
    if "PRIVATE" in block:
        raise UnusableKey(
            f"{where} is a private key without a passphrase, or in an old format ({block})",
            hint=f"openssl pkcs8 -topk8 -v2 aes-256-cbc -iter {ROUNDS} -in OLD.key -out NEW.key",
        )
    what = "a public key" if "PUBLIC" in block or b'"keyid"' in pem else "no PEM private key"
    raise UnusableKey(f"{where} is {what}, and a private key is expected", hint="name the .key")


def _is_p256(private: object) -> TypeGuard[EllipticCurvePrivateKey]:
    return isinstance(private, EllipticCurvePrivateKey) and private.curve.name == "secp256r1"


def seal(private: PrivateKey, passphrase: str, rounds: int) -> bytes:
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


def _is_whole(pem: bytes) -> bool:
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
