"""Logging in at an OpenID provider: authorization code flow with PKCE, state and nonce.

Source: OpenID Connect Core 1.0, RFC 7636 (PKCE), RFC 9207 (who answers), RFC 9700. What goes to
the provider and is to come back is kept in the database, bound to the browser that began, used
once and for ten minutes.
"""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import urllib3
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from distribution.errors import Unavailable
from distribution.people.oidc_tokens import Expected, UnknownKey, claims_of, refusal

DISCOVERY = "/.well-known/openid-configuration"
KNOWN_FOR = timedelta(hours=1)
"""So long the provider's description and keys are not asked for again."""
KEYS_AGAIN_AFTER = timedelta(seconds=10)
"""An unknown key makes us ask again, but not more often than this."""
MOST_BYTES = 256 * 1024
TIMEOUT = urllib3.Timeout(connect=5, read=10)


@dataclass(frozen=True)
class Client:
    """What we are to the provider, as it was registered there."""

    issuer: str
    client_id: str
    secret: str
    redirect_uri: str
    scopes: str


@dataclass(frozen=True)
class Begun:
    """A login on its way: where the browser goes, and what we must know when it is back."""

    url: str
    state: str
    nonce: str
    verifier: str


@dataclass
class Provider:
    """One provider. It is asked for its description and its keys when they are needed."""

    client: Client
    _http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _described: tuple[datetime, Mapping[str, Any]] | None = None
    _keys: tuple[datetime, KeySet] | None = None

    def begin(self, now: datetime, *, anew: bool = False) -> Begun:
        """Send somebody to the provider.

        Args:
            anew: ask for the password again, even of somebody who is logged in there.

        Raises:
            Unavailable: the provider does not answer, or not as one.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        query = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uri,
            "scope": self.client.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **({"prompt": "login", "max_age": "0"} if anew else {}),
        }
        url = f"{self._endpoint('authorization_endpoint', now)}?{urlencode(query)}"
        return Begun(url, state, nonce, verifier)

    def check_answerer(self, issuer: str | None, now: datetime) -> None:
        """Return if it is this provider that answers (RFC 9207).

        Raises:
            Unauthorised: another one, or it does not say although this one always does.
            Unavailable: the provider does not answer.
        """
        says = self._description(now).get("authorization_response_iss_parameter_supported")
        if issuer != self.client.issuer and (issuer is not None or says is True):
            raise refusal("another issuer answers")

    def finish(self, code: str, nonce: str, verifier: str, now: datetime) -> dict[str, Any]:
        """The claims about somebody who is back with a code.

        Raises:
            Unauthorised: the provider knows no such code, or its token is not believed.
            Unavailable: the provider does not answer, or not as one.
        """
        token = self._exchange(code, verifier, now)
        expected = Expected(self.client.issuer, self.client.client_id, nonce)
        try:
            return claims_of(token, self._key_set(now), expected, now)
        except UnknownKey:
            return claims_of(token, self._key_set(now, anew=True), expected, now)

    # --- what the provider says about itself

    def _description(self, now: datetime) -> Mapping[str, Any]:
        with self._lock:
            if self._described is None or now - self._described[0] >= KNOWN_FOR:
                found = self._json("GET", self.client.issuer.rstrip("/") + DISCOVERY)
                if found.get("issuer") != self.client.issuer:
                    raise Unavailable("the provider's description is of another issuer")
                self._described = now, found
            return self._described[1]

    def _endpoint(self, name: str, now: datetime) -> str:
        url = self._description(now).get(name)
        if not isinstance(url, str) or not is_safe(url):
            raise Unavailable(f"the provider's {name} is none that we would use")
        return url

    def _key_set(self, now: datetime, *, anew: bool = False) -> KeySet:
        url = self._endpoint("jwks_uri", now)
        with self._lock:
            age = now - self._keys[0] if self._keys else None
            if self._keys is None or (age is not None and age >= KNOWN_FOR):
                fetch = True
            else:
                fetch = anew and age is not None and age >= KEYS_AGAIN_AFTER
            if fetch or self._keys is None:
                self._keys = now, self._read_keys(url)
            return self._keys[1]

    def _read_keys(self, url: str) -> KeySet:
        listed = self._json("GET", url).get("keys")
        try:
            found: Any = {"keys": [key for key in listed or () if isinstance(key, dict)]}
            return KeySet.import_key_set(found)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise Unavailable("the provider's keys cannot be read") from error

    # --- asking it

    def _exchange(self, code: str, verifier: str, now: datetime) -> str:
        name_and_secret = ":".join(map(quote_plus, (self.client.client_id, self.client.secret)))
        answer = self._json(
            "POST",
            self._endpoint("token_endpoint", now),
            headers={
                "Authorization": "Basic " + base64.b64encode(name_and_secret.encode()).decode(),
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode(
                {
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": self.client.redirect_uri,
                    "code_verifier": verifier,
                }
            ).encode(),
        )
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise refusal("it sent no ID token")
        return token

    def _json(self, method: str, url: str, **request: Any) -> Mapping[str, Any]:
        try:
            answer = self._http.request(
                method, url, redirect=False, timeout=TIMEOUT, preload_content=False, **request
            )
            try:
                content = answer.read(MOST_BYTES + 1, decode_content=True)
                status = answer.status
            finally:
                answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"the provider does not answer: {type(error).__name__}") from error
        if method == "POST" and 400 <= status < 500:
            raise refusal("it does not know this login")
        try:
            found = json.loads(content) if status == 200 and len(content) <= MOST_BYTES else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Unavailable(f"the provider answers with {status}, and not as one")
        return found


def is_safe(url: str) -> bool:
    """Whether nobody on the way can read or change what is sent there."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    )
