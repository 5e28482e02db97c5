"""Logging in at a real OpenID provider, and every way to be somebody else there."""

import base64
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.testclient import TestClient

from distribution.errors import Unauthorised
from distribution.people import accounts
from distribution.people.oidc_tokens import Expected, claims_of
from distribution.people.roles import Person, Role
from distribution.settings import Settings
from tests.simulators.house import Clock, House
from tests.simulators.oidc import CLIENT_ID, OidcProvider
from tests.simulators.staff import api_of

CALLBACK = "http://127.0.0.1:8700/v1/session/oidc/callback"


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    """A process that speaks for its people."""
    with OidcProvider(CALLBACK) as provider:
        yield provider


@pytest.fixture
def oidc(provider: OidcProvider, house: House, tmp_path: Path) -> Iterator[TestClient]:
    """A server that uses it, by the real time; a browser's voice."""
    settings = Settings(home=house.server.settings.home, **provider.settings(tmp_path))
    house.server = replace(house.server, settings=settings)
    with api_of(house.server) as client:
        yield client


@pytest.fixture
def clock() -> Clock:
    """The provider's time is the real one, and so is the server's here."""
    return Clock(datetime.now(UTC))


def sent(client: TestClient, query: str = "") -> str:
    """The address at the provider that a login begins with."""
    answer = client.get(f"/v1/session/oidc{query}")
    assert answer.status_code == 303
    return str(answer.headers["location"])


def back(client: TestClient, url: str, **changed: str) -> Any:
    """The browser comes back to our server, with some of the query changed."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    return client.get(f"{CALLBACK}?{urlencode({**query, **changed})}")


def logged_in(client: TestClient, provider: OidcProvider, person: str) -> Any:
    """The answer to a whole login."""
    return back(client, provider.visit(sent(client), person))


def test_a_new_person_of_the_provider_has_the_roles_of_their_groups(
    oidc: TestClient, provider: OidcProvider
) -> None:
    assert logged_in(oidc, provider, "nina").status_code == 303
    seen = oidc.get("/v1/session").json()
    assert (seen["name"], seen["roles"]) == ("nina", ["l3"])


def test_who_is_nobody_here_or_has_somebody_elses_name_is_not_let_in(
    oidc: TestClient, provider: OidcProvider
) -> None:
    taken = logged_in(oidc, provider, "wati")
    assert taken.status_code == 401, "wati has a local account, which is another person's"
    assert logged_in(oidc, provider, "guest").status_code == 401, "no group of theirs is a role"
    assert logged_in(oidc, provider, "odd").status_code == 401, "not a name that people have here"


def test_an_account_that_was_tied_logs_in_at_the_provider_and_out(
    oidc: TestClient, provider: OidcProvider, house: House
) -> None:
    tie(house, "ani", provider)
    answer = logged_in(oidc, provider, "ani")
    assert (answer.status_code, answer.headers.get("location")) == (303, "/"), answer.text
    seen = oidc.get("/v1/session").json()
    assert seen["name"] == "ani"
    assert Role.APPROVER in seen["roles"]
    assert seen["shown_at"] is not None
    csrf = {"X-CSRF-Token": seen["csrf_token"]}
    assert oidc.delete("/v1/session", headers=csrf).status_code == 204
    assert oidc.get("/v1/session").status_code == 401


def tie(house: House, name: str, provider: OidcProvider) -> None:
    """An administrator ties a local account to the provider's person of the same name."""
    rina = Person("rina", frozenset({Role.SECURITY_ADMINISTRATOR}))
    subject = f"{provider.issuer} {name}"
    accounts.tie(house.database, rina, name, subject, house.clock.now)


def test_a_step_up_asks_for_the_password_again_and_says_when_it_was_shown(
    oidc: TestClient, provider: OidcProvider, house: House
) -> None:
    tie(house, "ani", provider)
    url = sent(oidc, "?anew=true")
    assert "prompt=login" in url
    assert "max_age=0" in url
    assert back(oidc, provider.visit(url, "ani")).status_code == 303
    assert oidc.get("/v1/session").json()["shown_at"] is not None


def test_another_state_browser_code_or_issuer_is_refused(
    oidc: TestClient, provider: OidcProvider, house: House
) -> None:
    tie(house, "ani", provider)
    url = provider.visit(sent(oidc), "ani")
    assert back(oidc, url, state="another").status_code == 401
    with api_of(house.server) as thief:
        assert back(thief, url).status_code == 401, "another browser brings the code"
    other = provider.visit(sent(oidc), "ani")
    code = parse_qs(urlsplit(url).query)["code"][0]
    assert back(oidc, other, code=code).status_code == 401, "the code of another login: PKCE"
    third = provider.visit(sent(oidc), "ani")
    assert back(oidc, third, iss="https://evil.example").status_code == 401
    fourth = provider.visit(sent(oidc), "ani")
    without = urlsplit(fourth)
    query = {k: v[0] for k, v in parse_qs(without.query).items() if k != "iss"}
    assert oidc.get(f"{CALLBACK}?{urlencode(query)}").status_code == 401, "nobody says who answers"
    fifth = provider.visit(sent(oidc), "ani")
    assert back(oidc, fifth).status_code == 303
    assert back(oidc, fifth).status_code == 401, "a state works once"
    assert oidc.get("/v1/session").json()["name"] == "ani", "what was refused ended nothing"


