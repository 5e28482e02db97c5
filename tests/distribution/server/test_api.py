"""The API as a client sees it: over a real socket for the agents' story, else in this process."""

import json
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient

from distribution import rollouts, staff
from distribution.api import application
from distribution.catalogue import read_target
from distribution.database import Database
from distribution.errors import Unavailable
from manifests.check_in import CheckInAnswer, EnrolmentAnswer, ReportReceipt
from manifests.failures import FailureCode
from manifests.install_report import MAX_REPORT_BYTES, Phase
from manifests.rollout import Ring, RolloutPlan, RolloutState
from manifests.target_paths import plan_path
from tests.simulators.house import PRODUCT, House, Talker, schedule

ALL = 10_000
REASON = {"reason": "prices are missing"}


@pytest.fixture
def token(house: House) -> str:
    return staff.make_token(house.server.settings, "ani", house.clock.now)


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    with TestClient(application(house.server), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def ani(client: TestClient, token: str) -> TestClient:
    client.headers["Authorization"] = f"Bearer {token}"
    return client


@pytest.fixture
def url(house: House) -> Iterator[str]:
    """The real server, scheduler included, on a real socket."""
    often = house.server.settings.model_copy(update={"scheduler_seconds": 0.1})
    app = application(replace(house.server, settings=often), schedule=True)
    web = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=web.run, kwargs={"sockets": [door]})
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        web.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def fetch(url: str, body: bytes | None = None, token: str = "") -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
        return answer.status, answer.read()


# --- a site's story, over a socket


def test_a_site_enrols_checks_in_and_reports(house: House, url: str, token: str) -> None:
    site = Talker("shop", house.server)
    site.invited()
    status, body = fetch(f"{url}/v1/enrol", site.enrolment())
    assert status == 200
    assert EnrolmentAnswer.from_bytes(body).poll_seconds == house.server.settings.poll_seconds

    site.installed = "1.0"
    status, body = fetch(f"{url}/v1/check-in", site.sign_of_life())
    assert status == 200
    assert CheckInAnswer.from_bytes(body).root_version == 1

    message = site.message(Phase.CONFIRMED)
    first, again = (
        ReportReceipt.from_bytes(fetch(f"{url}/v1/reports", message)[1]) for _ in range(2)
    )
    assert (first.duplicate, again.duplicate) == (False, True)
    assert first.sha256 == again.sha256

    seen = json.loads(fetch(f"{url}/v1/sites/shop", token=token)[1])
    assert seen["site"]["products"][0]["version"] == "1.0"
    assert seen["receipts"] == 1


def test_the_scheduler_runs_beside_the_api(house: House, url: str, token: str) -> None:
    house.site("shop").fails()
    for _ in range(200):
        seen = json.loads(fetch(f"{url}/v1/tickets", token=token)[1])
        if seen["tickets"]:
            break
        time.sleep(0.05)
    assert seen["by_tier"]["L2"] == 1
    assert seen["failures_unexplained"] == 0


