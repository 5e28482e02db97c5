"""Ani, on the API."""

import pytest
from starlette.testclient import TestClient

from tests.simulators.house import House
from tests.simulators.staff import token_of


@pytest.fixture
def token(house: House) -> str:
    """Ani's, on the API."""
    return token_of(house.database, "ani", house.clock.now)


@pytest.fixture
def ani(client: TestClient, token: str) -> TestClient:
    """The API in Ani's voice."""
    client.headers["Authorization"] = f"Bearer {token}"
    return client
