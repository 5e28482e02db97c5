"""A server's home on disk: settings, online keys, the first person; made by ``hsp init``."""

import json
import secrets
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from securesystemslib.signer import SSlibKey

from distribution.errors import Conflict, Misconfigured, Unavailable
from distribution.people import founding
from distribution.people.accounts import checked_name
from distribution.private_files import write_new
from distribution.repository.online_keys import NAMES, NEXT, server_key
from distribution.repository.store_errors import in_server_words
from distribution.settings import SETTINGS_FILE, Settings
from signing.roles import SERVER
from signing.sealed_key import ROUNDS, ROUNDS_FOR_RANDOM
from signing.signers import generate, read_public, write_public

PASSPHRASE_FILE = "passphrase"  # noqa: S105 - a file's name
PROPOSALS = "proposals"


def make_home(
    settings: Settings, passphrase: str, chosen: Mapping[str, str], administrator: str
) -> None:
    """Make the home: ``hsp.toml``, the online keys, their passphrase, the first administrator.

    Keys that the settings place elsewhere exist already; their public halves are fetched first, so
    that one which cannot be reached leaves nothing half-made.

    Args:
        passphrase: of the online keys; empty: a random one is made and kept beside them.
        chosen: settings that differ from their defaults.
        administrator: the name of the first person, who gets a token.

    Raises:
        Conflict: there is a server's home already.
        Invalid: the administrator's name is none.
        Misconfigured: a setting is unknown or wrong, or a key cannot be used.
        Unavailable: the folder cannot be written, or a key's place does not answer.
    """
    if settings.online_keys_folder.exists():
        raise Conflict(
            f"{settings.home} is a server's home already", hint="name another one by --home"
        )
    checked_name(administrator)
    places = settings.model_copy(update=dict(chosen)).online_key_places
    with in_server_words():
        elsewhere = {name: server_key(place, passphrase) for name, place in places.items()}
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        settings.home.chmod(0o700)
        (settings.home / PROPOSALS).mkdir(exist_ok=True)
        _write_settings(settings.home, chosen)
        _make_keys(settings.online_keys_folder, passphrase, elsewhere)
        url = chosen.get("database_url", settings.database_url)
        founded = settings.model_copy(update={"database_url": url})
        founding.found(founded, administrator, datetime.now(UTC))
    except OSError as error:
        raise Unavailable(f"{settings.home} cannot be written: {error.strerror}") from error


def online_public_keys(settings: Settings) -> dict[str, SSlibKey]:
    """The public online keys by their names.

    Raises:
        UnusableKey: one is missing; see ``signing.errors``.
    """
    folder = settings.online_keys_folder
    return {name: read_public(folder / f"{name}.pub") for name in NAMES}


def parse_settings(pairs: Sequence[str]) -> dict[str, str]:
    """``name=value`` pairs as ``hsp init --set`` takes them.

    Raises:
        Misconfigured: not a pair, or no such setting.
    """
    chosen = {pair.partition("=")[0]: pair.partition("=")[2] for pair in pairs}
    known = [name for name in Settings.model_fields if name != "home"]
    for name in chosen:
        if name not in known:
            raise Misconfigured(f"there is no setting {name!r}; there are {', '.join(known)}")
    return chosen


def _write_settings(home: Path, chosen: Mapping[str, str]) -> None:
    file = home / SETTINGS_FILE
    if file.exists() and not chosen:
        return  # an operator wrote it before
    lines = ["# Settings of this server. The environment's HSP_<NAME> wins over this file.", ""]
    for name, field in Settings.model_fields.items():
        if name in chosen:
            lines.append(f"{name} = {_toml(chosen[name])}")
        elif name != "home":
            lines.append(f"# {name} = {json.dumps(field.default)}")
    before = file.read_bytes() if file.exists() else None
    file.write_text("\n".join(lines) + "\n", "utf-8")
    try:
        Settings.load(home)
    except Misconfigured:
        file.unlink() if before is None else file.write_bytes(before)
        raise


def _toml(value: str) -> str:
    try:
        return str(json.loads(value)) if value[:1].isdigit() else json.dumps(value)
    except ValueError:
        return json.dumps(value)


def make_next_keys(settings: Settings, passphrase: str) -> dict[str, SSlibKey]:
    """Make the online keys that come next, beside those in use; the same ones when asked again.

    Args:
        passphrase: of the online keys, as it is in use.

    Raises:
        Misconfigured: a place that the settings name cannot be used.
        Unavailable: the folder cannot be written, or a key's place does not answer.
    """
    folder = settings.online_keys_folder / NEXT
    places = settings.next_online_key_places
    with in_server_words():
        elsewhere = {name: server_key(place, passphrase) for name, place in places.items()}
        if not folder.exists():
            unfinished = folder.with_name(f".{NEXT}")
            try:
                shutil.rmtree(unfinished, ignore_errors=True)
                _make_keys(unfinished, passphrase, elsewhere)
                unfinished.rename(folder)
            except OSError as error:
                raise Unavailable(f"{folder} cannot be written: {error.strerror}") from error
        return {name: read_public(folder / f"{name}.pub") for name in NAMES}


def take_next_keys(settings: Settings) -> None:
    """Put the next keys in the place of those that were in use, which are destroyed.

    Raises:
        Unavailable: the folder cannot be written.
    """
    folder = settings.online_keys_folder
    try:
        for file in sorted((folder / NEXT).iterdir()):
            file.replace(folder / file.name)
        (folder / NEXT).rmdir()
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written: {error.strerror}") from error


def _make_keys(folder: Path, passphrase: str, elsewhere: Mapping[str, SSlibKey]) -> None:
    folder.mkdir(parents=True, mode=0o700)
    for name, key in elsewhere.items():
        write_public(folder / f"{name}.pub", key)
    in_files = [name for name in NAMES if name not in elsewhere]
    rounds = ROUNDS
    if in_files and not passphrase:
        passphrase, rounds = secrets.token_urlsafe(32), ROUNDS_FOR_RANDOM
        write_new(folder / PASSPHRASE_FILE, passphrase)
    for name in in_files:
        generate(name, folder, passphrase, person=SERVER, rounds=rounds)
