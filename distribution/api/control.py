"""Brakes, recalls and clients' approvals for staff."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from distribution.api import examples
from distribution.api.access import (
    NowDep,
    OnlineSinceDep,
    ServerDep,
    allowed,
    body_of,
    lifter,
    word,
)
from distribution.api.answers import errors
from distribution.api.rollouts import MAX_BODY_BYTES, Number, Reason, reason_body, says, shown
from distribution.control import approvals, brakes, plans, rollouts
from distribution.control.brakes import BrakeRecord, Scope
from distribution.control.progress import RolloutProgress
from distribution.control.rollouts import Word
from distribution.people.roles import Permission, Person
from distribution.server import Server
from manifests.documents import parse_json, validated
from manifests.target_paths import Identifier

router = APIRouter(tags=["control"])

BodyDep = Annotated[bytes, Depends(body_of(MAX_BODY_BYTES))]


class NewBrake(Reason):
    """What to hold, and why."""

    scope: Scope
    target: str = ""
    """The site's, client's or product's name; empty for a global one."""


class Approval(BaseModel):
    """Which client has said yes, and how."""

    client: Identifier
    reason: Annotated[str, Field(min_length=1, max_length=500)]


@router.get(
    "/v1/brakes",
    summary="List brakes",
    responses={**examples.answer([examples.BRAKE], "Oldest first."), **errors(401, 503)},
)
def list_brakes(
    server: ServerDep,
    person: Annotated[Person, allowed(Permission.HOLD_READ)],
    *,
    also_off: bool = False,
) -> list[BrakeRecord]:
    """Those that are on; with `also_off`, all that ever were."""
    with server.database.reading() as session:
        return brakes.listed(session, also_off=also_off, client=person.client)


@router.post(
    "/v1/brakes",
    summary="Put a brake on",
    responses={
        **examples.answer(examples.BRAKE, "On."),
        **errors(401, 403, 404, 413, 422, 503),
    },
    openapi_extra=reason_body(NewBrake, examples.NEW_BRAKE),
)
def put_on(
    person: Annotated[Person, allowed(Permission.HOLD_PUT_ON)],
    body: BodyDep,
    server: ServerDep,
    now: NowDep,
) -> BrakeRecord:
    """Anyone in support may, and a customer on what is theirs.

    Sites hold still from their next poll on.
    """
    given = validated(NewBrake, parse_json(body, "the body"), strict=True)
    said = word(person, Permission.HOLD_PUT_ON, given.reason)
    args = server.database, given.scope, given.target, said, now
    record = brakes.put_on(*args, client=person.client)
    _publish(server, now)
    return record


@router.post(
    "/v1/brakes/{number}/off",
    summary="Take a brake off",
    responses={
        **examples.answer(examples.BRAKE, "Off."),
        **errors(401, 403, 404, 409, 413, 422, 503),
    },
    openapi_extra=reason_body(Reason, examples.REASON),
)
def take_off(
    number: Number,
    person: Annotated[Person, allowed(Permission.HOLD_TAKE_OFF)],
    body: BodyDep,
    server: ServerDep,
    now: NowDep,
) -> BrakeRecord:
    """Only who put it on may, or an approver whose own rollout would not go on then."""
    given = validated(Reason, parse_json(body, "the body"), strict=True)
    said, may_lift = lifter(person, given.reason)
    args = server.database, number, said, now
    record = brakes.take_off(*args, may_lift=may_lift, client=person.client)
    _publish(server, now)
    return record


def _publish(server: Server, now: NowDep) -> None:
    plans.publish_decisions(server.database, server.store, server.online, now)


@router.post(
    "/v1/rollouts/{product}/{version}/recall",
    summary="Stop what sites run already",
    responses={
        **examples.answer(examples.ROLLOUT, "Stopped, and published."),
        **errors(401, 403, 404, 409, 413, 422, 503),
    },
    openapi_extra=reason_body(Reason, examples.REASON),
)
def recall(
    product: str,
    version: str,
    word: Annotated[Word, says(Permission.ROLLOUT_STOP)],
    server: ServerDep,
    online_since: OnlineSinceDep,
    now: NowDep,
) -> RolloutProgress:
    """It opens L3's problem with the incidents attached. Roll something newer out next."""
    rollouts.recall(server.database, product, version, word, now)
    plans.publish_decision(server.database, server.store, server.online, product, now)
    return shown(server, product, version, online_since, now)


@router.post(
    "/v1/rollouts/{product}/{version}/approve",
    summary="Record a client's yes",
    responses={
        **examples.answer(examples.ROLLOUT, "Recorded."),
        **errors(401, 403, 404, 409, 413, 422, 503),
    },
    openapi_extra=reason_body(Approval, examples.APPROVAL),
)
def approve(
    product: str,
    version: str,
    person: Annotated[Person, allowed(Permission.ROLLOUT_YES)],
    body: BodyDep,
    server: ServerDep,
    online_since: OnlineSinceDep,
    now: NowDep,
) -> RolloutProgress:
    """For the client's sites whose policy is to ask it; they hear so at their next check-in."""
    given = validated(Approval, parse_json(body, "the body"), strict=True)
    said = word(person, Permission.ROLLOUT_YES, given.reason)
    approvals.approve(server.database, product, version, given.client, said, now)
    return shown(server, product, version, online_since, now)
