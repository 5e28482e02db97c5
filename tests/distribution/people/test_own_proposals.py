"""Nobody approves their own proposal: every pair of roles, every state, every way to approve."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from distribution.audit import Deed, note
from distribution.control import brakes, rollouts
from distribution.control.brakes import Scope
from distribution.control.rollouts import Word
from distribution.database.tables import RolloutChange
from distribution.emergency import break_glass, reviews
from distribution.errors import NotAllowed
from distribution.people import grants, own_proposals
from distribution.people.roles import TABLE, Permission, Person, Role
from manifests.rollout import RolloutState
from tests.distribution.people.conftest import Bearer
from tests.simulators.house import PRODUCT, House, schedule
from tests.simulators.staff import hire

OURS = [role for role in Role if role is not Role.CUSTOMER]
PATH = f"/v1/rollouts/{PRODUCT}/2.0"
WHY = {"reason": "I have looked"}
STATES = ("running", "paused", "stopped")


def begin(house: House, by: str, version: str = "2.0") -> None:
    """Somebody starts a rollout."""
    release = house.estate.publish(version)
    rollouts.start(house.database, release, schedule(10_000), by, house.clock.now)


def put(house: House, state: str) -> None:
    """Somebody else brings it into a state."""
    word, now = Word("wati", "so that it is"), house.clock.now
    if state != "running":
        verb = rollouts.pause if state == "paused" else rollouts.stop
        verb(house.database, PRODUCT, "2.0", word, now)


def set_scene(house: House, starter: str, state: str) -> None:
    """As if somebody else had started it, and nothing had happened but this."""
    with house.database.writing() as session:
        row = rollouts.find(session, PRODUCT, "2.0")
        first = session.exec(select(RolloutChange).order_by(col(RolloutChange.id))).first()
        assert first is not None
        row.state, first.by = state, starter
        session.add(row)
        session.add(first)
        note(session, Deed("test", "rollout.scene", state), house.clock.now)


@pytest.mark.parametrize("state", STATES)
def test_every_role_tries_to_resume_what_every_role_has_started(
    house: House, client: TestClient, bearer: Bearer, state: str
) -> None:
    pairs = list(itertools.combinations_with_replacement(OURS, 2))
    hire(house.database, house.clock.now, {f"p{n}": set(pair) for n, pair in enumerate(pairs)})
    begin(house, "sari")
    headers = {n: bearer(f"p{n}") for n in range(len(pairs))}
    alone = [n for n, pair in enumerate(pairs) if len(set(pair)) == 1]
    cases = [*itertools.product(alone, alone), *((n, n) for n in range(len(pairs)))]
    for starter, actor in cases:
        set_scene(house, f"p{starter}", state)
        answer = client.post(f"{PATH}/resume", json=WHY, headers=headers[actor])
        may = bool(set(pairs[actor]) & TABLE[Permission.ROLLOUT_RESUME]) and starter != actor
        expected = (200 if state == "paused" else 409) if may else 403
        assert answer.status_code == expected, (pairs[starter], pairs[actor], state, answer.text)


APPROVALS: dict[str, Callable[[int], tuple[str, dict[str, Any]]]] = {
    "resume": lambda _: (f"{PATH}/resume", WHY),
    "a client's yes": lambda _: (f"{PATH}/approve", {"client": "warung", **WHY}),
    "lift a brake of another": lambda number: (f"/v1/brakes/{number}/off", WHY),
}


@pytest.mark.parametrize("what", APPROVALS)
@pytest.mark.parametrize("part", ["started", "published"])
def test_neither_who_started_nor_who_published_approves_in_any_way(
    house: House, client: TestClient, bearer: Bearer, what: str, part: str
) -> None:
    house.site("shop")
    begin(house, "ani" if part == "started" else "sari")
    if part == "published":
        with house.database.reading() as session:
            release = rollouts.find(session, PRODUCT, "2.0").release
        now = house.clock.now
        own_proposals.note_publication(house.database, [release], "ani", now)
        own_proposals.note_publication(house.database, [release], "budi", now)
    put(house, "paused")
    word = Word("wati", "stock")
    brake = brakes.put_on(house.database, Scope.PRODUCT, PRODUCT, word, house.clock.now)
    path, body = APPROVALS[what](brake.number)
    refused = client.post(path, json=body, headers=bearer("ani"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")
    assert client.post(path, json=body, headers=bearer("budi")).status_code == 200


def test_a_brake_that_frees_no_rollout_of_theirs_is_lifted_by_them_too(
    house: House, client: TestClient, bearer: Bearer
) -> None:
    begin(house, "ani")
    word, now = Word("wati", "stock"), house.clock.now
    house.site("shop")
    on_site = brakes.put_on(house.database, Scope.SITE, "shop", word, now).number
    path = f"/v1/brakes/{on_site}/off"
    assert client.post(path, json=WHY, headers=bearer("ani")).status_code == 403
    put(house, "stopped")
    assert client.post(path, json=WHY, headers=bearer("ani")).status_code == 200


def test_who_put_a_brake_on_takes_it_off_whatever_they_started(
    house: House, client: TestClient, bearer: Bearer
) -> None:
    begin(house, "ani")
    ani, wanted = bearer("ani"), {"scope": "product", "target": PRODUCT, **WHY}
    number = client.post("/v1/brakes", json=wanted, headers=ani).json()["number"]
    assert client.post(f"/v1/brakes/{number}/off", json=WHY, headers=ani).status_code == 200


def test_a_role_that_is_taken_in_between_is_gone_when_it_counts(
    house: House, client: TestClient, bearer: Bearer
) -> None:
    begin(house, "sari")
    put(house, "paused")
    budi = bearer("budi")
    rina = Person("rina", frozenset({Role.SECURITY_ADMINISTRATOR}))
    grants.revoke(house.database, rina, "budi", Role.APPROVER, "moved", house.clock.now)
    assert client.post(f"{PATH}/resume", json=WHY, headers=budi).status_code == 403
    with house.database.reading() as session:
        assert rollouts.find(session, PRODUCT, "2.0").state == RolloutState.PAUSED


def test_a_review_is_not_closed_by_who_made_the_release_visible(house: House) -> None:
    path = "breakglass/app/2.0.post1/manifest.json"
    now = house.clock.now
    with house.database.writing() as session:
        reviews.open_one(session, path, ("tono",), now)
    own_proposals.note_publication(house.database, [path], "rina", now)
    on_call = break_glass.people(house.server.store)
    with pytest.raises(NotAllowed):
        reviews.close(house.database, 1, "rina", "it was right", on_call, now)
    with pytest.raises(NotAllowed):
        reviews.close(house.database, 1, "tono", "it was right", on_call, now)
    assert reviews.close(house.database, 1, "budi", "right", on_call, now).closed_by == "budi"
