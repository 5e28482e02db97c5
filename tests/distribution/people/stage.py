"""A server with two clients' sites and holds, and the voices of everybody who could ask."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.testclient import TestClient

from distribution.api import docs_page
from distribution.calendars import freezes
from distribution.calendars.freeze_records import Scope as FreezeScope
from distribution.control import brakes
from distribution.control.brakes import Scope
from distribution.control.rollouts import Word
from distribution.people import accounts, tokens
from distribution.people.roles import Person, Role
from manifests.documents import validated
from manifests.freeze import Freeze
from tests.simulators.house import House, schedule
from tests.simulators.staff import api_of, hire, token_of

FREEZE_PLAIN = {
    "name": "the fair",
    "zone": "UTC",
    "starts": "2026-12-20T00:00:00",
    "duration_seconds": 3600,
}
FREEZE = validated(Freeze, FREEZE_PLAIN, strict=True)


@dataclass(frozen=True)
class Route:
    """One operation of the document."""

    method: str
    path: str
    whom: str

    def url(self, site: str = "shop", number: int = 1, client: str = "warung") -> str:
        """A concrete address."""
        filled = self.path.replace("{site_id}", site).replace("{number}", str(number))
        filled = filled.replace("{product}", "app").replace("{version}", "2.0")
        filled = filled.replace("{client_id}", client).replace("{name}", "1.root.json")
        filled = filled.replace("{month}", "2026-11").replace("{code}", "unhealthy")
        query = {"/v1/events": "?follow=false&after=0", "/v1/affected": "?component=openssl"}
        return filled + query.get(self.path, "")


@dataclass
class Stage:
    """A server with two clients' sites and holds, and everybody's voices."""

    house: House
    api: TestClient
    routes: list[Route]
    headers: dict[str, dict[str, str]]
    numbers: Mapping[str, int]

    def say(self, who: str, route: Route, body: object = None, **place: Any) -> Any:
        """Somebody asks for a route."""
        content = b"" if body is None else json.dumps(body).encode()
        url, headers = route.url(**place), self.headers[who]
        return self.api.request(route.method, url, headers=headers, content=content)


@contextmanager
def staged(house: House) -> Iterator[Stage]:
    """Everything that a route could be about, of an own and of a foreign client."""
    now, database = house.clock.now, house.database
    house.site("shop", client_id="warung")
    house.site("ward", client_id="klinik")
    house.start("2.0", schedule(10_000))
    hire(database, now, {f"only-{role}": (role,) for role in Role if role is not Role.CUSTOMER})
    hire(database, now, {"only-customer": (Role.CUSTOMER,)}, client="warung")
    hire(database, now, {"gone": (Role.APPROVER,), "nothing": ()})
    word = Word("wati", "stock")
    numbers = {
        f"brake {client}": brakes.put_on(database, Scope.CLIENT, client, word, now).number
        for client in ("warung", "klinik")
    }
    for number, client in enumerate(("warung", "klinik"), start=1):
        freezes.announce(database, FreezeScope.CLIENT, client, [FREEZE], word, now)
        numbers[f"freeze {client}"] = number
    headers = {f"{role}": bearer(house, f"only-{role}") for role in Role}
    headers |= {"nobody": {}, "nothing": bearer(house, "nothing"), "gone": bearer(house, "gone")}
    administrator = Person("rina", frozenset({Role.SECURITY_ADMINISTRATOR}))
    accounts.disable(database, administrator, "gone", "left", now)
    headers |= {"revoked": bearer(house, "ani"), "forged": {"Authorization": "Bearer hsp-staff-x"}}
    with database.reading() as session:
        newest = tokens.listed(session, "ani")[-1].number
    tokens.revoke(database, administrator, newest, now)
    with database.writing() as session:
        short = tokens.add(session, "ani", "ani", now, life=timedelta(seconds=1))
    headers["expired"] = {"Authorization": f"Bearer {short}"}
    house.clock.forward(2)
    with api_of(house.server) as api:
        document = api.get("/openapi.json").json()
        routes = [
            Route(method.upper(), path, operation[docs_page.FOR_WHOM])
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        ]
        yield Stage(house, api, routes, headers, numbers)


def bearer(house: House, name: str) -> dict[str, str]:
    """The header of somebody with a token."""
    return {"Authorization": f"Bearer {token_of(house.database, name, house.clock.now)}"}
