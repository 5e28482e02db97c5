"""A site with a session, as a new agent uses it, and the memory of the server that it talks to.

with api_of(house.server) as client:
    shop = ready(house, client)      # has signed a check-in, and is remembered
    shop.repeat()                    # says the same again, by its token
"""

import time
from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from distribution.database.tables import Site
from distribution.quick.memory import Memory
from manifests.check_in import CHECK_IN_TYPE, SESSION_HEADER
from manifests.envelope import peek
from tests.simulators.house import House, Talker

WANTED = {SESSION_HEADER: "wanted"}


def memory_of(client: TestClient) -> Memory:
    memory = client.app.state.memory  # type: ignore[attr-defined]
    assert isinstance(memory, Memory)
    return memory


def memory_is_current(client: TestClient) -> bool:
    now = client.app.state.server.clock()  # type: ignore[attr-defined]
    newest = client.app.state.trust.known(now)  # type: ignore[attr-defined]
    return memory_of(client).current(now) is not None and newest is not None


def until(what: Callable[[], Any], seconds: float = 15) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)
    return found


class Repeater:
    """A site with a session, as a new agent uses it."""

    def __init__(self, site: Talker, client: TestClient) -> None:
        self.site, self.client, self.clock = site, client, site.server.clock
        self.token = ""

    def say(self, **said: Any) -> bytes:
        return peek(self.site.sign_of_life(**said), CHECK_IN_TYPE)

    def sign(self, **said: Any) -> Any:
        answer = self.client.post(
            "/v1/check-in", content=self.site.sign_of_life(**said), headers=WANTED
        )
        assert answer.status_code == 200, answer.text
        given = answer.json()["session"]
        self.token = given["token"] if given else ""
        return answer

    def repeat(self, body: bytes = b"", token: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return self.client.post("/v1/check-in", content=body or self.say(), headers=headers)


def is_known(client: TestClient, name: str) -> bool:
    """Whether the memory has what the database has of a site."""
    known = memory_of(client).sites.by_id.get(name)
    return known is not None and bool(known.digest) and bool(memory_of(client).sites.tokens)


def remember(client: TestClient, *names: str) -> None:
    """As after a report or a check-in over HTTP."""
    memory = memory_of(client)
    for name in names:
        memory.missed(name)
    until(lambda: set(names) <= memory.sites.by_id.keys())


def ready(house: House, client: TestClient, name: str = "shop", **fields: Any) -> Repeater:
    """A site that has signed once and is remembered."""
    site = house.site(name, **fields)
    house.clock.forward(30)
    one = Repeater(site, client)
    one.sign()
    until(lambda: is_known(client, name))
    return one


def row(house: House, name: str = "shop") -> Site:
    with house.database.reading() as session:
        return session.get_one(Site, name)
