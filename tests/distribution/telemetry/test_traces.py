"""Spans arrive at a collector as OpenTelemetry's own messages; without one, nothing is loaded."""

import subprocess
import sys

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from distribution.api import application
from distribution.errors import Misconfigured
from distribution.telemetry import traces
from tests.simulators.house import House
from tests.simulators.receiver import Receiver
from tests.simulators.repeater import memory_is_current, ready, until
from tests.simulators.staff import api_of


def _spans(collector: Receiver) -> list[Span]:
    requests = [ExportTraceServiceRequest.FromString(post.body) for post in collector.posts]
    found = [
        span
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    return sorted(found, key=lambda span: span.start_time_unix_nano)


def test_spans_arrive_with_their_parents(house: House) -> None:
    with Receiver() as collector:
        with traces.sent_to(collector.url):
            with traces.span("outer", product="app"), traces.span("inner"):
                pass
            with TestClient(application(house.server), base_url="http://127.0.0.1") as client:
                assert client.get("/healthz").status_code == 200
        outer, inner, request = _spans(collector)
    assert {post.path for post in collector.posts} == {"/hook/v1/traces"}
    assert (outer.name, inner.name, inner.parent_span_id) == ("outer", "inner", outer.span_id)
    assert [(each.key, each.value.string_value) for each in outer.attributes] == [
        ("hsp.product", "app")
    ]
    assert (request.name, request.parent_span_id) == ("GET /healthz", b"")
    assert traces.span("after") is not None, "a span is always something to be inside of"


def test_quick_answers_are_spans_too(house: House) -> None:
    with Receiver() as collector:
        with traces.sent_to(collector.url), api_of(house.server) as client:
            shop = ready(house, client)
            house.clock.forward(30)
            until(lambda: memory_is_current(client))
            assert shop.repeat().status_code == 200
        full, quick = _spans(collector)
    assert {full.name, quick.name} == {"POST /v1/check-in"}
    for span in (full, quick):
        statuses = {each.key: each.value.int_value for each in span.attributes}
        assert statuses == {"http.response.status_code": 200}
    assert 0 < quick.end_time_unix_nano - quick.start_time_unix_nano < 1_000_000_000


def test_without_a_collector_nothing_of_it_is_imported() -> None:
    looked = "print('opentelemetry.sdk' in sys.modules)"
    code = f"import sys, distribution.cli, distribution.api; {looked}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_missing_extra_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)  # as Python marks what is not there
    with (
        pytest.raises(Misconfigured, match="tracing_url needs") as error,
        traces.sent_to("http://x"),
    ):
        pass
    assert "[server,tracing]" in error.value.hint
