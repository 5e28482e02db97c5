"""Passwords, tokens and sessions: what shows who somebody is, and for how long."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from sqlmodel import select
from starlette.testclient import TestClient

from distribution.audit.tables import AuditRow
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound
from distribution.people import accounts, passwords, sessions, tokens
from distribution.people.roles import Permission, Person, Role
from tests.distribution.people.conftest import Bearer
from tests.simulators.estate_databases import written
from tests.simulators.house import House
from tests.simulators.staff import api_of

RINA = Person("rina", frozenset({Role.SECURITY_ADMINISTRATOR}))
WATI = Person("wati", frozenset({Role.L3}))
PASSWORD = "kertas hujan lampu sepeda"
COOKIE = "hsp-session"


TRUE_HASHER = passwords._hasher


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """How dear a hash is to who guesses is argon2's matter; here are dozens of logins."""
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", hasher)


@pytest.fixture
def wati(house: House, client: TestClient) -> TestClient:
    """Wati's browser, with her password known and nobody logged in."""
    passwords.put(house.database, WATI, "wati", PASSWORD, house.clock.now)
    return client


def log_in(client: TestClient, name: str = "wati", password: str = PASSWORD, **more: Any) -> Any:
    """The answer to a login."""
    return client.post("/v1/session", json={"name": name, "password": password}, **more)


# --- passwords


@pytest.mark.parametrize(
    "password",
    [
        *("", "short", "x" * 11, "x" * 201, "aaaaaaaaaaaaaa", "wati-wati-wati", "password1234"),
        *("qwerty123456", "WelcomeAdmin1", "ababababababab", "Selamat12345!"),
    ],
)
def test_a_password_that_is_short_or_easily_guessed_is_refused(password: str) -> None:
    with pytest.raises(Invalid):
        passwords.check_rules("wati", password)


@pytest.mark.parametrize(
    "password", [PASSWORD, "Tr0ub4dor&3-xyz", "пароль из слов", "x7#kQ9!mZ2$v"]
)
def test_other_long_passwords_are_good(password: str) -> None:
    passwords.check_rules("wati", password)


def test_of_a_password_only_argon2id_is_kept_and_nothing_in_the_audit_log(
    wati: TestClient, house: House
) -> None:
    content = written(house.server.settings)
    assert b"$argon2id$" in content
    assert PASSWORD.encode() not in content
    with house.database.reading() as session:
        for row in session.exec(select(AuditRow)):
            assert "argon2" not in row.changes


def test_who_may_set_whose_password(house: House) -> None:
    now = house.clock.now
    passwords.put(house.database, RINA, "wati", PASSWORD, now)
    with pytest.raises(NotAllowed):
        passwords.put(house.database, WATI, "budi", PASSWORD, now)
    accounts.disable(house.database, RINA, "wati", "left", now)
    with pytest.raises(Conflict):
        passwords.put(house.database, RINA, "wati", PASSWORD, now)
    accounts.tie(house.database, RINA, "budi", "https://login.example 7", now)
    with pytest.raises(Conflict, match="at the provider"):
        passwords.put(house.database, RINA, "budi", PASSWORD, now)


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(wati: TestClient) -> None:
    wrong, unknown = log_in(wati, password="x" * 20), log_in(wati, name="nobody")
    without = log_in(wati, name="budi")
    assert {a.status_code for a in (wrong, unknown, without)} == {401}
    assert len({a.content for a in (wrong, unknown, without)}) == 1


def test_a_name_that_nobody_has_takes_as_long_as_one_that_somebody_has() -> None:
    somebodys = TRUE_HASHER.hash(PASSWORD)
    assert extract_parameters(passwords._NOBODY) == extract_parameters(somebodys)


def test_five_tries_a_minute_with_one_name_and_then_wait(wati: TestClient) -> None:
    for name in ("wati", "nobody"):
        for _ in range(5):
            assert log_in(wati, name=name, password="x" * 20).status_code == 401
        refused = log_in(wati, name=name)
        assert refused.status_code == 429, "the right password does not help now"
        assert 1 <= int(refused.headers["retry-after"]) <= 12
    assert log_in(wati, name="budi").status_code == 401, "others are not locked out"


