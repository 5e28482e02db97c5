"""An ID token of an OpenID provider, believed only when everything about it is right.

Source: OpenID Connect Core 1.0, 3.1.3.7. Signatures and key sets are joserfc's; only asymmetric
algorithms are taken, so neither ``none`` nor a public key used as a shared secret gets through.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from distribution.errors import Unauthorised

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
LEEWAY = timedelta(seconds=60)
"""By so much the provider's clock may differ from ours."""
LONGEST_CHARACTERS = 16 * 1024

PublicKey = RSAKey | ECKey | OKPKey


@dataclass(frozen=True)
class Expected:
    """What a token must be about."""

    issuer: str
    audience: str
    nonce: str


class UnknownKey(Unauthorised):
    """The token names a key that the known set does not have: it may have been rotated."""


def refusal(why: str) -> Unauthorised:
    """A login that is not believed; the provider's people see why."""
    return Unauthorised(f"the provider's answer is not believed: {why}", hint="log in again")


def claims_of(token: str, keys: KeySet, expected: Expected, now: datetime) -> dict[str, Any]:
    """The claims of a token that holds.

    Raises:
        UnknownKey: signed by a key that is not in the set; fetch it again, once.
        Unauthorised: anything else about it is wrong.
    """
    key = _key(_header(token), keys)
    try:
        claims = dict(jwt.decode(token, key, algorithms=list(ALGORITHMS)).claims)
    except (JoseError, ValueError) as error:
        raise refusal("its ID token is not signed by its key") from error
    _check(claims, expected, now)
    return claims


def _header(token: str) -> Mapping[str, Any]:
    try:
        if len(token) > LONGEST_CHARACTERS:
            raise ValueError("too long")
        part = token.split(".")[0].encode("ascii")
        header = json.loads(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (ValueError, RecursionError) as error:
        raise refusal("its ID token is none") from error
    if not isinstance(header, dict) or header.get("alg") not in ALGORITHMS or "crit" in header:
        raise refusal("its ID token is signed in a way that is not taken")
    return header


def _key(header: Mapping[str, Any], keys: KeySet) -> PublicKey:
    """The one key that the header means; an encryption key or a shared secret is never it."""
    usable: Sequence[PublicKey] = [
        key
        for key in keys.keys
        if isinstance(key, RSAKey | ECKey | OKPKey) and key.get("use", "sig") == "sig"
    ]
    if "kid" in header:
        usable = [key for key in usable if key.kid == header["kid"]]
    if len(usable) != 1:
        raise UnknownKey("the provider's key is not known", hint="log in again")
    return usable[0]


def _check(claims: Mapping[str, Any], expected: Expected, now: datetime) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != expected.issuer:
        raise refusal("its ID token is another issuer's")
    if expected.audience not in audiences:
        raise refusal("its ID token is for somebody else")
    party = claims.get("azp", None if len(audiences) > 1 else expected.audience)
    if party != expected.audience:
        raise refusal("its ID token was given to somebody else")
    if claims.get("nonce") != expected.nonce:
        raise refusal("its ID token belongs to another login")
    if moment(claims, "exp") + LEEWAY <= now:
        raise refusal("its ID token has expired")
    if moment(claims, "iat") - LEEWAY > now:
        raise refusal("its ID token is of the future")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise refusal("its ID token names nobody")


def moment(claims: Mapping[str, Any], name: str) -> datetime:
    """A claim that is a moment.

    Raises:
        Unauthorised: it is missing, or is none.
    """
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refusal(f"its ID token has no {name}")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise refusal(f"its ID token has no {name}") from error
