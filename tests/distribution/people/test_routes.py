"""Every route of the API, as its own document lists them, tried by everybody."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from distribution.api import application
from distribution.people.roles import TABLE, Permission, Role
from tests.distribution.people.stage import FREEZE_PLAIN, Route, Stage, bearer, staged
from tests.simulators.house import House
from tests.simulators.staff import token_of

UNDECLARED = b'{"error":{"code":"http_404","message":"Not Found","hint":""}}'


@pytest.fixture
def stage(house: House) -> Iterator[Stage]:
    """Everything that a route could be about, of an own and of a foreign client."""
    with staged(house) as stage:
        yield stage


OURS = [role for role in Role if role is not Role.CUSTOMER]
NOBODIES = ("nobody", "forged", "expired", "revoked", "gone")


def guarded(stage: Stage) -> list[Route]:
    """Routes that ask for a permission."""
    return [route for route in stage.routes if route.whom in list(Permission)]


def test_every_route_declares_for_whom_it_is(stage: Stage) -> None:
    known = {"sites", "all", "somebody", *Permission}
    assert {route.whom for route in stage.routes} <= known
    open_ones = {route.path for route in stage.routes if route.whom == "all"}
    assert open_ones == {
        "/healthz",
        "/readyz",
        "/repository/metadata/{name}",
        "/repository/targets/{name}",
        "/v1/clients/{client_id}/calendar.ics",
        "/v1/session",
        "/v1/session/oidc",
        "/v1/session/oidc/callback",
    }
    assert {r.path for r in stage.routes if r.whom == "sites"} >= {
        "/v1/enrol",
        "/v1/check-in",
        "/v1/reports",
    }


def test_a_route_that_declares_nothing_keeps_the_server_from_starting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastapi import APIRouter

    from distribution.api import application as built_by

    router = APIRouter()
    router.add_api_route("/v1/secret", lambda: "everything")
    module = __import__(built_by.__module__, fromlist=["ROUTERS"])
    monkeypatch.setattr(module, "ROUTERS", (*module.ROUTERS, router))
    with pytest.raises(RuntimeError, match="/v1/secret does not declare"):
        application(house.server)


def test_who_has_not_shown_who_they_are_gets_the_same_refusal_everywhere(stage: Stage) -> None:
    for route in stage.routes:
        if route.whom in ("sites", "all"):
            continue
        answers = {stage.say(who, route, {}).content for who in NOBODIES}
        statuses = {stage.say(who, route, {}).status_code for who in NOBODIES}
        assert statuses == {401}, route
        assert len(answers) == 1, route


def test_each_role_may_do_what_the_table_says_and_nothing_else(stage: Stage) -> None:
    for route in guarded(stage):
        for role in OURS:
            answer = stage.say(role, route, None if route.method == "GET" else {})
            if role in TABLE[Permission(route.whom)]:
                assert answer.status_code not in (401, 403), (route, role)
            else:
                assert answer.status_code == 403, (route, role)
                assert answer.json()["error"]["code"] == "not_allowed"
        assert stage.say("nothing", route, {}).status_code == 403, route


def test_whoever_is_logged_in_sees_who_they_are(stage: Stage) -> None:
    for route in (route for route in stage.routes if route.whom == "somebody"):
        for role in Role:
            assert stage.say(role, route, None).status_code in (200, 204), (route, role)


def test_what_a_customer_may_not_do_does_not_exist(stage: Stage) -> None:
    for route in guarded(stage):
        answer = stage.say(Role.CUSTOMER, route, None if route.method == "GET" else {})
        if Role.CUSTOMER in TABLE[Permission(route.whom)]:
            assert answer.status_code in (200, 422), (route, answer.text)
        else:
            assert (answer.status_code, answer.content) == (404, UNDECLARED), route
    assert stage.api.get("/v1/nothing").content == UNDECLARED


def said_of(answer: Any) -> dict[str, str]:
    """Its headers, less the number that every request has."""
    return {name: value for name, value in answer.headers.items() if name != "x-request-id"}


def test_a_foreign_site_and_an_unknown_one_are_the_same_to_a_customer(stage: Stage) -> None:
    tried = 0
    for route in (route for route in guarded(stage) if "{site_id}" in route.path):
        own = stage.say(Role.CUSTOMER, route, {} if route.method == "POST" else None)
        foreign = stage.say(Role.CUSTOMER, route, {}, site="ward")
        unknown = stage.say(Role.CUSTOMER, route, {}, site="none")
        if Role.CUSTOMER in TABLE[Permission(route.whom)]:
            assert own.status_code in (200, 422), route
        assert (foreign.status_code, unknown.status_code) == (404, 404), route
        assert foreign.content.replace(b"ward", b"none") == unknown.content, route
        assert said_of(foreign) == said_of(unknown), route
        assert stage.say(Role.L1, route, None, site="ward").status_code != 404 or (
            route.method != "GET"
        )
        tried += 1
    assert tried >= 4


def test_a_foreign_hold_and_an_unknown_one_are_the_same_to_a_customer(stage: Stage) -> None:
    said = {"reason": "we are open"}
    for what, path in (
        ("brake", "/v1/brakes/{number}/off"),
        ("freeze", "/v1/freezes/{number}/lift"),
    ):
        route = Route("POST", path, "")
        own = stage.say(Role.CUSTOMER, route, said, number=stage.numbers[f"{what} warung"])
        assert own.status_code == 403, "wati put it on"
        foreign_number = stage.numbers[f"{what} klinik"]
        foreign = stage.say(Role.CUSTOMER, route, said, number=foreign_number)
        unknown = stage.say(Role.CUSTOMER, route, said, number=999)
        assert (foreign.status_code, unknown.status_code) == (404, 404)
        again = re.sub(rb"\b999\b", str(foreign_number).encode(), unknown.content)
        assert foreign.content == again


def test_lists_show_a_customer_their_own_client_and_nothing_else(stage: Stage) -> None:
    headers = stage.headers[Role.CUSTOMER]

    def seen(url: str) -> Any:
        answer = stage.api.get(url, headers=headers)
        assert b"klinik" not in answer.content
        assert b"ward" not in answer.content
        return answer.json()

    assert [site["site_id"] for site in seen("/v1/sites")["sites"]] == ["shop"]
    assert seen("/v1/sites?after=a&limit=1")["next"] is None
    assert [one["target"] for one in seen("/v1/brakes?also_off=true")] == ["warung"]
    assert [one["subject"] for one in seen("/v1/freezes")] == ["warung"]
    foreign = stage.api.get("/v1/sites?client=klinik", headers=headers)
    assert foreign.content == stage.api.get("/v1/sites?client=nobody", headers=headers).content


def test_a_customer_holds_what_is_theirs_and_takes_it_off_again(stage: Stage) -> None:
    headers = stage.headers[Role.CUSTOMER]
    said = {"reason": "the fair is on"}
    for scope, target, status in (
        ("site", "shop", 200),
        ("client", "warung", 200),
        ("site", "ward", 404),
        ("client", "klinik", 404),
        ("product", "app", 404),
        ("global", "", 404),
    ):
        wanted = {"scope": scope, "target": target, **said}
        answer = stage.api.post("/v1/brakes", json=wanted, headers=headers)
        assert answer.status_code == status, (scope, target, answer.text)
        frozen = {
            "scope": scope,
            "subject": target,
            "freeze": {**FREEZE_PLAIN, "name": "x"},
            **said,
        }
        answer = stage.api.post("/v1/freezes", json=frozen, headers=headers)
        assert answer.status_code == status, (scope, target, answer.text)
    mine = [b for b in stage.api.get("/v1/brakes", headers=headers).json() if b["by"] != "wati"]
    assert len(mine) == 2
    for brake in mine:
        path = f"/v1/brakes/{brake['number']}/off"
        assert stage.api.post(path, json=said, headers=headers).status_code == 200


def test_a_tokens_scope_takes_away_and_never_adds(stage: Stage) -> None:
    database, now = stage.house.database, stage.house.clock.now
    narrow = token_of(database, "wati", now, [Permission.TICKET_READ, Permission.ROLLOUT_RESUME])
    headers = {"Authorization": f"Bearer {narrow}"}
    assert stage.api.get("/v1/tickets", headers=headers).status_code == 200
    assert stage.api.get("/v1/rollouts", headers=headers).status_code == 403
    path = "/v1/rollouts/app/2.0/resume"
    assert stage.api.post(path, json={"reason": "x"}, headers=headers).status_code == 403


def test_a_body_over_the_limit_is_refused_unread_on_every_route_that_takes_one(
    stage: Stage,
) -> None:
    document = stage.api.get("/openapi.json").json()
    tried = 0
    for route in (route for route in stage.routes if route.method in ("POST", "PUT", "PATCH")):
        if "requestBody" not in document["paths"][route.path][route.method.lower()]:
            continue
        headers = {**bearer(stage.house, "ani"), "Content-Type": "application/json"}
        answer = stage.api.request(
            route.method, route.url(), headers=headers, content=b" " * 2_000_000
        )
        assert answer.status_code == 413, route
        tried += 1
    assert tried >= 10


def test_the_documentations_page_lists_every_operation_and_runs_no_script(stage: Stage) -> None:
    answer = stage.api.get("/docs")
    assert answer.status_code == 200
    for route in stage.routes:
        assert f"{route.method} {route.path}" in answer.text
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
