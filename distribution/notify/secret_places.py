"""Where a channel's secret is: a private file in the home, a file of the operator's, a variable; or
beside its channel in the database, sealed by a key that several servers share.

The database never knows the secret. ``file:`` and ``env:`` are for whoever is at the server's
machine: over the API they would let somebody read the server's files.
"""

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from cryptography.fernet import Fernet, InvalidToken

from distribution.errors import Invalid, Misconfigured, Unavailable
from distribution.private_files import write_new
from distribution.settings import Settings

FOLDER = "notify"
MAX_BYTES = 4096

HOME, FILE, ENV, SEALED = "home:", "file:", "env:", "sealed:"

_SHORTEST_KEY = 32


class Kept(NamedTuple):
    """Where a secret is, and what must be kept with that: empty but for a sealed one."""

    place: str
    sealed: str = ""


def keep(settings: Settings, secret: str) -> Kept:
    """Seal a secret if the servers share a key, else write it into the home.

    Raises:
        Misconfigured: the shared key cannot be used.
        Unavailable: the home cannot be written.
    """
    if settings.secrets_key:
        name, seal = _shared(settings)
        return Kept(SEALED + name, seal.encrypt(secret.encode()).decode())
    folder, name = settings.home / FOLDER, secrets.token_hex(12)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        write_new(folder / name, secret)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written: {error.strerror}") from error
    return Kept(HOME + name)


def _shared(settings: Settings) -> tuple[str, Fernet]:
    """The key that all servers have, and a name that tells it from another one."""
    line = read(settings, Kept(settings.secrets_key)).encode()
    if len(line) < _SHORTEST_KEY:
        raise Misconfigured(
            f"the line at {settings.secrets_key} is too short for a key",
            hint="let 'openssl rand -base64 33' make it",
        )
    name = hashlib.sha256(b"name of " + line).hexdigest()[:8]
    return name, Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"key of " + line).digest()))


def _opened(settings: Settings, kept: Kept) -> str:
    try:
        name, seal = _shared(settings) if settings.secrets_key else ("none", None)
        if seal and kept.place == SEALED + name:
            return seal.decrypt(kept.sealed).decode()
    except InvalidToken as error:
        raise Misconfigured(
            "a sealed secret was changed: remove its channel, and add it anew"
        ) from error
    raise Misconfigured(
        f"a secret was sealed by key {kept.place.removeprefix(SEALED)}, and secrets_key is {name}",
        hint="give every server the same secrets_key",
    )


def forget(settings: Settings, place: str) -> None:
    """Remove a secret from the home; one that is elsewhere stays there."""
    if place.startswith(HOME):
        (settings.home / FOLDER / place.removeprefix(HOME)).unlink(missing_ok=True)


def checked(place: str) -> str:
    """A place as an operator names it.

    Raises:
        Invalid: it is none.
    """
    if place.startswith(FILE) and Path(place.removeprefix(FILE)).is_absolute():
        return place
    if place.startswith(ENV) and place.removeprefix(ENV).isidentifier():
        return place
    raise Invalid(
        f"{place[:60]!r} is no place of a secret",
        hint="write file:/an/absolute/path or env:A_VARIABLE",
    )


def read(settings: Settings, kept: Kept) -> str:
    """The secret.

    Raises:
        Misconfigured: it is not where it should be, or is no line of text.
    """
    place = kept.place
    if place.startswith(ENV):
        found = os.environ.get(place.removeprefix(ENV), "")
    elif place.startswith(SEALED):
        found = _opened(settings, kept)
    else:
        found = _of_file(settings, place)
    line = found.strip()
    if not line or len(line) > MAX_BYTES or not line.isprintable():
        raise Misconfigured(f"there is no secret at {place}: it should be one line of text")
    return line


def _of_file(settings: Settings, place: str) -> str:
    if place.startswith(HOME):
        file = settings.home / FOLDER / place.removeprefix(HOME)
    else:
        file = Path(place.removeprefix(FILE))
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 2).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise Misconfigured(f"the secret at {place} cannot be read: {why}") from error
