"""Key pairs in files: PKCS#8 PEM, always encrypted, mode 0600, beside a public ``<name>.pub`` in
JSON; and the same PEM in an environment variable, for build machines.

A refusal writes nothing.
"""

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict
from securesystemslib.signer import CryptoSigner, SSlibKey

from manifests.documents import parse_json, to_json, validated
from manifests.errors import ManifestError
from signing.errors import AlreadyThere, LooseKeyFile, SigningError, UnusableKey, WrongPassphrase
from signing.keepers import ED25519, P256
from signing.roles import key_of_person, person_of
from signing.sealed_key import PEM_BLOCK, ROUNDS, PrivateKey, seal, unseal

MAX_KEY_FILE_BYTES = 64 * 1024


class _PublicFile(BaseModel):
    """What a ``.pub`` file holds."""

    model_config = ConfigDict(frozen=True)

    person: str
    keyid: str
    key: dict[str, object]


class OpenedKey:
    """A private key that was decrypted into this process."""

    def __init__(self, private: PrivateKey) -> None:
        self._private = private

    def public(self) -> SSlibKey:
        """See ``Keeper.public``."""
        return SSlibKey.from_crypto(self._private.public_key())

    def signer(self, key: SSlibKey) -> CryptoSigner:
        """See ``Keeper.signer``."""
        return CryptoSigner(self._private, key)


def open_file(file: Path, passphrase: str) -> OpenedKey:
    """Open a private key file.

    Raises:
        LooseKeyFile: others may read the file.
        UnusableKey: it is not one encrypted private key.
        WrongPassphrase: it does not open.
    """
    content = _read(file)
    mode = stat.S_IMODE(file.stat().st_mode)
    if b"PRIVATE KEY-----" in content and mode & 0o077:
        raise LooseKeyFile(
            f"{file} has mode {mode:04o}: other users may read the key, 0600 is expected",
            hint=f"if nobody else uses this machine: chmod 600 {file}; if unsure, make a new key",
        )
    return OpenedKey(unseal(content, passphrase, str(file)))


def open_variable(name: str, passphrase: str) -> OpenedKey:
    """Open the private key whose PEM an environment variable holds.

    Raises:
        UnusableKey: there is no such variable, or it is not one encrypted private key.
        WrongPassphrase: it does not open.
    """
    content = os.environ.get(name, "")
    if not content:
        raise UnusableKey(
            f"there is no environment variable {name!r}, and it should hold a private key",
            hint=f'put the whole .key file into it: {name}="$(cat NAME.key)"',
        )
    return OpenedKey(unseal(content.encode(), passphrase, f"the variable {name}"))


# --- making a pair


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
    private = new_key(scheme)
    public = key_of_person(SSlibKey.from_crypto(private.public_key()), person or name)
    key_file, public_file = folder / f"{name}.key", folder / f"{name}.pub"
    for file in (key_file, public_file):
        refuse_existing(file)
    _write(key_file, seal(private, passphrase, rounds), 0o600)
    write_public(public_file, public)
    return key_file, public_file


def new_key(scheme: str) -> PrivateKey:
    """A private key that nobody has yet."""
    return generate_private_key(SECP256R1()) if scheme == P256 else Ed25519PrivateKey.generate()


def refuse_existing(file: Path) -> None:
    """Say before any work that a key would be overwritten.

    Raises:
        AlreadyThere: it would.
    """
    if file.exists():
        raise AlreadyThere(f"{file} exists already, and a key is never overwritten")


def write_public(file: Path, key: SSlibKey) -> None:
    """Write a ``.pub`` file.

    Raises:
        AlreadyThere: the file exists.
    """
    plain = {"person": person_of(key), "keyid": key.keyid, "key": key.to_dict()}
    _write(file, to_json(plain) + b"\n", 0o644)


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


# --- reading


def read_public(file: Path) -> SSlibKey:
    """A public key, with its owner's name inside.

    Raises:
        UnusableKey: not a public key file, or one that contradicts itself.
    """
    content = _read(file)
    if PEM_BLOCK.match(content):
        raise UnusableKey(
            f"{file} is a private key or a certificate, and a public key is wanted",
            hint="hsp-sign keygen wrote the public one beside it, ending in .pub",
        )
    try:
        said = validated(_PublicFile, parse_json(content, str(file)), strict=False)
        claimed = SSlibKey.from_dict(said.keyid, dict(said.key))
        key = key_of_person(claimed, said.person)
    except (ManifestError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnusableKey(f"{file} is not a public key file as hsp-sign writes it") from error
    if (key.keyid, key.to_dict()) != (said.keyid, dict(said.key)):
        raise UnusableKey(f"{file}: its person, key and keyid do not belong together")
    return key


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_KEY_FILE_BYTES:
            raise UnusableKey(f"{file} is too large to be a key")
        return file.read_bytes()
    except OSError as error:
        raise UnusableKey(f"{file} cannot be read: {error.strerror}") from error
