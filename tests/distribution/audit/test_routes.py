"""Every route that changes something leaves a record; a route that is in no table fails here."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.simulators.deeds import (
    CLOSING,
    REASON,
    Before,
    alarmed,
    braked,
    frozen,
    known,
    nothing,
    notified,
    overridden,
    paused,
    records,
    running,
    ticketed,
    unreviewed,
)
from tests.simulators.house import House, Talker
from tests.simulators.staff import api_of, token_of

ROUTES: Mapping[tuple[str, str], tuple[Before, str, str, dict[str, Any], str]] = {
    ("post", "/v1/rollouts/{product}/{version}/pause"): (
        *(running, "wati", "/v1/rollouts/app/2.0/pause", REASON, "rollout.pause"),
    ),
    ("post", "/v1/rollouts/{product}/{version}/resume"): (
        *(paused, "budi", "/v1/rollouts/app/2.0/resume", REASON, "rollout.resume"),
    ),
    ("post", "/v1/rollouts/{product}/{version}/stop"): (
        *(running, "wati", "/v1/rollouts/app/2.0/stop", REASON, "rollout.stop"),
    ),
    ("post", "/v1/rollouts/{product}/{version}/recall"): (
        *(running, "wati", "/v1/rollouts/app/2.0/recall", REASON, "rollout.stop"),
    ),
    ("post", "/v1/rollouts/{product}/{version}/approve"): (
        *(running, "ani", "/v1/rollouts/app/2.0/approve", {"client": "warung", **REASON}),
        "approval.give",
    ),
    ("post", "/v1/sites/{site_id}/revoke"): (
        *(nothing, "rina", "/v1/sites/shop/revoke", REASON, "site.revoke"),
    ),
    ("post", "/v1/sites/{site_id}/steps"): (
        *(nothing, "joko", "/v1/sites/shop/steps", {"kind": "verify", **REASON}, "site.ask"),
    ),
    ("post", "/v1/brakes"): (
        *(nothing, "joko", "/v1/brakes", {"scope": "site", "target": "shop", **REASON}),
        "brake.on",
    ),
    ("post", "/v1/brakes/{number}/off"): (
        *(braked, "budi", "/v1/brakes/1/off", REASON, "brake.off"),
    ),
    ("post", "/v1/freezes"): (
        *(nothing, "joko", "/v1/freezes"),
        *({"scope": "client", "subject": "warung", "freeze": CLOSING, **REASON},),
        "freeze.announce",
    ),
    ("post", "/v1/freezes/{number}/lift"): (
        *(frozen, "budi", "/v1/freezes/1/lift", REASON, "freeze.lift"),
    ),
    ("post", "/v1/reviews/{number}/close"): (
        *(unreviewed, "wati", "/v1/reviews/1/close", REASON, "review.close"),
    ),
    ("post", "/v1/notify/channels"): (
        *(nothing, "wati", "/v1/notify/channels"),
        *({"tier": "L2", "kind": "chat", "address": "https://chat.example/T0", **REASON},),
        "notify.add",
    ),
    ("post", "/v1/notify/channels/{number}/remove"): (
        *(notified, "wati", "/v1/notify/channels/1/remove", REASON, "notify.remove"),
    ),
    ("post", "/v1/tickets/{number}/take"): (
        *(ticketed, "joko", "/v1/tickets/1/take", {}, "ticket.take"),
    ),
    ("post", "/v1/tickets/{number}/raise"): (
        *(ticketed, "joko", "/v1/tickets/1/raise", REASON, "ticket.raise"),
    ),
    ("post", "/v1/tickets/{number}/note"): (
        *(ticketed, "joko", "/v1/tickets/1/note", {"text": "rain"}, "ticket.note"),
    ),
    ("post", "/v1/tickets/{number}/close"): (
        *(alarmed, "rina", "/v1/tickets/1/close", REASON, "ticket.close"),
    ),
    ("post", "/v1/tickets/{number}/cause"): (
        *(ticketed, "wati", "/v1/tickets/1/cause", {"text": "rain"}, "problem.cause"),
    ),
    ("post", "/v1/tickets/{number}/hotfix"): (
        *(ticketed, "wati", "/v1/tickets/1/hotfix"),
        *({"release": "releases/app/2.1/manifest.json"}, "problem.hotfix"),
    ),
    ("post", "/v1/tickets/{number}/hand-over"): (
        *(ticketed, "wati", "/v1/tickets/1/hand-over", {"to": "developers"}, "problem.hand_over"),
    ),
    ("post", "/v1/known-issues"): (
        *(ticketed, "wati", "/v1/known-issues"),
        *({"problem": 1, "workaround": "wait", "sentence": "Wait."}, "known_issue.add"),
    ),
    ("post", "/v1/known-issues/{number}/end"): (
        *(known, "wati", "/v1/known-issues/1/end", REASON, "known_issue.end"),
    ),
    ("post", "/v1/sites/{site_id}/symptoms"): (
        *(nothing, "joko", "/v1/sites/shop/symptoms"),
        *({"channel": "chat", "sees": ["slow"], "opens": True}, "symptoms.record"),
    ),
    ("post", "/v1/failures/{code}"): (
        *(nothing, "rina", "/v1/failures/unhealthy", {"tier": "L3", **REASON}, "failure.set"),
    ),
    ("post", "/v1/failures/{code}/reset"): (
        *(overridden, "wati", "/v1/failures/unhealthy/reset", REASON, "failure.reset"),
    ),
}
"""What must be there, who asks, where, with which body, and what the record calls it."""

OTHER_ROUTES: Mapping[tuple[str, str], str] = {
    ("post", "/v1/enrol"): "site.enrol: test_a_site_joins_in_one_record",
    ("post", "/v1/check-in"): "what sites tell; of their administrators: test_what_a_site_changes",
    ("post", "/v1/reports"): "signed by the site: evidence itself",
    ("post", "/v1/step-results"): "signed by the site: evidence itself",
    ("post", "/v1/site-key"): "site.rotate_key: test_the_new_key_speaks_and_the_old_one_does_not",
    ("post", "/v1/notify/channels/{number}/test"): "notify.test; it changes no channel",
    ("post", "/v1/session"): "session.open: the tests of people",
    ("delete", "/v1/session"): "session.close: the tests of people",
}


@pytest.fixture
def shop(house: House) -> Talker:
    """A site of the client Warung."""
    return house.site("shop")


@pytest.fixture
def voice(house: House) -> Iterator[Callable[[str], TestClient]]:
    """The API in somebody's voice."""
    yield lambda name: api_of(house.server, token_of(house.database, name, house.clock.now))