def test_a_login_that_took_too_long_is_refused(
    oidc: TestClient, provider: OidcProvider, house: House
) -> None:
    tie(house, "ani", provider)
    url = provider.visit(sent(oidc), "ani")
    house.clock.forward(601)
    assert back(oidc, url).status_code == 401


def test_keys_that_were_rotated_are_fetched_again(
    oidc: TestClient, provider: OidcProvider, house: House
) -> None:
    tie(house, "ani", provider)
    assert logged_in(oidc, provider, "ani").status_code == 303
    provider.rotate_keys()
    house.clock.forward(11)
    assert logged_in(oidc, provider, "ani").status_code == 303


def test_a_disabled_person_does_not_log_in_at_the_provider_either(
    oidc: TestClient, provider: OidcProvider, house: House
) -> None:
    tie(house, "ani", provider)
    assert logged_in(oidc, provider, "ani").status_code == 303
    rina = Person("rina", frozenset({Role.SECURITY_ADMINISTRATOR}))
    accounts.disable(house.database, rina, "ani", "left", house.clock.now)
    assert oidc.get("/v1/session").status_code == 401
    assert logged_in(oidc, provider, "ani").status_code == 401


# --- tokens that a thief would like us to believe

EXPECTED = Expected("https://login.example", CLIENT_ID, "nonce-1")
KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}, private=True)
OTHER = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}, private=True)
PUBLIC = KeySet([RSAKey.import_key(KEY.as_dict(private=False))])


def claims(clock: Clock, **changed: Any) -> dict[str, Any]:
    """Those of a token that holds."""
    now = int(clock.now.timestamp())
    plain = {
        "iss": EXPECTED.issuer,
        "aud": CLIENT_ID,
        "sub": "1",
        "nonce": "nonce-1",
        "iat": now,
        "exp": now + 60,
    }
    return {name: value for name, value in {**plain, **changed}.items() if value is not None}


def signed(body: dict[str, Any], key: RSAKey = KEY) -> str:
    """A token."""
    return jwt.encode({"alg": "RS256", "kid": "k1"}, body, key, algorithms=["RS256"])


def b64(data: bytes) -> str:
    """As tokens spell it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_token_that_holds_is_believed(clock: Clock) -> None:
    assert claims_of(signed(claims(clock)), PUBLIC, EXPECTED, clock.now)["sub"] == "1"
    several = claims(clock, aud=[CLIENT_ID, "other"], azp=CLIENT_ID)
    assert claims_of(signed(several), PUBLIC, EXPECTED, clock.now)["sub"] == "1"


WRONG: list[dict[str, Any]] = [
    {"iss": "https://evil.example"},
    {"iss": None},
    {"aud": "another"},
    {"aud": None},
    {"aud": [CLIENT_ID, "another"]},
    {"aud": [CLIENT_ID, "another"], "azp": "another"},
    {"azp": "another"},
    {"nonce": "another"},
    {"nonce": None},
    {"exp": 1},
    {"exp": None},
    {"exp": "soon"},
    {"exp": True},
    {"exp": 1e300},
    {"iat": 99_999_999_999},
    {"iat": None},
    {"sub": ""},
    {"sub": 7},
]


@pytest.mark.parametrize("changed", WRONG, ids=str)
def test_a_token_with_a_wrong_claim_is_refused(clock: Clock, changed: dict[str, Any]) -> None:
    with pytest.raises(Unauthorised, match="not believed"):
        claims_of(signed(claims(clock, **changed)), PUBLIC, EXPECTED, clock.now)


def forged(clock: Clock) -> dict[str, str]:
    """Tokens that the provider's key did not sign, by what was tried."""
    body = claims(clock)
    payload = b64(json.dumps(body).encode())
    none = b64(json.dumps({"alg": "none", "kid": "k1"}).encode())
    shared = b64(json.dumps({"alg": "HS256", "kid": "k1"}).encode())
    mac = hmac.digest(KEY.as_pem(private=False), f"{shared}.{payload}".encode(), "sha256")
    good = signed(body)
    head, middle, signature = good.split(".")
    own = OTHER.as_dict(private=False)
    with_jwk = {"alg": "RS256", "kid": "k1", "jwk": own}
    return {
        "none": f"{none}.{payload}.",
        "none with an old signature": f"{none}.{payload}.{signature}",
        "the public key as a shared secret": f"{shared}.{payload}.{b64(mac)}",
        "another key of the same name": signed(body, OTHER),
        "its own key in the header": jwt.encode(with_jwk, body, OTHER, algorithms=["RS256"]),
        "another body": f"{head}.{b64(json.dumps({**body, 'sub': '2'}).encode())}.{signature}",
        "no signature": f"{head}.{middle}.",
        "no token": "",
        "too long": good + "A" * 20_000,
        "not base64": "*.*.*",
        "an array as header": f"{b64(b'[]')}.{payload}.{signature}",
        "deep": f"{b64(b'[' * 9000)}.{payload}.{signature}",
    }


def test_forged_tokens_are_refused(clock: Clock) -> None:
    for tried, token in forged(clock).items():
        with pytest.raises(Unauthorised):
            claims_of(token, PUBLIC, EXPECTED, clock.now)
            raise AssertionError(tried)


def test_a_token_is_good_a_minute_longer_and_no_more(clock: Clock) -> None:
    token = signed(claims(clock))
    assert claims_of(token, PUBLIC, EXPECTED, clock.now + timedelta(seconds=119))
    with pytest.raises(Unauthorised, match="expired"):
        claims_of(token, PUBLIC, EXPECTED, clock.now + timedelta(seconds=120))
