"""The key that signs checkpoints: the log's own, which no role of the repository lists.

So whoever steals it cannot touch an update, and no rotation of the repository's keys touches the
log. It is made when it is first needed. Its public half is for auditors (``hsp audit key``); those
of earlier keys stay beside it, under any name that ends in ``.pub``.
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from securesystemslib.signer import Key, Signer

from distribution.errors import Unavailable
from distribution.private_files import write_over
from distribution.repository.online_keys import server_key
from distribution.repository.store_errors import in_server_words
from distribution.server import given_passphrase
from distribution.settings import Settings
from signing.roles import SERVER
from signing.sealed_key import ROUNDS, ROUNDS_FOR_RANDOM
from signing.signers import (
    PIN,
    VARIABLES,
    generate,
    read_public,
    secret_of,
    signer_for,
    write_public,
)

NAME = "audit"


def is_made(settings: Settings) -> bool:
    """Whether there is a key already."""
    return _public_file(settings).exists()


def make(settings: Settings) -> Key:
    """Make the key, or fetch the public half of one that the settings place elsewhere.

    Raises:
        Misconfigured: the place cannot be used.
        Unavailable: it does not answer, or the folder cannot be written.
    """
    folder = settings.audit_keys_folder
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with in_server_words():
            if settings.audit_key:
                key = server_key(settings.audit_key, _secret(settings))
                write_public(_public_file(settings), key)
            else:
                (folder / f"{NAME}.key").unlink(missing_ok=True)  # half made, and never used
                rounds = _make_passphrase(folder)
                generate(NAME, folder, _passphrase(folder), person=SERVER, rounds=rounds)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written: {error.strerror}") from error
    return read_public(_public_file(settings))


def signer(settings: Settings) -> Signer:
    """What signs checkpoints.

    Raises:
        Misconfigured: the key cannot be used.
        Unavailable: its place does not answer.
    """
    where = settings.audit_key or settings.audit_keys_folder / f"{NAME}.key"
    with in_server_words():
        public = read_public(_public_file(settings))
        return signer_for(where, [public], _secret(settings))


def known(settings: Settings) -> Sequence[Key]:
    """The public halves of this log's keys, of the present one and of those before it.

    Raises:
        SigningError: a file there is none.
    """
    return [read_public(file) for file in sorted(settings.audit_keys_folder.glob("*.pub"))]


def _public_file(settings: Settings) -> Path:
    return settings.audit_keys_folder / f"{NAME}.pub"


def _secret(settings: Settings) -> str:
    if settings.audit_key and secret_of(settings.audit_key) == PIN:
        return os.environ.get(VARIABLES[PIN], "")
    return _passphrase(settings.audit_keys_folder)


def _make_passphrase(folder: Path) -> int:
    """A random one beside the key, unless the environment has one; how hard to stretch it."""
    if given_passphrase() is not None:
        return ROUNDS
    write_over(folder / "passphrase", secrets.token_urlsafe(32))
    return ROUNDS_FOR_RANDOM


def _passphrase(folder: Path) -> str:
    """That of the key's making: the random one, or else the environment's."""
    file = folder / "passphrase"
    if file.exists():
        return file.read_text("utf-8").strip()
    return given_passphrase() or ""