def test_every_route_that_is_no_get_is_in_a_table(voice: Callable[[str], TestClient]) -> None:
    paths = voice("ani").get("/openapi.json").json()["paths"]
    found = {(verb, path) for path, verbs in paths.items() for verb in verbs if verb != "get"}
    assert found == {*ROUTES, *OTHER_ROUTES}


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[1])
def test_a_route_leaves_exactly_one_record(
    house: House, voice: Callable[[str], TestClient], route: tuple[str, str]
) -> None:
    prepare, who, path, body, action = ROUTES[route]
    prepare(house)
    client = voice(who)
    before = records(house.database)
    answer = client.post(path, json=body)
    assert answer.status_code in (200, 201, 204), answer.text
    [record] = records(house.database)[len(before) :]
    assert (record.action, record.actor) == (action, who)
    assert record.reason
    assert record.request == answer.headers["X-Request-Id"]
    assert json.loads(record.changes)
    assert client.post(path, json={"nonsense": 1}).status_code == 422
    assert len(records(house.database)) == len(before) + 1, "what was refused leaves none"


def test_an_auditor_reads_the_log_over_the_api_page_by_page(
    house: House, voice: Callable[[str], TestClient]
) -> None:
    house.site("warung-1")
    rina = voice("rina")
    first = rina.get("/v1/audit", params={"limit": 2}).json()
    then = rina.get("/v1/audit", params={"after": first[-1]["seq"], "limit": 1000}).json()
    assert [each["seq"] for each in [*first, *then]] == list(range(1, len(first + then) + 1))
    enrolled = rina.get("/v1/audit", params={"actor": "site:warung-1"}).json()
    assert [each["action"] for each in enrolled] == ["site.enrol"]
    assert voice("sari").get("/v1/audit").status_code == 403
