"""What happens is told in order, once, and from where a watcher left off; and the figures."""

import json
import time
import urllib.request
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from distribution import events
from distribution.control import brakes, rollouts
from distribution.control.brakes import Scope
from distribution.control.rollouts import Word
from tests.distribution.server.test_api_agents import url as url
from tests.simulators.house import PRODUCT, House, schedule

pytestmark = pytest.mark.both_databases

ALL = 10_000
WATI = Word("wati", "stock-taking")


def told(client: TestClient, after: int = 0, **headers: str) -> list[dict[str, Any]]:
    params: dict[str, Any] = {"follow": False, **({} if headers else {"after": after})}
    answer = client.get("/v1/events", params=params, headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    frames = [frame for frame in answer.text.split("\n\n") if frame.startswith("id:")]
    return [json.loads(frame.split("data: ")[1]) for frame in frames]


def test_a_story_is_told_in_the_order_in_which_it_happened(ani: TestClient, house: House) -> None:
    shop = house.site("shop")
    house.start("2.0", schedule(ALL))
    brakes.put_on(house.database, Scope.SITE, "shop", WATI, house.clock.now)
    shop.confirms()
    house.tick(1)
    rollouts.pause(house.database, PRODUCT, "2.0", WATI, house.clock.now)
    kinds = [(e["kind"], e["detail"].get("state") or e["detail"].get("phase")) for e in told(ani)]
    assert kinds == [
        ("check_in", None),
        ("wave", None),
        ("rollout", "running"),
        ("brake", None),
        ("check_in", None),
        ("phase", "activating"),
        ("phase", "confirmed"),
        ("rollout", "paused"),
    ]


def test_a_watcher_goes_on_where_it_left_off(ani: TestClient, house: House) -> None:
    house.sites(3)
    seen = told(ani)
    assert [e["site_id"] for e in seen] == ["site-0", "site-1", "site-2"]
    rest = told(ani, **{"Last-Event-ID": str(seen[0]["number"])})
    assert rest == seen[1:]
    assert told(ani, after=seen[-1]["number"]) == []
    assert ani.get("/v1/events", headers={"Last-Event-ID": "x"}).status_code == 422


def test_a_stranger_sees_neither_events_nor_figures(client: TestClient) -> None:
    assert client.get("/v1/events").status_code == 401
    assert client.get("/metrics").status_code == 401


def test_old_events_go_and_numbers_only_grow(house: House) -> None:
    house.sites(2)
    house.start("2.0", schedule(ALL))
    with house.database.reading() as session:
        before = events.newest(session)
    house.clock.forward(2 * 3600)
    events.forget_old(house.database, house.clock.now)
    with house.database.reading() as session:
        kinds = [each.kind for each in events.after(session, 0)]
    assert kinds == ["wave", "rollout"]
    events.forget_old(house.database, house.clock.now + timedelta(days=30))
    house.site()
    with house.database.reading() as session:
        assert [e.number > before for e in events.after(session, 0)] == [False, True]


def test_it_is_told_while_it_happens(house: House, url: str, token: str) -> None:
    request = urllib.request.Request(
        f"{url}/v1/events", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as stream:
        assert stream.readline() == b": nothing new\n"
        began = time.monotonic()
        house.site("shop")
        lines = [stream.readline() for _ in range(4)]
    assert time.monotonic() - began < 5
    assert b"event: check_in\n" in lines
    assert b'"site_id": "shop"' in lines[-1]


def test_the_figures_are_those_of_the_desk(ani: TestClient, house: House) -> None:
    done, _ = house.sites(2)
    house.start("2.0", schedule(5000, ALL))
    brakes.put_on(house.database, Scope.GLOBAL, "", WATI, house.clock.now)
    done.fails()
    answer = ani.get("/metrics")
    assert answer.status_code == 200
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["hsp_sites", "online"] == 2
    assert found["hsp_queue_length", "reports"] == 2
    assert found["hsp_failures_unexplained",] == 1
    assert found["hsp_rollout_state", "2.0", PRODUCT, "running"] == 1
    waves = [found["hsp_rollout_sites", str(n), "2.0", PRODUCT, "sites"] for n in (1, 2)]
    assert sum(waves) == 2
    assert found["hsp_brakes", "global"] == 1
    assert 0 < found["hsp_metadata_seconds_left", "timestamp"] <= 6 * 3600
    assert "warung" not in answer.text
    house.tick(1)
    assert 'hsp_queue_length{queue="reports"} 0.0' in ani.get("/metrics").text
