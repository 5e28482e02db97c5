"""Rollouts for staff: how far they are, and the three words that hold them, free them, end them."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from distribution.api import examples
from distribution.api.access import (
    NowDep,
    OnlineSinceDep,
    ServerDep,
    allowed,
    body_of,
    word,
)
from distribution.api.answers import errors
from distribution.control import plans, progress, rollouts
from distribution.control.progress import RolloutProgress
from distribution.control.rollouts import Word
from distribution.database.columns import BIGGEST
from distribution.database.sessions import Database
from distribution.people.roles import Permission, Person
from distribution.server import Server
from manifests.documents import parse_json, validated
from manifests.free_text import MAX_REASON_BYTES

router = APIRouter(tags=["rollouts"])


MAX_BODY_BYTES = 16 * 1024

ReaderDep = Annotated[Person, allowed(Permission.ROLLOUT_READ)]
Number = Annotated[int, Path(ge=1, le=BIGGEST)]
"""Of a row."""


class Reason(BaseModel):
    """Why; the first line reads it out to customers, so it names none."""

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_BYTES)]


def says(permission: Permission) -> Any:
    """Who says so and why, of whoever may do it. The framework would read the body, however long,
    before it asks who sends it."""

    def said(
        person: Annotated[Person, allowed(permission)],
        body: Annotated[bytes, Depends(body_of(MAX_BODY_BYTES))],
    ) -> Word:
        given = validated(Reason, parse_json(body, "the body"), strict=True)
        return word(person, permission, given.reason)

    return Depends(said)


def reason_body(model: type[BaseModel], example: object) -> dict[str, Any]:
    """The documentation of a body that a route reads by itself."""
    content = {"application/json": {"schema": model.model_json_schema(), "example": example}}
    return {"requestBody": {"required": True, "content": content}}


_BODY = reason_body(Reason, examples.REASON)
PUBLISHED = "Done, and published; by an API that signs nothing, in the scheduler's next turn."
_READS = {**errors(401, 404, 503)}
_CHANGES = {
    **examples.answer(examples.ROLLOUT, PUBLISHED),
    **errors(401, 403, 404, 409, 413, 422, 503),
}


@router.get(
    "/v1/rollouts",
    summary="List rollouts",
    responses={**examples.answer([examples.ROLLOUT], "Oldest first."), **errors(401, 503)},
)
def list_rollouts(
    server: ServerDep,
    _: ReaderDep,
    online_since: OnlineSinceDep,
    now: NowDep,
    product: str | None = None,
) -> list[RolloutProgress]:
    """Of all products or of one, oldest first."""
    with server.database.reading() as session:
        rows = rollouts.all_rollouts(session, product)
        return [progress.progress_of(session, row, online_since, now) for row in rows]


@router.get(
    "/v1/rollouts/{product}/{version}",
    summary="One rollout",
    responses={**examples.answer(examples.ROLLOUT, "The rollout."), **_READS},
)
def show_rollout(
    product: str,
    version: str,
    server: ServerDep,
    _: ReaderDep,
    online_since: OnlineSinceDep,
    now: NowDep,
) -> RolloutProgress:
    """Wave by wave, with where the sites of each stand and what comes next."""
    return shown(server, product, version, online_since, now)


def shown(
    server: Server, product: str, version: str, online_since: datetime, now: datetime
) -> RolloutProgress:
    """A rollout as it is now."""
    with server.database.reading() as session:
        row = rollouts.find(session, product, version)
        return progress.progress_of(session, row, online_since, now)


Verb = Callable[[Database, str, str, Word, datetime], None]


def _say(verb: Verb, server: Server, product: str, version: str, word: Word, now: datetime) -> None:
    verb(server.database, product, version, word, now)
    plans.publish_decision(server.database, server.store, server.online, product, now)


@router.post(
    "/v1/rollouts/{product}/{version}/pause",
    summary="Hold it everywhere",
    responses=_CHANGES,
    openapi_extra=_BODY,
)
def pause(
    product: str,
    version: str,
    word: Annotated[Word, says(Permission.ROLLOUT_PAUSE)],
    server: ServerDep,
    online_since: OnlineSinceDep,
    now: NowDep,
) -> RolloutProgress:
    """Every site holds it from its next poll on."""
    _say(rollouts.pause, server, product, version, word, now)
    return shown(server, product, version, online_since, now)


@router.post(
    "/v1/rollouts/{product}/{version}/resume",
    summary="Go on",
    responses=_CHANGES,
    openapi_extra=_BODY,
)
def resume(
    product: str,
    version: str,
    word: Annotated[Word, says(Permission.ROLLOUT_RESUME)],
    server: ServerDep,
    online_since: OnlineSinceDep,
    now: NowDep,
) -> RolloutProgress:
    """Failures until now have been looked at, and do not count from here on.

    By an approver who has neither started the rollout nor published the release.
    """
    _say(rollouts.resume, server, product, version, word, now)
    return shown(server, product, version, online_since, now)


@router.post(
    "/v1/rollouts/{product}/{version}/stop",
    summary="End it",
    responses=_CHANGES,
    openapi_extra=_BODY,
)
def stop(
    product: str,
    version: str,
    word: Annotated[Word, says(Permission.ROLLOUT_STOP)],
    server: ServerDep,
    online_since: OnlineSinceDep,
    now: NowDep,
) -> RolloutProgress:
    """For good: a site that has seen it stopped never installs this version any more."""
    _say(rollouts.stop, server, product, version, word, now)
    return shown(server, product, version, online_since, now)
