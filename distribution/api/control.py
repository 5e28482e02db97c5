"""Brakes, recalls and clients' approvals for staff."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from distribution import approvals, brakes, plans, rollouts
from distribution.api import examples
from distribution.api.access import NowDep, OnlineSinceDep, PersonDep, ServerDep, body_of
from distribution.api.answers import errors
from distribution.api.rollouts import MAX_BODY_BYTES, Reason, WordDep, reason_body, show_rollout
from distribution.brakes import BrakeRecord, Scope
from distribution.progress import RolloutProgress
from distribution.rollouts import Word
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
def list_brakes(server: ServerDep, _: PersonDep, *, also_off: bool = False) -> list[BrakeRecord]:
    """Those that are on; with `also_off`, all that ever were."""
    with server.database.reading() as session:
        return brakes.listed(session, also_off=also_off)


@router.post(
    "/v1/brakes",
    summary="Put a brake on",
    responses={
        **examples.answer(examples.BRAKE, "On."),
        **errors(401, 404, 413, 422, 503),
    },
    openapi_extra=reason_body(NewBrake, examples.NEW_BRAKE),
)
def put_on(person: PersonDep, body: BodyDep, server: ServerDep, now: NowDep) -> BrakeRecord:
    """Anyone in support may. Sites hold still from their next poll on."""
    given = validated(NewBrake, parse_json(body, "the body"), strict=True)
    word = Word(person, given.reason)
    record = brakes.put_on(server.database, given.scope, given.target, word, now)
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
def take_off(number: int, word: WordDep, server: ServerDep, now: NowDep) -> BrakeRecord:
    """Only who put it on may, or an approver."""
    approvers = server.settings.approvers.split()
    record = brakes.take_off(server.database, number, word, approvers, now)
    _publish(server, now)
    return record


def _publish(server: Server, now: NowDep) -> None:
    plans.publish_decisions(server.database, server.store, server.online, now)


@router.post(
    "/v1/rollouts/{product}/{version}/recall",
    summary="Stop what sites run already",
    responses={
        **examples.answer(examples.ROLLOUT, "Stopped, and published."),
        **errors(401, 404, 409, 413, 422, 503),
    },
    openapi_extra=reason_body(Reason, examples.REASON),
)
def recall(
    product: str,
    version: str,
    word: WordDep,
    server: ServerDep,
    online_since: OnlineSinceDep,
    now: NowDep,
) -> RolloutProgress:
    """It opens L3's problem with the incidents attached. Roll something newer out next."""
    rollouts.recall(server.database, product, version, word, now)
    plans.publish_decision(server.database, server.store, server.online, product, now)
    return show_rollout(product, version, server, word.by, online_since, now)


@router.post(
    "/v1/rollouts/{product}/{version}/approve",
    summary="Record a client's yes",
    responses={
        **examples.answer(examples.ROLLOUT, "Recorded."),
        **errors(401, 404, 409, 413, 422, 503),
    },
    openapi_extra=reason_body(Approval, examples.APPROVAL),
)
def approve(
    product: str,
    version: str,
    person: PersonDep,
    body: BodyDep,
    server: ServerDep,
    online_since: OnlineSinceDep,
    now: NowDep,
) -> RolloutProgress:
    """For the client's sites whose policy is to ask it; they hear so at their next check-in."""
    given = validated(Approval, parse_json(body, "the body"), strict=True)
    word = Word(person, given.reason)
    approvals.approve(server.database, product, version, given.client, word, now)
    return show_rollout(product, version, server, person, online_since, now)
