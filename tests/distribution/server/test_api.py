"""What the API refuses, how it says so, and how it documents itself."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from distribution.control import rollouts
from distribution.database.sessions import Database
from distribution.errors import Unavailable
from manifests.install_report import MAX_REPORT_BYTES, Phase
from manifests.rollout import RolloutState
from tests.simulators.house import PRODUCT, House, Talker, schedule

ALL = 10_000
REASON = {"reason": "prices are missing"}


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
    ("GET", "/v1/sites/shop/windows"),
    ("GET", "/v1/sites/shop/components"),
    ("GET", "/v1/affected?component=openssl"),
    ("GET", "/v1/reviews"),
    ("POST", "/v1/reviews/1/close"),
    ("GET", "/v1/releases"),
    ("GET", "/v1/rollouts"),
    ("GET", "/v1/rollouts/app/2.0"),
    ("POST", "/v1/rollouts/app/2.0/pause"),
    ("POST", "/v1/rollouts/app/2.0/resume"),
    ("POST", "/v1/rollouts/app/2.0/stop"),
    ("POST", "/v1/rollouts/app/2.0/recall"),
    ("POST", "/v1/rollouts/app/2.0/approve"),
    ("GET", "/v1/brakes"),
    ("POST", "/v1/brakes"),
    ("POST", "/v1/brakes/1/off"),
    ("GET", "/v1/freezes"),
    ("POST", "/v1/freezes"),
    ("POST", "/v1/freezes/1/lift"),
    ("GET", "/v1/events"),
    ("GET", "/metrics"),
    ("GET", "/v1/tickets"),
    ("GET", "/v1/session"),
    ("DELETE", "/v1/session"),
]


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
    for path in ("/readyz", "/v1/sites"):
        answer = ani.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert ani.get("/healthz").status_code == 200, "starting the process anew would mend nothing"
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


def test_every_operation_documents_its_bodies_with_examples(client: TestClient) -> None:
    document: dict[str, Any] = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            for status, answer in operation["responses"].items():
                if status not in ("204", "303", "304"):
                    assert _has_examples(answer), f"{where} {status}"
            if method == "post":
                assert _has_examples(operation["requestBody"]), where


def _has_examples(part: dict[str, Any]) -> bool:
    content = part.get("content", {})
    return bool(content) and all(
        "example" in each or "examples" in each or "examples" in each.get("schema", {})
        for each in content.values()
    )
