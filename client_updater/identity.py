"""The site's own key: made here, never leaves the site, signs everything that the site says."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner, Signer

from client_updater import durable
from client_updater.errors import StateUnusable
from client_updater.state import read_private
from manifests.envelope import public_hex

KEY_FILE = "site.key"
_MAX_KEY_BYTES = 16 * 1024


@dataclass
class SiteKey:
    """An Ed25519 key, ready to sign. Whoever holds it goes on with the new one when it changes."""

    signer: Signer
    public_hex: str

    def become(self, other: "SiteKey") -> None:
        """Sign with the other one from now on."""
        self.signer, self.public_hex = other.signer, other.public_hex


def load_key(path: Path) -> SiteKey:
    """Read the site's key.

    Raises:
        FileNotFoundError: there is none.
        StateUnusable: not an Ed25519 private key, or readable by others.
    """
    pem = read_private(path, _MAX_KEY_BYTES)
    if path.stat().st_mode & 0o077:
        raise StateUnusable(
            f"others can read {path}, the site's private key",
            hint=f"tell your provider, since it may be copied; then: chmod 600 {path}",
        )
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise StateUnusable(f"{path} is not a private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StateUnusable(f"{path} is not an Ed25519 private key")
    return SiteKey(CryptoSigner(key), public_hex(key.public_key()))


def make_key(path: Path) -> SiteKey:
    """The site's key; a new one only where there is none yet.

    Raises:
        StateUnusable: something else is at ``path``.
        DiskFull, DiskError: it cannot be kept.
    """
    try:
        return load_key(path)
    except FileNotFoundError:
        pem = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        durable.write(path, pem)
        return load_key(path)
