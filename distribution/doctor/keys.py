"""The keys that the server signs with, and the files that hold secrets."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from distribution.audit import keys as audit_keys
from distribution.doctor import owners
from distribution.doctor.findings import Context, Finding, broken, warning
from distribution.errors import DistributionError, NotFound
from distribution.repository.online_keys import require_online_keys, server_key
from distribution.repository.store_errors import in_server_words
from distribution.server import PASSPHRASE_VARIABLE, online_passphrase, open_online_keys
from distribution.settings import LOOPBACK, Settings
from signing.errors import SigningError
from signing.signers import read_public
from signing.update_repository import Repository

_GROUP, _OTHERS = 0o070, 0o007


def modes(context: Context) -> Iterator[Finding]:
    """Private files are read by the server alone; ``owners`` looks whose those in the home are."""
    settings = context.settings
    home = settings.home
    for path in [home, *(path for path in _private(settings) if path.exists())]:
        found = path.stat()
        mode = stat.S_IMODE(found.st_mode)
        if mode & (_OTHERS if _is_for_both(path, home) else _OTHERS | _GROUP):
            wanted = "700" if path.is_dir() else "600"
            says = f"{path} has mode {mode:04o}: others on this machine can read or change it"
            mend = f"chmod {wanted} {path}; if others were on this machine, replace what is in it"
            yield broken("keys.modes", says, mend)
        if not path.is_relative_to(home) and found.st_uid not in (home.stat().st_uid, 0):
            says = f"{path} belongs to user {found.st_uid}, and not to the server's"
            yield broken("keys.modes", says, f"chown {home.stat().st_uid} {path}")


def _is_for_both(path: Path, home: Path) -> bool:
    """Whether the two users of a shared home may both work with it; keys are the signer's alone."""
    is_ours = owners.is_shared(home) and path.is_relative_to(home)
    of_both = path.is_dir() or path.parent == home / "notify"
    return is_ours and of_both and path != home / "keys" / "online"


def _private(settings: Settings) -> Iterator[Path]:
    yield from (path for path in (settings.home / "keys").rglob("*") if path.suffix != ".pub")
    yield from (settings.home / "notify").glob("*")
    yield settings.staff_token_file
    yield from (Path(name) for name in _secret_files(settings).values())


def _secret_files(settings: Settings) -> dict[str, str]:
    named = {
        "smtp_password_file": settings.smtp_password_file,
        "oidc_client_secret_file": settings.oidc_client_secret_file,
    }
    return {name: path for name, path in named.items() if path}


def secret_files(context: Context) -> Iterator[Finding]:
    """Files that the settings name are there."""
    for name, path in _secret_files(context.settings).items():
        if not os.access(path, os.R_OK):
            says = f"{name} names {path}, which is not there or cannot be read"
            yield broken("keys.secret_files", says, "put the secret there, mode 0600")


def passphrase(context: Context) -> Iterator[Finding]:
    """Whoever copies the home of a server that others reach should not have its keys thereby."""
    settings = context.settings
    if _is_local(settings):
        return
    for folder in (settings.online_keys_folder, settings.audit_keys_folder):
        file = folder / "passphrase"
        if file.exists() and any(folder.rglob("*.key")):
            says = f"{file} lies beside the keys that it opens"
            mend = f"place keys in KMS (docs/keys.md), or give {PASSPHRASE_VARIABLE} and remove it"
            yield warning("keys.passphrase", says, mend)


def _is_local(settings: Settings) -> bool:
    return any(f"//{name}" in settings.public_url for name in LOOPBACK)


def first_token(context: Context) -> Iterator[Finding]:
    """The first administrator's token was for the first day."""
    file = context.settings.staff_token_file
    if file.exists() and not _is_local(context.settings):
        says = f"the first administrator's token is still in {file}"
        yield warning("keys.first_token", says, "give people their own accounts, then remove it")


def online(context: Context) -> Iterator[Finding]:
    """They open, wherever they live, and the repository lists them."""
    if context.settings.api_only:
        return
    try:
        with in_server_words():
            yield from _elsewhere(context.settings)
            keys = open_online_keys(context.settings)
            repository = Repository.read(context.store)
        require_online_keys(repository.root, keys)
    except NotFound as error:
        yield warning("keys.online", error.message, "publish the first proposal")
    except DistributionError as error:
        mend = error.hint or "docs/keys.md says what each message means"
        yield broken("keys.online", error.message, mend)


def _elsewhere(settings: Settings) -> Iterator[Finding]:
    """Those in KMS or on a token: each signs something, and is the one that we know."""
    for name, place in settings.online_key_places.items():
        found = server_key(place, online_passphrase(settings))
        if found.keyid != read_public(settings.online_keys_folder / f"{name}.pub").keyid:
            says = f"{name}_key names another key than the one in keys/online/{name}.pub"
            mend = "name the right one, or rotate the keys: hsp drill planned-rotation"
            yield broken("keys.online", says, mend)


def audit(context: Context) -> Iterator[Finding]:
    """The log's own key signs."""
    settings = context.settings
    if settings.api_only or not audit_keys.is_made(settings):
        return
    try:
        audit_keys.signer(settings).sign(b"hsp doctor: can this key sign?")
    except (DistributionError, SigningError) as error:
        mend = error.hint or "give it its passphrase, or compare audit_key with docs/keys.md"
        yield broken("keys.audit", f"the audit log's key: {error.message}", mend)


CHECKS = (
    ("keys.modes", modes),
    ("keys.secret_files", secret_files),
    ("keys.passphrase", passphrase),
    ("keys.first_token", first_token),
    ("keys.online", online),
    ("keys.audit", audit),
)
