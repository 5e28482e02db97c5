"""Tokens that speak PKCS#11: find the one that is named, log in, and say what it answers in words.

A wrong PIN is never tried twice by one process, and a last try is left to the person: three wrong
ones lock most tokens.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pkcs11
from pkcs11 import Session, Token, TokenFlag
from pkcs11.exceptions import PKCS11Error

from signing.errors import KeyUnavailable, SigningError, UnusableKey, WrongPassphrase
from signing.pkcs11_uri import TokenUri

HOW = "give the PIN by --passphrase-file, in HSP_PIN, or at the prompt"

_LOGIN = threading.Lock()
"""A login to a token is the process's, not the session's: one use of tokens at a time."""
_REFUSED: set[tuple[str, str]] = set()
"""Serials of tokens, and PINs that they did not take."""


@contextmanager
def logged_in(uri: TokenUri, pin: str, writing: bool = False) -> Iterator[Session]:
    """A session with the token of ``uri``, for the length of the block.

    Raises:
        KeyUnavailable: the token is not there, or nobody touched it.
        UnusableKey: no such library, several such tokens, or another refusal of the token's.
        WrongPassphrase: the PIN is wrong, or the token is locked or about to be.
    """
    with _LOGIN:
        try:
            with _in_our_words(uri), _opened(uri, pin, writing) as session:
                yield session
        except KeyUnavailable:
            _look_again(uri)
            raise


def _look_again(uri: TokenUri) -> None:
    """End the library, which is begun anew at the next use: some see no token that comes back."""
    with suppress(PKCS11Error, OSError):
        pkcs11.lib(str(uri.module)).finalize()


def _opened(uri: TokenUri, pin: str, writing: bool) -> Session:
    token = _token(uri)
    if (_serial(token), pin) in _REFUSED:
        raise WrongPassphrase(f"{uri.text}: the PIN was wrong, and is not tried again", hint=HOW)
    try:
        return token.open(writing, pin)
    except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange):
        _REFUSED.add((_serial(token), pin))
        raise


def _token(uri: TokenUri) -> Token:
    ready = [token for token in _tokens(uri) if TokenFlag.TOKEN_INITIALIZED in token.flags]
    wanted = [token for token in ready if _is_wanted(uri, token)]
    if len(wanted) > 1:
        serials = ", ".join(_serial(token) for token in wanted)
        raise UnusableKey(
            f"{uri.text} fits {len(wanted)} tokens", hint=f"add serial=, one of {serials}"
        )
    if not wanted:
        there = ", ".join(repr(token.label) for token in ready) or "none"
        raise KeyUnavailable(
            f"the token of {uri.text} is not there; there are: {there}", hint="plug it in"
        )
    if TokenFlag.USER_PIN_FINAL_TRY in wanted[0].flags:
        raise WrongPassphrase(
            f"{uri.text}: one more wrong PIN locks the token",
            hint="log in once with the token's own tool, then come back",
        )
    return wanted[0]


def _tokens(uri: TokenUri) -> list[Token]:
    try:
        library = pkcs11.lib(str(uri.module))
    except (RuntimeError, OSError) as error:
        said = str(error) or type(error).__name__
        raise UnusableKey(
            f"{uri.module} does not work as a PKCS#11 library: {said}",
            hint="install the token's own library, and set HSP_PKCS11_MODULE to it",
        ) from error
    try:
        return list(library.get_tokens())
    except PKCS11Error as error:
        raise KeyUnavailable(
            f"{uri.module} does not say which tokens are there: {type(error).__name__}",
            hint="plug in the token of this key",
        ) from error


def _is_wanted(uri: TokenUri, token: Token) -> bool:
    said = {
        "token": token.label,
        "serial": _serial(token),
        "manufacturer": token.manufacturer_id,
        "model": token.model,
    }
    return uri.token_wanted.items() <= said.items()


def _serial(token: Token) -> str:
    return token.serial.decode(errors="replace")


@contextmanager
def _in_our_words(uri: TokenUri) -> Iterator[None]:
    try:
        yield
    except SigningError:
        raise
    except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange) as error:
        raise WrongPassphrase(f"the PIN does not open the token of {uri.text}", hint=HOW) from error
    except pkcs11.PinLocked as error:
        hint = "unlock it with the token's own tool and its SO PIN or PUK"
        raise WrongPassphrase(f"the token of {uri.text} is locked", hint=hint) from error
    except (pkcs11.DeviceError, pkcs11.DeviceRemoved, pkcs11.TokenNotPresent) as error:
        hint = "plug it in, and run it again"
        raise KeyUnavailable(f"the token of {uri.text} went away", hint=hint) from error
    except (pkcs11.FunctionRejected, pkcs11.FunctionCancelled) as error:
        hint = "run it again, and touch the token when it blinks"
        raise KeyUnavailable(f"nobody confirmed at the token of {uri.text}", hint=hint) from error
    except PKCS11Error as error:
        said = " ".join([type(error).__name__, *map(str, error.args)])
        raise UnusableKey(f"{uri.text}: the token says {said}") from error
