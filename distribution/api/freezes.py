"""Freezes for staff: when sites must not be changed."""

from typing import Annotated

from fastapi import APIRouter, Depends

from distribution.api import examples
from distribution.api.access import NowDep, ServerDep, allowed, body_of, lifter, word
from distribution.api.answers import errors
from distribution.api.rollouts import MAX_BODY_BYTES, Number, Reason, reason_body
from distribution.calendars import freezes
from distribution.calendars.freeze_records import Announced, Scope
from distribution.control import plans
from distribution.people.roles import Permission, Person
from manifests.documents import parse_json, validated
from manifests.freeze import Freeze

router = APIRouter(tags=["control"])

_CLOSING: examples.Example = {
    "name": "year-end closing",
    "zone": "Asia/Jakarta",
    "starts": "2026-12-18T00:00:00",
    "rule": "FREQ=YEARLY",
    "duration_seconds": 1_555_200,
    "except_starts": [],
}

FREEZE: examples.Example = {
    "number": 3,
    "scope": "client",
    "subject": "warung",
    "freeze": _CLOSING,
    "by": "wati",
    "at": examples.MOMENT,
    "reason": "the books are closed",
}

NEW_FREEZE: examples.Example = {
    "scope": "client",
    "subject": "warung",
    "freeze": _CLOSING,
    "reason": "the books are closed",
}


class NewFreeze(Reason):
    """For whom, when, and why."""

    scope: Scope
    subject: str = ""
    """The site's, client's or product's name; empty for everything."""
    freeze: Freeze


@router.get(
    "/v1/freezes",
    summary="List freezes",
    responses={**examples.answer([FREEZE], "Oldest first."), **errors(401, 503)},
)
def list_freezes(
    server: ServerDep, person: Annotated[Person, allowed(Permission.HOLD_READ)], now: NowDep
) -> list[Announced]:
    """Those that are in force or ahead; who lifted which is in `hsp calendar changes`."""
    with server.database.reading() as session:
        return freezes.visible(session, now, person.client)


@router.post(
    "/v1/freezes",
    summary="Announce a freeze",
    responses={
        **examples.answer(FREEZE, "Announced."),
        **errors(401, 403, 404, 413, 422, 503),
    },
    openapi_extra=reason_body(NewFreeze, NEW_FREEZE),
)
def announce(
    person: Annotated[Person, allowed(Permission.HOLD_PUT_ON)],
    body: Annotated[bytes, Depends(body_of(MAX_BODY_BYTES))],
    server: ServerDep,
    now: NowDep,
) -> Announced:
    """Anyone in support may. The same one announced twice is there once."""
    given = validated(NewFreeze, parse_json(body, "the body"), strict=True)
    said = word(person, Permission.HOLD_PUT_ON, given.reason)
    args = server.database, given.scope, given.subject, [given.freeze], said, now
    _, products = freezes.announce(*args, client=person.client)
    for product in products:
        plans.publish_decision(server.database, server.store, server.online, product, now)
    with server.database.reading() as session:
        found = freezes.visible(session, now, person.client)
    return next(
        one
        for one in found
        if (one.scope, one.subject, one.freeze) == (given.scope, given.subject, given.freeze)
    )


@router.post(
    "/v1/freezes/{number}/lift",
    summary="Lift a freeze",
    responses={
        **examples.answer([], "Lifted; those that are left."),
        **errors(401, 403, 404, 413, 422, 503),
    },
    openapi_extra=reason_body(Reason, examples.REASON),
)
def lift(
    number: Number,
    person: Annotated[Person, allowed(Permission.HOLD_TAKE_OFF)],
    body: Annotated[bytes, Depends(body_of(MAX_BODY_BYTES))],
    server: ServerDep,
    now: NowDep,
) -> list[Announced]:
    """It opens nothing that another freeze, a window or a brake keeps shut."""
    given = validated(Reason, parse_json(body, "the body"), strict=True)
    said, may_lift = lifter(person, given.reason)
    args = server.database, number, said, now
    for product in freezes.lift(*args, may_lift=may_lift, client=person.client):
        plans.publish_decision(server.database, server.store, server.online, product, now)
    with server.database.reading() as session:
        return freezes.visible(session, now, person.client)
