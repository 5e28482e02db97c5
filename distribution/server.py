"""Everything that a running server, or a command beside it, holds open."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from distribution.database.sessions import Database
from distribution.errors import Misconfigured
from distribution.repository.bucket import open_store
from distribution.repository.online_keys import OnlineKeys, load_online_keys, no_online_keys
from distribution.settings import Settings
from signing.store import Store

PASSPHRASE_VARIABLE = "HSP_ONLINE_PASSPHRASE"  # noqa: S105 - a variable's name
PASSPHRASE_FILE_VARIABLE = f"{PASSPHRASE_VARIABLE}_FILE"


def utc_now() -> datetime:
    """The time; tests bring their own."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Server:
    """The settings, the database, the repository's store and the online keys."""

    settings: Settings
    database: Database
    store: Store
    online: OnlineKeys
    clock: Callable[[], datetime] = field(default=utc_now)

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open what the settings name.

        Raises:
            Misconfigured: no home, no keys, or a setting is wrong.
            Unavailable: the database does not answer.
        """
        database = Database.open(settings)
        keys = open_online_keys(settings)
        return cls(settings, database, open_store(settings), keys)


def open_online_keys(settings: Settings) -> OnlineKeys:
    """The keys that the server signs with, wherever the settings say that they live; none where
    the settings say that it is an API only.

    Raises:
        Misconfigured: a key is missing, too open, or does not open.
        Unavailable: a key's token is not there now.
    """
    if settings.api_only:
        return no_online_keys()
    return load_online_keys(
        settings.online_keys_folder,
        online_passphrase(settings),
        settings.online_key_places,
        settings.next_online_key_places,
    )


def online_passphrase(settings: Settings) -> str:
    """The passphrase of the online keys: from the environment, else from its file.

    Raises:
        Misconfigured: there is neither, and a key is a file.
    """
    given = given_passphrase()
    if given is not None:
        return given
    folder = settings.online_keys_folder
    if folder.exists() and not any(folder.rglob("*.key")):
        return ""  # they all live elsewhere
    file = folder / "passphrase"
    try:
        return file.read_text("utf-8").rstrip("\n")
    except OSError as error:
        raise Misconfigured(
            f"no passphrase for the server's keys: {file}: {error.strerror}",
            hint=f"set {PASSPHRASE_VARIABLE}, or run 'hsp init' for a new server",
        ) from error


def given_passphrase() -> str | None:
    """What the environment says, or the file that it names, as service managers hand secrets over.

    Raises:
        Misconfigured: it names a file that cannot be read.
    """
    file = os.environ.get(PASSPHRASE_FILE_VARIABLE)
    if PASSPHRASE_VARIABLE in os.environ or not file:
        return os.environ.get(PASSPHRASE_VARIABLE)
    try:
        return Path(file).read_text("utf-8").rstrip("\n")
    except OSError as error:
        hint = f"{PASSPHRASE_FILE_VARIABLE} names the file with the passphrase of the keys"
        raise Misconfigured(f"{file}: {error.strerror}", hint=hint) from error
