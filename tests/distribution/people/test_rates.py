"""How often one identity may come, and what a request meets before anything else."""

from dataclasses import replace

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from distribution.api.shield import host_of
from distribution.errors import TooMany
from distribution.people import shared_rates
from distribution.people.limits import Limits
from distribution.people.rates import Rate
from distribution.people.tables import RateRow
from manifests.install_report import Phase
from tests.distribution.people.conftest import Bearer
from tests.simulators.estate_databases import written
from tests.simulators.house import House
from tests.simulators.staff import api_of


def taken(rate: Rate, identity: str = "shop") -> bool:
    """Whether there was one left."""
    try:
        rate.take(identity)
    except TooMany:
        return False
    return True


def test_a_burst_at_once_and_then_one_by_one() -> None:
    now = [1000.0]
    rate = Rate(30, 10, lambda: now[0])
    assert [taken(rate) for _ in range(11)] == [True] * 10 + [False]
    assert taken(rate, "ward"), "another identity has its own"
    with pytest.raises(TooMany) as refused:
        rate.take("shop")
    assert refused.value.retry_after == pytest.approx(30)
    now[0] += 29.9
    assert not taken(rate)
    now[0] += 0.2
    assert [taken(rate), taken(rate)] == [True, False]
    now[0] += 10_000
    assert [taken(rate) for _ in range(11)] == [True] * 10 + [False], "it never holds more"


def test_identities_that_were_not_heard_of_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distribution.people.rates.MOST_IDENTITIES", 3)
    rate = Rate(1, 1, lambda: 0.0)
    for name in "abcdef":
        rate.take(name)
    assert len(rate._full_at) == 3


def test_a_site_that_polls_as_told_never_meets_its_limit(house: House) -> None:
    for poll in (2, 30, 300):
        now = [0.0]
        settings = house.server.settings.model_copy(update={"poll_seconds": poll})
        limits = Limits.of(settings, lambda now=now: now[0])  # type: ignore[misc]
        for _ in range(500):
            now[0] += poll * 0.9
            limits.check_in.take("shop")


def test_a_site_that_comes_too_often_is_told_when_and_others_do_not_notice(
    client: TestClient, house: House
) -> None:
    shop, ward = house.site("shop"), house.site("ward")

    def status() -> int:
        return client.post("/v1/check-in", content=shop.sign_of_life()).status_code

    assert [status() for _ in range(11)] == [200] * 10 + [429]
    refused = client.post("/v1/check-in", content=shop.sign_of_life())
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert refused.json()["error"]["code"] == "too_many"
    assert client.post("/v1/check-in", content=ward.sign_of_life()).status_code == 200


def test_who_only_says_that_it_is_a_site_uses_up_nothing_of_that_sites(
    client: TestClient, house: House
) -> None:
    shop = house.site("shop")
    thief = replace(shop, key=type(shop)("shop", house.server).key)
    for _ in range(30):
        answer = client.post("/v1/check-in", content=thief.sign_of_life())
        assert answer.status_code == 401
    assert client.post("/v1/check-in", content=shop.sign_of_life()).status_code == 200


def test_reports_and_requests_of_one_identity_are_limited(house: House, bearer: Bearer) -> None:
    few = {"reports_per_minute": 3, "requests_per_minute": 10}
    settings = house.server.settings.model_copy(update=few)
    shop, headers = house.site("shop"), {**bearer("wati"), "X-Forwarded-For": "203.0.113.7"}
    with api_of(replace(house.server, settings=settings)) as client:
        reports = [
            client.post("/v1/reports", content=shop.message(Phase.DOWNLOADING)).status_code
            for _ in range(4)
        ]
        assert reports == [200, 200, 200, 429]
        seen = [client.get("/v1/session", headers=headers).status_code for _ in range(11)]
        assert seen == [200] * 10 + [429], "whatever a header says about where they are"
        budi = bearer("budi")
        assert client.get("/v1/session", headers=budi).status_code == 200


def test_enrolments_are_limited_by_address_but_for_this_machines_own(house: House) -> None:
    with api_of(house.server) as client:
        near = [client.post("/v1/enrol", content=b"x").status_code for _ in range(20)]
    with TestClient(client.app, base_url="http://127.0.0.1", client=("203.0.113.7", 1)) as far:
        headers = {"X-Forwarded-For": "127.0.0.1"}
        seen = [far.post("/v1/enrol", content=b"x", headers=headers).status_code for _ in range(6)]
    assert near == [400] * 20
    assert seen == [400] * 5 + [429]


# --- the shield


