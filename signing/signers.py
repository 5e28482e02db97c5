"""Where keys live. Only this module knows: everybody else holds a ``Signer`` or a public key.

A key is named everywhere in the same way:

    keys/ani.key                          an encrypted file (see ``key_files``)
    pkcs11:token=officers;object=ani      on a token (see ``pkcs11_uri``, ``pkcs11_keys``)
    awskms:alias/hsp-timestamp            in AWS KMS (see ``kms_keys``)
    env:RELEASE_KEY                       an encrypted PEM in a variable, for build machines

The libraries of tokens and of AWS are imported when such a key is named, and not before: an
officer's machine installs the one it needs, or none.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from securesystemslib.signer import Key, Signer, SSlibKey

from signing.errors import UnusableKey, WrongKey
from signing.keepers import ED25519 as ED25519
from signing.keepers import P256 as P256
from signing.keepers import SCHEMES as SCHEMES
from signing.keepers import Keeper
from signing.key_files import generate as generate
from signing.key_files import open_file, open_variable, refuse_existing
from signing.key_files import read_public as read_public
from signing.key_files import write_public as write_public
from signing.pkcs11_uri import TokenUri
from signing.roles import key_of_person, person_of

PASSPHRASE, PIN, NOTHING = "passphrase", "PIN", ""
VARIABLES = {PASSPHRASE: "HSP_PASSPHRASE", PIN: "HSP_PIN"}
_TOKEN, _KMS, _VARIABLE = "pkcs11", "awskms", "env"


def signer_for(where: Path | str, candidates: Iterable[Key], passphrase: str) -> Signer:
    """What signs with a private key, as that one of the public keys ``candidates`` that it is of.

    A single candidate is not held to a key in KMS before its first signature: a server starts
    while KMS is away.

    Args:
        passphrase: or the PIN; see ``secret_of``.

    Raises:
        LooseKeyFile: others may read the file.
        UnusableKey: what is named is not one private key, or a library is missing.
        WrongPassphrase: it does not open.
        KeyRefused: the key service does not let us.
        KeyUnavailable: the token or the key service is not there.
        WrongKey: it is none of the candidates.
    """
    keeper = _keeper(where, passphrase)
    wanted = [key for key in candidates if isinstance(key, SSlibKey)]
    if len(wanted) == 1 and _kind(where) == _KMS:
        return keeper.signer(wanted[0])
    value = keeper.public().keyval
    for key in wanted:
        if key.keyval == value:
            return keeper.signer(key)
    people = ", ".join(dict.fromkeys(person_of(key) for key in wanted)) or "nobody"
    raise WrongKey(
        f"{where} may not sign this: it is no key of {people}",
        hint="sign with a key of one of them",
    )


def public_key(where: Path | str, person: str, passphrase: str) -> SSlibKey:
    """The public half of a private key, as ``person``'s.

    Raises:
        SigningError: as ``signer_for``.
        UnfitRole: not a name.
    """
    return key_of_person(_keeper(where, passphrase).public(), person)


def write_public_key(file: Path, where: Path | str, person: str, passphrase: str) -> SSlibKey:
    """Write the ``.pub`` file of a private key that lies anywhere.

    Raises:
        AlreadyThere: the file exists.
        SigningError: as ``public_key``.
    """
    refuse_existing(file)
    key = public_key(where, person, passphrase)
    write_public(file, key)
    return key


def generate_in_token(uri: str, file: Path, person: str, pin: str, scheme: str = P256) -> SSlibKey:
    """Make a key inside a token, and its ``.pub`` file.

    Raises:
        AlreadyThere: the token has such a key, or the file exists.
        UnusableKey: not a token's key, or the token makes no such keys.
        SigningError: as ``signer_for``.
    """
    if _kind(uri) != _TOKEN:
        raise UnusableKey(f"{uri}: keys are made in files and on tokens", hint="see docs/keys.md")
    refuse_existing(file)
    with _library(_TOKEN, uri):
        from signing.pkcs11_keys import TokenKey
    TokenKey(TokenUri.parse(uri), pin).generate(scheme)
    return write_public_key(file, uri, person, pin)


def secret_of(where: Path | str) -> str:
    """What opens a key: ``PASSPHRASE``, ``PIN`` or ``NOTHING``."""
    return {_TOKEN: PIN, _KMS: NOTHING}.get(_kind(where), PASSPHRASE)


def note_of(where: Path | str, key: Key) -> Path:
    """Where to note what must be remembered of a key: beside its file, else in the user's state."""
    if _kind(where) == "":
        return Path(where).with_suffix(".repository")
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(state) / "hsp-sign" / f"{key.keyid[:16]}.repository"


def _kind(where: Path | str) -> str:
    """The scheme of a name; empty for a file."""
    scheme, colon, _ = str(where).partition(":")
    known = isinstance(where, str) and colon and scheme in (_TOKEN, _KMS, _VARIABLE)
    return scheme if known else ""


def _keeper(where: Path | str, passphrase: str) -> Keeper:
    rest = str(where).partition(":")[2]
    match _kind(where):
        case "pkcs11":
            with _library(_TOKEN, where):
                from signing.pkcs11_keys import TokenKey
            return TokenKey(TokenUri.parse(str(where)), passphrase)
        case "awskms":
            with _library(_KMS, where):
                from signing.kms_keys import KmsKey
            return KmsKey(rest)
        case "env":
            return open_variable(rest, passphrase)
        case _:
            return open_file(Path(where), passphrase)


@contextmanager
def _library(kind: str, where: Path | str) -> Iterator[None]:
    """A library that is not installed is a sentence, with the name of the extra that brings it."""
    extra = {_TOKEN: "pkcs11", _KMS: "kms"}[kind]
    try:
        yield
    except ImportError as error:
        raise UnusableKey(
            f"{where}: the library for such keys is not installed ({error.name})",
            hint=f"pip install 'hsp-distribution[{extra}]'",
        ) from error