def test_failed_logins_of_people_who_exist_are_in_the_audit_log(
    wati: TestClient, house: House
) -> None:
    log_in(wati, password="x" * 20)
    log_in(wati, name="nobody")
    log_in(wati)
    with house.database.reading() as session:
        told = session.exec(select(AuditRow.action, AuditRow.about)).all()[-2:]
    assert told == [("session.failed", "account wati"), ("session.login", "account wati")]


# --- tokens


def test_a_token_ends_by_itself_by_hand_and_with_its_person(
    house: House, client: TestClient
) -> None:
    now = house.clock.now
    made = [tokens.make(house.database, RINA, "wati", now, label=f"{n}") for n in range(2)]

    def status(token: str) -> int:
        return client.get("/v1/tickets", headers={"Authorization": f"Bearer {token}"}).status_code

    assert [status(token) for token in made] == [200, 200]
    with house.database.reading() as session:
        first, second = tokens.listed(session, "wati")
    assert first.used_at == now
    assert second.expires_at == now + timedelta(days=90)
    with pytest.raises(NotFound):
        tokens.revoke(house.database, Person("budi", frozenset({Role.APPROVER})), first.number, now)
    tokens.revoke(house.database, WATI, first.number, now)
    assert [status(token) for token in made] == [401, 200]
    with pytest.raises(Conflict):
        tokens.revoke(house.database, WATI, first.number, now)
    house.clock.forward(timedelta(days=90).total_seconds())
    assert status(made[1]) == 401


def test_noting_a_use_keeps_no_reader_waiting_for_a_writer(house: House) -> None:
    token = tokens.make(house.database, WATI, "wati", house.clock.now)
    noted: list[Callable[[], None]] = []
    with house.database.writing() as session:
        session.connection()
        assert tokens.person_of(house.database, token, house.clock.now, noted.append) == WATI
    assert len(noted) == 1
    noted[0]()
    assert tokens.person_of(house.database, token, house.clock.now, noted.append) == WATI
    assert len(noted) == 1, "once a minute is enough"


def test_a_token_is_for_oneself_for_at_most_90_days_and_kept_as_a_hash(house: House) -> None:
    now = house.clock.now
    token = tokens.make(house.database, WATI, "wati", now, scope=[Permission.METRICS_READ])
    assert token.startswith("hsp-staff-")
    assert len(token) >= len("hsp-staff-") + 43
    with pytest.raises(NotAllowed):
        tokens.make(house.database, WATI, "budi", now)
    for life in (timedelta(0), timedelta(days=91)):
        with pytest.raises(Invalid):
            tokens.make(house.database, WATI, "wati", now, life=life)
    assert token.encode() not in written(house.server.settings)


# --- sessions


def test_a_login_gives_a_cookie_that_no_script_reads_and_says_who_one_is(
    wati: TestClient,
) -> None:
    answer = log_in(wati)
    assert answer.status_code == 200
    assert answer.json()["name"] == "wati"
    assert answer.json()["roles"] == ["l3"]
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith(f"{COOKIE}=")
    for part in ("httponly", "samesite=lax", "path=/", "max-age=28800"):
        assert part in cookie
    assert "domain" not in cookie
    seen = wati.get("/v1/session").json()
    assert seen["csrf_token"] == answer.json()["csrf_token"]
    assert "rollout.pause" in seen["permissions"]
    assert "rollout.resume" not in seen["permissions"]


def test_over_https_the_cookie_is_the_hosts_own(house: House) -> None:
    passwords.put(house.database, WATI, "wati", PASSWORD, house.clock.now)
    settings = house.server.settings.model_copy(update={"public_url": "https://hsp.example"})
    with api_of(replace(house.server, settings=settings)) as client:
        answer = log_in(client)
        assert answer.headers["set-cookie"].startswith("__Host-hsp-session=")
        assert "secure" in answer.headers["set-cookie"].lower()
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert client.get("/v1/session").json()["name"] == "wati"


def test_without_https_there_are_sessions_on_loopback_only(house: House) -> None:
    settings = house.server.settings.model_copy(update={"public_url": "http://hsp.example"})
    with api_of(replace(house.server, settings=settings)) as client:
        refused = log_in(client)
        assert (refused.status_code, "https" in refused.text) == (403, True)
        assert client.get("/v1/session/oidc").status_code in (403, 404)


