"""The server's own keys: they say when, never what."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from securesystemslib.signer import Signer
from tuf.api.metadata import Root

from distribution.errors import Misconfigured
from signing.errors import SigningError
from signing.roles import SNAPSHOT, TIMESTAMP, signatories
from signing.signers import read_public, signer_for

ROLLOUTS_KEY = "rollouts"
NAMES = (SNAPSHOT, TIMESTAMP, ROLLOUTS_KEY)


@dataclass(frozen=True)
class OnlineKeys:
    """One key for each thing that the server signs by itself."""

    snapshot: Signer
    timestamp: Signer
    rollouts: Signer


def load_online_keys(folder: Path, passphrase: str) -> OnlineKeys:
    """Open the server's keys.

    Raises:
        Misconfigured: a key file is missing, too open, or does not open.
    """
    try:
        return OnlineKeys(*_signers(folder, passphrase))
    except SigningError as error:
        hint = error.hint or "hsp init makes the server's keys"
        raise Misconfigured(f"the server's keys: {error.message}", hint=hint) from error


def _signers(folder: Path, passphrase: str) -> Iterator[Signer]:
    for name in NAMES:
        public = read_public(folder / f"{name}.pub")
        yield signer_for(folder / f"{name}.key", [public], passphrase)


def require_online_keys(root: Root, online: OnlineKeys) -> None:
    """Refuse keys that the repository does not know, before anything is written.

    Raises:
        Misconfigured: the root names other keys.
    """
    for role, signer in ((SNAPSHOT, online.snapshot), (TIMESTAMP, online.timestamp)):
        known = [key.keyid for key in signatories(root, role).keys]
        if signer.public_key.keyid not in known:
            raise Misconfigured(
                f"this server's {role} key is not the one that root {root.version} names",
                hint="use the home that the repository was made with, or rotate the key",
            )
