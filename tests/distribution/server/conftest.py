"""Ani, on the API; and a server that remembers sites."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from distribution.sites import check_ins
from tests.simulators.house import House
from tests.simulators.staff import api_of, token_of


@pytest.fixture
def token(house: House) -> str:
    """Ani's, on the API."""
    return token_of(house.database, "ani", house.clock.now)


@pytest.fixture
def ani(client: TestClient, token: str) -> TestClient:
    """The API in Ani's voice."""
    client.headers["Authorization"] = f"Bearer {token}"
    return client


OFTEN = {"check_in_burst": 10_000, "reports_per_minute": 100_000}


@pytest.fixture
def quick(house: House) -> Iterator[TestClient]:
    """The API with a memory; sites may come as often as they like."""
    often = house.server.settings.model_copy(update=OFTEN)
    house.server = replace(house.server, settings=often)
    with api_of(house.server) as client:
        yield client


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which check-ins go the full way, by the function that hears them."""
    found: list[str] = []
    for name in ("accept", "repeat"):
        true = getattr(check_ins, name)

        def noted(*args: Any, name: str = name, true: Any = true, **named: Any) -> Any:
            found.append(name)
            return true(*args, **named)

        monkeypatch.setattr(check_ins, name, noted)
    return found
