"""The server's own keys: they say when, never what."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from securesystemslib.signer import Signer, SSlibKey
from tuf.api.metadata import Root

from distribution.errors import Misconfigured, Unavailable
from signing.errors import KeyUnavailable, SigningError
from signing.roles import SERVER, SNAPSHOT, TIMESTAMP, Signatories, signatories
from signing.signers import PIN, VARIABLES, public_key, read_public, secret_of, signer_for

ROLLOUTS_KEY = "rollouts"
NAMES = (SNAPSHOT, TIMESTAMP, ROLLOUTS_KEY)
NEXT = "next"
"""The folder of the keys that come next."""
_NOWHERE_ELSE: Mapping[str, str] = {}


class Generation(NamedTuple):
    """One key for each thing that the server signs by itself."""

    snapshot: Signer
    timestamp: Signer
    rollouts: Signer


@dataclass
class OnlineKeys:
    """The keys in use and, while they are being rotated, those that come next.

    The repository says which of them sign: those that a role lists. A running server reads its keys
    again when a role lists one that it does not know.

    Attributes:
        reread: reads all generations from where they live.
    """

    generations: tuple[Generation, ...]
    reread: Callable[[], tuple[Generation, ...]]

    @property
    def are_elsewhere(self) -> bool:
        """Whether other processes sign, and this one has no key at all."""
        return not self.generations

    def signer(self, name: str, holders: Signatories) -> Signer:
        """The key of ours that signs for a role: of several, the one that was listed last.

        Args, Raises: as ``signers``.
        """
        return self.signers(name, holders)[0]

    def signers(self, name: str, holders: Signatories) -> tuple[Signer, ...]:
        """All keys of ours that a role lists, the last one first. Each of them signs.

        While keys are being rotated, a client in the middle of its poll has the root before, which
        lists the old one alone.

        Args:
            name: which key: one of ``NAMES``.
            holders: those that the repository lists for the role.

        Raises:
            Misconfigured: none of ours is listed, or there are none here.
            Unavailable: a key's token is not there now.
        """
        if self.are_elsewhere:
            raise Misconfigured(
                "this process signs nothing: its setting api_only says so",
                hint="run it where 'hsp schedule' runs, with that one's settings and keys",
            )
        if holders.keys and holders.keys[-1].keyid not in self._known(name):
            self.generations = self.reread()
        known = self._known(name)
        found = [known[key.keyid] for key in reversed(holders.keys) if key.keyid in known]
        if found:
            return tuple(found)
        raise Misconfigured(
            f"this server's {name} key is not one that the repository lists for {holders.role}",
            hint="use the home that the repository was made with, or rotate the keys: hsp drill",
        )

    def _known(self, name: str) -> dict[str, Signer]:
        signers = [getattr(generation, name) for generation in self.generations]
        return {signer.public_key.keyid: signer for signer in signers}


def no_online_keys() -> OnlineKeys:
    """Of a process that must not sign."""
    return OnlineKeys((), lambda: ())


def load_online_keys(
    folder: Path,
    passphrase: str,
    places: Mapping[str, str] = _NOWHERE_ELSE,
    next_places: Mapping[str, str] = _NOWHERE_ELSE,
) -> OnlineKeys:
    """Open the server's keys.

    Args:
        folder: their public halves, and the encrypted files of those that are files; below it
            ``next``, while they are being rotated.
        places: where the others live, as ``signing.signers`` reads it.
        next_places: the same of the next ones.

    Raises:
        Misconfigured: a key is missing, too open, or does not open.
        Unavailable: a key's token is not there now.
    """

    def read() -> tuple[Generation, ...]:
        found = [_generation(folder, passphrase, places)]
        if (folder / NEXT).exists():
            found.append(_generation(folder / NEXT, passphrase, next_places))
        return tuple(found)

    return OnlineKeys(read(), read)


def _generation(folder: Path, passphrase: str, places: Mapping[str, str]) -> Generation:
    try:
        return Generation(*_signers(folder, passphrase, places))
    except KeyUnavailable as error:
        raise Unavailable(f"the server's keys: {error.message}", hint=error.hint) from error
    except SigningError as error:
        hint = error.hint or "hsp init makes the server's keys"
        raise Misconfigured(f"the server's keys: {error.message}", hint=hint) from error


def _signers(folder: Path, passphrase: str, places: Mapping[str, str]) -> Iterator[Signer]:
    for name in NAMES:
        public = read_public(folder / f"{name}.pub")
        where = places.get(name) or folder / f"{name}.key"
        yield signer_for(where, [public], _secret(where, passphrase))


def server_key(where: str, passphrase: str) -> SSlibKey:
    """The public half of a key that exists, as the server's; it has shown that it signs for us.

    Raises:
        SigningError: see ``signing.signers.signer_for``.
    """
    secret = _secret(where, passphrase)
    key = public_key(where, SERVER, secret)
    signer_for(where, [key], secret).sign(b"May the server sign with this key?")
    return key


def _secret(where: Path | str, passphrase: str) -> str:
    """A token's PIN is not the passphrase of the files, unless nothing else is said."""
    return os.environ.get(VARIABLES[PIN], passphrase) if secret_of(where) == PIN else passphrase


def require_online_keys(root: Root, online: OnlineKeys) -> None:
    """Refuse keys that the repository does not know, before anything is written.

    Raises:
        Misconfigured: the root names other keys.
    """
    for role in (SNAPSHOT, TIMESTAMP):
        online.signer(role, signatories(root, role))