def test_a_body_over_the_limit_is_refused_before_it_is_read(house: House, url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    for head in (
        f"Content-Length: {MAX_REPORT_BYTES + 1}\r\n",
        "Transfer-Encoding: chunked\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=10) as wire:
            wire.sendall(f"POST /v1/reports HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
            if "chunked" in head:
                chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
                wire.sendall(chunk * 3)  # more than the limit, and the end never comes
            assert b" 413 " in wire.recv(100).splitlines()[0]
    assert house.site("shop").report(Phase.CONFIRMED).sequence == 1


# --- refusals


BAD_BODIES = [
    (b"", 400),
    (b"[" * 10_000, 400),
    (b'{"payload":"a","payload":"b"}', 400),
    (b'{"x": NaN}', 400),
    (b'{"x": 1e999}', 400),
    (b"9" * 10_000, 400),
    (b"\xff\xfe", 400),
    (b"x" * (MAX_REPORT_BYTES + 1), 413),
]


def test_bad_bodies_get_an_answer_of_one_shape(client: TestClient) -> None:
    for path in ("/v1/enrol", "/v1/check-in", "/v1/reports"):
        for body, status in BAD_BODIES:
            answer = client.post(path, content=body)
            assert answer.status_code in (status, 400), (path, body[:40])
            assert set(answer.json()["error"]) == {"code", "message", "hint"}
    assert client.post("/v1/reports", content=BAD_BODIES[-1][0]).status_code == 413


def test_the_body_of_a_stranger_is_not_read_and_a_persons_is_bounded(
    client: TestClient, token: str, house: House
) -> None:
    house.start("2.0", schedule(ALL))
    much = b'{"reason": "' + b"x" * 1_000_000 + b'"}'
    path = "/v1/rollouts/app/2.0/pause"
    assert client.post(path, content=much).status_code == 401
    headers = {"Authorization": f"Bearer {token}"}
    assert client.post(path, content=much, headers=headers).status_code == 413
    assert client.post(path, content=b"[" * 9000, headers=headers).status_code == 422
    unknown = {"reason": "x", "force": True}
    assert client.post(path, json=unknown, headers=headers).status_code == 422


def test_a_conflicting_report_is_409_and_a_foreign_one_401(
    client: TestClient, house: House
) -> None:
    site = house.site("shop")
    site.report(Phase.DOWNLOADING)
    site.sequence = 0
    assert client.post("/v1/reports", content=site.message(Phase.CONFIRMED)).status_code == 409
    thief = Talker("shop", house.server)
    answers = {
        client.post("/v1/reports", content=talker.message(Phase.CONFIRMED)).content
        for talker in (thief, Talker("nobody", house.server))
    }
    assert len(answers) == 1
    assert b"not authorised" in answers.pop()


STAFF_ROUTES = [
    ("GET", "/v1/overview"),
    ("GET", "/v1/trust"),
    ("GET", "/v1/sites"),
    ("GET", "/v1/sites/shop"),
    ("GET", "/v1/sites/shop/explain"),
    ("GET", "/v1/releases"),
    ("GET", "/v1/rollouts"),
    ("GET", "/v1/rollouts/app/2.0"),
    ("POST", "/v1/rollouts/app/2.0/pause"),
    ("POST", "/v1/rollouts/app/2.0/resume"),
    ("POST", "/v1/rollouts/app/2.0/stop"),
    ("GET", "/v1/tickets"),
]
OPEN_ROUTES = {
    "/healthz",
    "/repository/metadata/{name}",
    "/repository/targets/{name}",
    "/v1/enrol",
    "/v1/check-in",
    "/v1/reports",
}


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Basic YTpi", "Bearer "])
def test_staff_routes_need_a_token(client: TestClient, house: House, given: str | None) -> None:
    house.site("shop")
    house.start("2.0", schedule(ALL))
    headers = {"Authorization": given} if given else {}
    for method, path in STAFF_ROUTES:
        answer = client.request(method, path, headers=headers, json=REASON)
        assert answer.status_code == 401, path
        assert answer.json()["error"]["message"] == "not authorised"
    with house.database.reading() as session:
        assert rollouts.find(session, PRODUCT, "2.0").state == RolloutState.RUNNING


def test_every_route_is_either_open_on_purpose_or_needs_a_token(client: TestClient) -> None:
    guarded = [path for _, path in STAFF_ROUTES]
    for path in client.get("/openapi.json").json()["paths"]:
        pattern = re.sub(r"\{[a-z_]+\}", "[^/]+", path)
        assert path in OPEN_ROUTES or any(re.fullmatch(pattern, each) for each in guarded), path


NOT_THERE = [
    ("/v1/sites/nobody", 404),
    ("/v1/sites/nobody/explain", 404),
    ("/v1/rollouts/app/9", 404),
    ("/v1/releases?product=nothing", 404),
    ("/v1/sites?limit=-1", 422),
    ("/v1/sites?limit=1000000000", 422),
    ("/v1/tickets?tier=L9", 422),
    ("/v1/nothing", 404),
    ("/v1/sites/", 404),
]


def test_what_is_not_there_is_said_in_one_shape(ani: TestClient) -> None:
    for path, status in NOT_THERE:
        answer = ani.get(path)
        assert answer.status_code == status, path
        assert answer.json()["error"]["message"]


def test_the_wrong_method_is_405(ani: TestClient) -> None:
    assert ani.delete("/v1/sites").status_code == 405


def test_with_the_database_away_the_answer_is_503_with_retry_after(
    ani: TestClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Database) -> None:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr(Database, "reading", away)
    for path in ("/healthz", "/v1/sites"):
        answer = ani.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert house.server


def test_a_fault_of_ours_is_an_answer_and_no_traceback(
    ani: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(_: Database) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Database, "reading", fault)
    answer = ani.get("/v1/sites")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "failed"
    assert "secret" not in answer.text


# --- what staff see and say


def test_sites_come_in_pages(ani: TestClient, house: House) -> None:
    for number in range(5):
        house.site(f"s{number}", client_id="warung" if number else "apotek")
    seen, after = [], ""
    while True:
        page = ani.get("/v1/sites", params={"limit": 2, "after": after}).json()
        seen += [site["site_id"] for site in page["sites"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == ["s0", "s1", "s2", "s3", "s4"]
    page = ani.get("/v1/sites", params={"client": "apotek"}).json()
    assert [site["site_id"] for site in page["sites"]] == ["s0"]


def test_a_pause_over_the_api_is_published_at_once_and_names_the_person(
    ani: TestClient, house: House
) -> None:
    house.site(ring=Ring.PILOT)
    house.start("2.0", schedule(100, ALL))
    answer = ani.post("/v1/rollouts/app/2.0/pause", json=REASON)
    assert answer.status_code == 200
    assert answer.json()["changes"][-1]["by"] == "ani"
    plan = RolloutPlan.from_bytes(read_target(house.server.store, plan_path(PRODUCT)))
    assert plan.rollouts[0].state is RolloutState.PAUSED
    assert ani.post("/v1/rollouts/app/2.0/pause", json=REASON).status_code == 409
    assert ani.post("/v1/rollouts/app/2.0/resume", json={}).status_code == 422
    assert ani.post("/v1/rollouts/app/2.0/resume", json=REASON).json()["state"] == "running"
    assert ani.post("/v1/rollouts/app/2.0/stop", json=REASON).json()["state"] == "stopped"


def test_a_rollout_shows_the_share_of_each_wave_and_what_comes_next(
    ani: TestClient, house: House
) -> None:
    pilots = [house.site(ring=Ring.PILOT) for _ in range(3)]
    house.start("2.0", schedule(100, ALL))
    pilots[0].confirms()
    pilots[1].fails()
    house.tick(1)
    seen = ani.get("/v1/rollouts/app/2.0").json()
    wave = seen["waves"][0]
    assert (wave["counts"]["confirmed"], wave["counts"]["failed"], wave["attempted"]) == (1, 1, 2)
    assert seen["phases"] == {"confirmed": 1, "reverted": 1}
    assert "watched until" in seen["outlook"]
    assert ani.get("/v1/rollouts?product=app").json() == [seen]


def test_explain_says_the_same_as_the_site_would(ani: TestClient, house: House) -> None:
    house.site("shop")
    house.start("2.0", schedule(ALL))
    (seen,) = ani.get("/v1/sites/shop/explain").json()
    assert seen["decision"] == "install"
    ani.post("/v1/rollouts/app/2.0/pause", json=REASON)
    (seen,) = ani.get("/v1/sites/shop/explain?product=app").json()
    assert seen["decision"] == "stay"
    assert seen["reason"] == "the rollout is paused (ani: prices are missing)"
    assert {gate["gate"]: gate["answer"] for gate in seen["gates"]}["held"] == "stay"


def test_releases_tickets_trust_and_overview(ani: TestClient, house: House) -> None:
    site = house.site("shop")
    house.start("2.0", schedule(ALL))
    site.fails()
    house.tick()
    (release,) = ani.get("/v1/releases").json()
    assert (release["product"], release["version"], release["lane"]) == ("app", "2.0", "releases")
    seen = ani.get("/v1/tickets?tier=L2").json()
    assert seen["tickets"][0]["code"] == FailureCode.UNHEALTHY
    assert ani.get("/v1/tickets?tier=L1").json()["tickets"] == []
    assert ani.get("/v1/trust").json()["root_sha256"] == house.estate.root_sha256
    overview = ani.get("/v1/overview").json()
    assert (overview["sites"], overview["receipts"]) == (1, 2)
    assert overview["failures_unexplained"] == 0


# --- documentation


def test_every_operation_documents_its_bodies_with_examples(client: TestClient) -> None:
    document: dict[str, Any] = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            for status, answer in operation["responses"].items():
                if status != "304":
                    assert _has_examples(answer), f"{where} {status}"
            if method == "post":
                assert _has_examples(operation["requestBody"]), where


def _has_examples(part: dict[str, Any]) -> bool:
    content = part.get("content", {})
    return bool(content) and all(
        "example" in each or "examples" in each or "examples" in each.get("schema", {})
        for each in content.values()
    )


def test_the_staff_token_is_kept_as_a_hash_in_a_file_of_mode_0600(house: House, token: str) -> None:
    file = house.server.settings.staff_token_file
    assert file.read_text().strip() == token
    assert file.stat().st_mode & 0o777 == 0o600
    for part in Path(house.server.settings.home).glob("hsp.db*"):
        assert token.encode() not in part.read_bytes()