HOSTS = {
    "127.0.0.1": 401,
    "127.0.0.1:8700": 401,
    "LOCALHOST:1": 401,
    "[::1]:8700": 401,
    "updates.hsp.example": 401,
    "evil.example": 400,
    "127.0.0.1.evil.example": 400,
    "127.0.0.1:8700@evil.example": 400,
    "evil.example:8700": 400,
    "": 400,
    "[::1": 400,
    "127.0.0.1:x": 400,
}


def test_only_names_of_this_server_are_answered(house: House) -> None:
    settings = house.server.settings.model_copy(update={"allowed_hosts": "updates.hsp.example"})
    with api_of(replace(house.server, settings=settings)) as client:
        for host, status in HOSTS.items():
            answer = client.get("/v1/sites", headers={"Host": host})
            assert answer.status_code == status, host
            assert answer.headers["x-content-type-options"] == "nosniff"
        evil = {"Host": "evil.example", "X-Forwarded-Host": "127.0.0.1"}
        assert client.get("/v1/sites", headers=evil).status_code == 400
        assert client.get("/repository/metadata/1.root.json", headers=evil).status_code == 400
        assert client.get("/healthz", headers=evil).status_code == 200


def test_a_hosts_name_is_read_strictly() -> None:
    assert host_of("a.example") == "a.example"
    assert host_of("A.Example:80") == "a.example"
    assert host_of("a.example:") == ""
    assert host_of("[::1]") == "::1"
    assert host_of("[::1]x") == ""


def test_every_answer_but_the_repositorys_tells_browsers_to_do_nothing(
    client: TestClient, house: House, bearer: Bearer
) -> None:
    answers = [
        client.get("/healthz"),
        client.get("/docs"),
        client.get("/openapi.json"),
        client.get("/nothing"),
        client.get("/v1/sites"),
        client.get("/v1/sites", headers=bearer("ani")),
        client.delete("/v1/sites"),
        client.post("/v1/enrol", content=b"x"),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
    plain = client.get("/repository/metadata/1.root.json")
    assert plain.status_code == 200
    assert "content-security-policy" not in plain.headers
    assert "immutable" in plain.headers["cache-control"]


def test_a_fault_of_ours_has_the_headers_too(
    client: TestClient, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = bearer("ani")

    def fault(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("distribution.people.tokens.person_of", fault)
    answer = client.get("/v1/sites", headers=headers)
    assert answer.status_code == 500
    assert "default-src 'none'" in answer.headers["content-security-policy"]


# --- over all servers


@pytest.mark.both_databases
def test_logins_and_enrolments_are_counted_over_all_servers(house: House) -> None:
    """Two processes over one database have as much room together as one has."""
    few = {"enrolments_per_address": 4, "logins_per_minute": 3}
    settings = house.server.settings.model_copy(update=few)
    now, one, other = house.clock.now, Limits.of(settings), Limits.of(settings)

    def enrolled(limits: Limits, address: str = "203.0.113.7") -> bool:
        try:
            limits.take_enrolment(house.database, address, now)
        except TooMany:
            return False
        return True

    assert [enrolled(limits) for limits in (one, other, one, other)] == [True] * 4
    assert not any(enrolled(limits) for limits in (one, other, Limits.of(settings)))
    assert enrolled(other, "203.0.113.8"), "another address has its own"

    for limits in (one, other, one):
        limits.take_login(house.database, "wati", "203.0.113.7", now)
    with pytest.raises(TooMany) as refused:
        other.take_login(house.database, "wati", "203.0.113.9", now)
    assert refused.value.retry_after == pytest.approx(20)
    later = house.clock.forward(21)
    other.take_login(house.database, "wati", "203.0.113.9", later)
    with pytest.raises(TooMany):
        Limits.of(settings).take_login(house.database, "wati", "203.0.113.7", later)


@pytest.mark.both_databases
def test_who_is_refused_is_not_counted_and_who_is_counted_is_no_name_in_the_database(
    house: House,
) -> None:
    settings = house.server.settings.model_copy(update={"logins_per_minute": 1})
    house.clock.forward(1)
    Limits.of(settings).take_login(house.database, "hunter2", "127.0.0.1", house.clock.now)
    for _ in range(5):
        with pytest.raises(TooMany):
            Limits.of(settings).take_login(house.database, "hunter2", "127.0.0.1", house.clock.now)
    assert b"hunter2" not in written(house.server.settings)
    Limits.of(settings).take_login(house.database, "hunter2", "::1", house.clock.forward(60.1))
    shared_rates.forget_old(house.database, house.clock.now)
    with house.database.reading() as session:
        assert len(session.exec(select(RateRow.key)).all()) == 1
    shared_rates.forget_old(house.database, house.clock.forward(61))
    with house.database.reading() as session:
        assert session.exec(select(RateRow.key)).all() == []
