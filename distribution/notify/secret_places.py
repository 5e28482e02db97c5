"""Where a channel's secret is: a private file in the home, a file of the operator's, a variable.

The database knows the place and never the secret. ``file:`` and ``env:`` are for whoever is at the
server's machine: over the API they would let somebody read the server's files.
"""

import os
import secrets
from pathlib import Path

from distribution.errors import Invalid, Misconfigured, Unavailable
from distribution.private_files import write_new
from distribution.settings import Settings

FOLDER = "notify"
MAX_BYTES = 4096

HOME, FILE, ENV = "home:", "file:", "env:"


def keep(settings: Settings, secret: str) -> str:
    """Write a secret into the home; its place.

    Raises:
        Unavailable: the home cannot be written.
    """
    folder, name = settings.home / FOLDER, secrets.token_hex(12)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        write_new(folder / name, secret)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written: {error.strerror}") from error
    return HOME + name


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


def read(settings: Settings, place: str) -> str:
    """The secret.

    Raises:
        Misconfigured: it is not where it should be, or is no line of text.
    """
    if place.startswith(ENV):
        found = os.environ.get(place.removeprefix(ENV), "")
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
