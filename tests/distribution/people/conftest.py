"""Anybody, on the API."""

from collections.abc import Callable

import pytest

from tests.simulators.house import House
from tests.simulators.staff import token_of

Bearer = Callable[[str], dict[str, str]]


@pytest.fixture
def bearer(house: House) -> Bearer:
    """The header of somebody with a token."""

    def header(name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token_of(house.database, name, house.clock.now)}"}

    return header
