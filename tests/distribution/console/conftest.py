"""A house with two clients, a rollout that failed at both, and somebody of every role.

Pages are read only, so all tests of a process look at one house.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from distribution.people.roles import Role
from tests.simulators.house import Clock, House, schedule
from tests.simulators.staff import api_of, hire, token_of

Browse = Callable[..., Any]


EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'
"""What one of the sites says of its failure."""


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Sites of Warung and of Rs-Medika; 2.0 failed at both, and its rollout was paused."""
    house = House.build(tmp_path_factory.mktemp("furnished"), Clock())
    for client in ("warung", "rs-medika"):
        for number in (1, 2, 3):
            house.site(f"{client}-{number}", client_id=client).confirms("1.0")
    house.start("2.0", schedule(10_000))
    for name in ("warung-1", "rs-medika-1"):
        site = house.site(f"{name}-x", client_id=name[:-2])
        site.fails("2.0", log_tail="KeyError: 'prices'")
    house.site("warung-evil", client_id="warung").fails("2.0", detail=EVIL)
    house.tick(60)
    yield house
    house.database.close()


@pytest.fixture(scope="session")
def browse(furnished: House) -> Browse:
    """A page as somebody of this role sees it, with a token in the place of a login."""
    tokens: dict[Role, str] = {}
    for role in Role:
        client = "warung" if role is Role.CUSTOMER else ""
        hire(furnished.database, furnished.clock.now, {f"x-{role}": (role,)}, client=client)
        tokens[role] = token_of(furnished.database, f"x-{role}", furnished.clock.now)
    api: TestClient = api_of(furnished.server)

    def look(role: Role | None, path: str, **headers: str) -> Any:
        given = {"Authorization": f"Bearer {tokens[role]}"} if role else {}
        return api.get(path, headers={**given, **headers})

    return look