def test_what_changes_something_needs_the_sessions_own_token(
    wati: TestClient, house: House
) -> None:
    csrf = log_in(wati).json()["csrf_token"]
    body = {"scope": "global", "target": "", "reason": "stop"}
    for headers in (
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "0" * 64},
        {b"X-CSRF-Token": "é".encode()},
        {"X-CSRF-Token": csrf, "Origin": "https://evil.example"},
        {"X-CSRF-Token": csrf, "Origin": "null"},
    ):
        assert wati.post("/v1/brakes", json=body, headers=headers).status_code == 403, headers
    good = {"X-CSRF-Token": csrf, "Origin": house.server.settings.public_url}
    assert wati.post("/v1/brakes", json=body, headers=good).status_code == 200
    assert wati.get("/v1/brakes").status_code == 200, "reading needs none"
    other = log_in(wati).json()["csrf_token"]
    assert other != csrf
    old = {"X-CSRF-Token": csrf}
    assert wati.post("/v1/brakes", json=body, headers=old).status_code == 403


def test_a_page_of_somebody_else_logs_nobody_in(wati: TestClient) -> None:
    assert log_in(wati, headers={"Origin": "https://evil.example"}).status_code == 403
    form = {"Content-Type": "text/plain"}
    content = f'{{"name": "wati", "password": "{PASSWORD}"}}'
    assert wati.post("/v1/session", content=content, headers=form).status_code == 400


def test_a_login_has_a_new_cookie_and_ends_the_old_one(wati: TestClient, house: House) -> None:
    log_in(wati)
    old = wati.cookies[COOKIE]
    log_in(wati)
    assert wati.cookies[COOKIE] != old
    with api_of(house.server) as thief:
        thief.cookies.set(COOKIE, old)
        assert thief.get("/v1/session").status_code == 401
        thief.cookies.set(COOKIE, "of the thief's choice")
        given = log_in(thief).headers["set-cookie"]
        assert "of the thief's choice" not in given


def ways_to_end(house: House, client: TestClient, csrf: str) -> Iterator[Any]:
    """Each ends a session."""
    yield lambda: client.delete("/v1/session", headers={"X-CSRF-Token": csrf})
    yield lambda: house.clock.forward(sessions.IDLE.total_seconds())
    yield lambda: passwords.put(house.database, RINA, "wati", PASSWORD + "!", house.clock.now)
    yield lambda: accounts.disable(house.database, RINA, "wati", "left", house.clock.now)


@pytest.mark.parametrize("number", range(4))
def test_a_session_ends(wati: TestClient, house: House, number: int) -> None:
    csrf = log_in(wati).json()["csrf_token"]
    cookie = wati.cookies[COOKIE]
    list(ways_to_end(house, wati, csrf))[number]()
    with api_of(house.server) as client:
        client.cookies.set(COOKIE, cookie)
        assert client.get("/v1/session").status_code == 401


def test_a_session_ends_after_8_hours_however_busy(wati: TestClient, house: House) -> None:
    log_in(wati)
    for _ in range(47):
        house.clock.forward(600)
        assert wati.get("/v1/session").status_code == 200
    house.clock.forward(600)
    assert wati.get("/v1/session").status_code == 401


def test_of_a_cookie_only_the_hash_is_kept(wati: TestClient, house: House) -> None:
    log_in(wati)
    assert wati.cookies[COOKIE].encode() not in written(house.server.settings)


def test_a_token_beats_a_cookie_and_needs_no_csrf(
    wati: TestClient, bearer: Bearer, house: House
) -> None:
    log_in(wati)
    body = {"scope": "global", "target": "", "reason": "stop"}
    answer = wati.post("/v1/brakes", json=body, headers=bearer("budi"))
    assert answer.json()["by"] == "budi"
    wrong = {"Authorization": "Bearer wrong"}
    assert wati.get("/v1/session", headers=wrong).status_code == 401
    assert wati.get("/v1/session", headers={"Authorization": "Basic eA=="}).status_code == 401
