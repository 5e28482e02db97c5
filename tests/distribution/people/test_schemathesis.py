"""The whole API against its own document, with requests that nobody would think of.

Whoever asks has every role of ours. Examples are few on purpose: this is one minute, not a night.
"""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from distribution.api import application
from tests.simulators.house import Clock, House, schedule
from tests.simulators.staff import token_of

EXAMPLES = 8
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, str]]]:
    """A server with a little in it, and Ani's token."""
    house = House.build(tmp_path_factory.mktemp("fuzzed"), Clock())
    house.site("shop")
    house.start("2.0", schedule(10_000))
    limits = {"requests_per_minute": 1_000_000, "enrolments_per_address": 100_000}
    many = {**limits, "enrolments_per_minute": 100_000, "logins_per_minute": 1000}
    server = house.server
    object.__setattr__(server, "settings", server.settings.model_copy(update=many))
    token = token_of(house.database, "ani", house.clock.now)
    yield application(server), {"Authorization": f"Bearer {token}", "Host": "127.0.0.1"}
    house.database.close()


@pytest.fixture(scope="module")
def document(headers: tuple[Any, dict[str, str]]) -> Any:
    """What the server says of itself; the stream of events never ends, so it is left out."""
    app, given = headers
    found = schemathesis.openapi.from_asgi("/openapi.json", app, headers=given)
    return found.exclude(path="/v1/events")


def test_every_answer_is_as_documented_and_none_is_a_fault_of_ours(
    document: Any, headers: tuple[Any, dict[str, str]]
) -> None:
    tried = 0
    for result, mode in itertools.product(document.get_all_operations(), GenerationMode):
        operation = result.ok()

        @seed(1)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def fuzz(case: schemathesis.Case) -> None:
            case.call_and_validate(headers=headers[1], checks=CHECKS)

        with suppress(Unsatisfiable):  # nothing about some operations can be wrong
            fuzz()
        tried += 1
    assert tried >= 60
