"""Names of keys on tokens, such as ``pkcs11:token=officers;object=ani?module-path=/usr/lib/x.so``.

Source: RFC 7512. Understood of it is what tells one token and one key from others. A PIN never
belongs into a name: every user of the machine can read a command line.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from signing.errors import UnusableKey

SCHEME = "pkcs11"
MODULE_VARIABLE = "HSP_PKCS11_MODULE"

_TOKEN_ATTRIBUTES = ("token", "serial", "manufacturer", "model")
_ATTRIBUTES = (*_TOKEN_ATTRIBUTES, "object", "id", "type")
_EXAMPLE = "write it such as pkcs11:token=officers;object=ani"


@dataclass(frozen=True)
class TokenUri:
    """Which key on which token, and the library that talks to the token.

    Attributes:
        text: what the user wrote, without the library.
        token_wanted: what the token must say of itself, by RFC 7512's names of attributes.
        label: of the key; None for any.
        key_id: of the key; None for any.
    """

    text: str
    module: Path
    token_wanted: dict[str, str]
    label: str | None
    key_id: bytes | None

    @classmethod
    def parse(cls, text: str) -> "TokenUri":
        """Read a name as a user writes it.

        Raises:
            UnusableKey: it is not such a name, or says nothing of the key or the library.
        """
        path, _, query = text.removeprefix(f"{SCHEME}:").partition("?")
        name = f"{SCHEME}:{path}"
        found, options = _pairs(path, ";", name), _pairs(query, "&", name)
        _check(found, options, name)
        label, key_id = found.get("object"), found.get("id")
        return cls(
            text=name,
            module=_module(options.get("module-path"), name),
            token_wanted={
                key: _text(found[key], name) for key in _TOKEN_ATTRIBUTES if key in found
            },
            label=None if label is None else _text(label, name),
            key_id=key_id,
        )


def _pairs(text: str, separator: str, name: str) -> dict[str, bytes]:
    pairs: dict[str, bytes] = {}
    for part in filter(None, text.split(separator)):
        key, equals, value = part.partition("=")
        if not equals or key in pairs:
            raise UnusableKey(f"{name}: {part!r} is not NAME=VALUE, once", hint=_EXAMPLE)
        pairs[key] = unquote_to_bytes(value)
    return pairs


def _check(found: dict[str, bytes], options: dict[str, bytes], name: str) -> None:
    if "pin-value" in options or "pin-source" in options:
        raise UnusableKey(
            f"{name}: a PIN does not belong into a key's name, where others can read it",
            hint="give it by --passphrase-file, in HSP_PIN, or at the prompt",
        )
    unknown = [key for key in found if key not in _ATTRIBUTES]
    unknown += [key for key in options if key != "module-path"]
    if unknown:
        known = ", ".join(_ATTRIBUTES)
        raise UnusableKey(f"{name}: {unknown[0]!r} is none of {known}, ?module-path", hint=_EXAMPLE)
    if not {"object", "id"} & set(found):
        raise UnusableKey(f"{name} names no key: object=LABEL or id=%NN is missing", hint=_EXAMPLE)
    if found.get("type", b"private") != b"private":
        raise UnusableKey(f"{name}: only a private key can sign", hint="leave out type=")


def _module(given: bytes | None, name: str) -> Path:
    path = _text(given, name) if given else os.environ.get(MODULE_VARIABLE, "")
    if not path:
        raise UnusableKey(
            f"{name}: which library talks to this token?",
            hint=f"set {MODULE_VARIABLE}, or add ?module-path=/usr/lib/softhsm/libsofthsm2.so",
        )
    return Path(path)


def _text(value: bytes, name: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise UnusableKey(f"{name}: not UTF-8", hint=_EXAMPLE) from error
