"""Where keys live. Only this module knows: everybody else holds a ``Signer`` or a public key.

Now: PKCS#8 PEM files, always encrypted, mode 0600, beside a public ``<name>.pub`` in JSON. A
refusal writes nothing.
"""

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TypeGuard

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import BaseModel, ConfigDict
from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey

from manifests.documents import parse_json, to_json, validated
from manifests.errors import ManifestError
from signing.errors import (
    AlreadyThere,
    LooseKeyFile,
    SigningError,
    UnusableKeyFile,
    WrongKey,
    WrongPassphrase,
)
from signing.roles import key_of_person, person_of
from signing.sealed_key import ROUNDS, is_whole, seal

ED25519, P256 = "ed25519", "ecdsa-p256"
SCHEMES = (ED25519, P256)
MAX_KEY_FILE_BYTES = 64 * 1024

_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


class _PublicFile(BaseModel):
    """What a ``.pub`` file holds."""

    model_config = ConfigDict(frozen=True)

    person: str
    keyid: str
    key: dict[str, object]


def generate(
    name: str,
    folder: Path,
    passphrase: str,
    *,
    person: str = "",
    scheme: str = ED25519,
    rounds: int = ROUNDS,
) -> tuple[Path, Path]:
    """Make a key pair: ``<name>.key`` (encrypted, 0600) and ``<name>.pub``, of ``person``.

    Raises:
        AlreadyThere: one of the files exists.
        WrongPassphrase: an empty passphrase.
    """
    if not passphrase:
        raise WrongPassphrase("a private key is never stored without a passphrase")
    private = _new_key(scheme)
    public = key_of_person(SSlibKey.from_crypto(private.public_key()), person or name)
    key_file, public_file = folder / f"{name}.key", folder / f"{name}.pub"
    for file in (key_file, public_file):
        if file.exists():
            raise AlreadyThere(f"{file} exists already, and a key is never overwritten")
    _write(key_file, seal(private, passphrase, rounds), 0o600)
    _write(public_file, public_bytes(public), 0o644)
    return key_file, public_file


def _new_key(scheme: str) -> PrivateKey:
    if scheme == P256:
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def _write(file: Path, content: bytes, mode: int) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
    except FileExistsError as error:
        raise AlreadyThere(f"{file} exists already, and a key is never overwritten") from error
    except OSError as error:
        raise SigningError(f"{file} cannot be written: {error.strerror}") from error


def public_bytes(key: SSlibKey) -> bytes:
    """What goes into a ``.pub`` file."""
    plain = {"person": person_of(key), "keyid": key.keyid, "key": key.to_dict()}
    return to_json(plain) + b"\n"


def read_public(file: Path) -> SSlibKey:
    """A public key, with its owner's name inside.

    Raises:
        UnusableKeyFile: not a public key file, or one that contradicts itself.
    """
    content = _read(file)
    if _PEM_BLOCK.match(content):
        raise UnusableKeyFile(
            f"{file} is a private key or a certificate, and a public key is wanted",
            hint="hsp-sign keygen wrote the public one beside it, ending in .pub",
        )
    try:
        said = validated(_PublicFile, parse_json(content, str(file)), strict=False)
        claimed = SSlibKey.from_dict(said.keyid, dict(said.key))
        key = key_of_person(claimed, said.person)
    except (ManifestError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnusableKeyFile(f"{file} is not a public key file as hsp-sign writes it") from error
    if (key.keyid, key.to_dict()) != (said.keyid, dict(said.key)):
        raise UnusableKeyFile(f"{file}: its person, key and keyid do not belong together")
    return key


def signer_for(file: Path, candidates: Iterable[Key], passphrase: str) -> Signer:
    """Open a private key, as that one of the public keys ``candidates`` that it belongs to.

    Raises:
        LooseKeyFile: others may read the file.
        UnusableKeyFile: it is not one encrypted private key.
        WrongPassphrase: it does not open.
        WrongKey: it is none of the candidates.
    """
    private = _open(file, passphrase)
    value = SSlibKey.from_crypto(private.public_key()).keyval
    wanted = list(candidates)
    for key in wanted:
        if isinstance(key, SSlibKey) and key.keyval == value:
            return CryptoSigner(private, key)
    people = ", ".join(dict.fromkeys(person_of(key) for key in wanted)) or "nobody"
    raise WrongKey(
        f"{file} may not sign this: it is no key of {people}",
        hint="sign with a key of one of them",
    )


def _open(file: Path, passphrase: str) -> PrivateKey:
    content = _read(file)
    _check_one_encrypted_key(file, content)
    _check_mode(file)
    if not passphrase:
        raise WrongPassphrase(f"{file} is encrypted, and no passphrase was given", hint=_HOW)
    try:
        private = load_pem_private_key(content, passphrase.encode())
    except UnsupportedAlgorithm as error:
        raise UnusableKeyFile(f"{file} is encrypted in a way we cannot read") from error
    except (ValueError, TypeError) as error:
        # One wrong passphrase in 256 decrypts to good padding and nonsense behind it: cryptography
        # then says what is wrong with the nonsense, so only the outside tells damage apart.
        if is_whole(content):
            raise WrongPassphrase(f"the passphrase does not open {file}", hint=_HOW) from error
        raise UnusableKeyFile(f"{file} is damaged: it is not a PKCS#8 private key") from error
    if isinstance(private, ed25519.Ed25519PrivateKey) or _is_p256(private):
        return private
    raise UnusableKeyFile(f"{file} is neither an Ed25519 nor a P-256 key")


_HOW = "give it by --passphrase-file, in HSP_PASSPHRASE, or at the prompt"


def _is_p256(private: object) -> TypeGuard[ec.EllipticCurvePrivateKey]:
    return isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name == "secp256r1"


def _check_mode(file: Path) -> None:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        raise LooseKeyFile(
            f"{file} has mode {mode:04o}: other users may read the key, 0600 is expected",
            hint=f"if nobody else uses this machine: chmod 600 {file}; if unsure, make a new key",
        )


def _check_one_encrypted_key(file: Path, content: bytes) -> None:
    blocks = [name.decode() for name in _PEM_BLOCK.findall(content)]
    if len(blocks) > 1:
        raise UnusableKeyFile(f"{file} holds {len(blocks)} PEM blocks, and one key is expected")
    block = blocks[0] if blocks else ""
    if block == "ENCRYPTED PRIVATE KEY":
        return
    if "PRIVATE" in block:
        raise UnusableKeyFile(
            f"{file} is a private key without a passphrase, or in an old format ({block})",
            hint=f"openssl pkcs8 -topk8 -v2 aes-256-cbc -iter {ROUNDS} -in {file} -out NEW.key",
        )
    what = "a public key" if "PUBLIC" in block or b'"keyid"' in content else "no PEM private key"
    raise UnusableKeyFile(f"{file} is {what}, and a private key is expected", hint="name the .key")


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_KEY_FILE_BYTES:
            raise UnusableKeyFile(f"{file} is too large to be a key")
        return file.read_bytes()
    except OSError as error:
        raise UnusableKeyFile(f"{file} cannot be read: {error.strerror}") from error
