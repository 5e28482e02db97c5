"""U+0000 in whatever a request says: PostgreSQL can keep no such text, and nothing breaks of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from distribution.api import application
from tests.simulators.house import House, schedule
from tests.simulators.staff import token_of

ODD = "a\0b"
Request = tuple[str, str, Any]


def _requests(document: dict[str, Any]) -> Iterator[Request]:
    """Every route, with one odd text at a time: in its path, its query or its body."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path == "/v1/events":
                continue  # it never ends
            given = operation.get("parameters", [])
            content = operation.get("requestBody", {}).get("content", {})
            example = content.get("application/json", {}).get("example")
            named = {each["name"]: each for each in given if each["in"] == "path"}
            plain = _filled(path, dict.fromkeys(named, "1"))
            for each in given:
                if each["in"] == "query":
                    yield method, f"{plain}?{each['name']}=a%00b", example
            for name in named:
                yield method, _filled(path, {**dict.fromkeys(named, "1"), name: "a%00b"}), example
            for name, value in (example if isinstance(example, dict) else {}).items():
                odd = [ODD] if isinstance(value, list) else ODD
                yield method, plain, {**example, name: odd}


def _filled(path: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    return path


@pytest.mark.both_databases
def test_a_text_that_cannot_be_kept_is_a_fault_of_whoever_sent_it(house: House) -> None:
    house.site("1").fails()
    house.start("2.0", schedule(10_000))
    many = {"requests_per_minute": 1_000_000, "logins_per_minute": 1000}
    object.__setattr__(house.server, "settings", house.server.settings.model_copy(update=many))
    app, tried, faults = application(house.server), 0, []
    token = token_of(house.database, "ani", house.clock.now)
    headers = {"Authorization": f"Bearer {token}"}
    client = TestClient(app, "http://127.0.0.1", raise_server_exceptions=False, headers=headers)
    with client:
        for method, url, body in _requests(app.openapi()):
            status = client.request(method, url, json=body).status_code
            tried += 1
            if status >= 500:
                faults.append((method, url, status))
    assert faults == []
    assert tried > 150
