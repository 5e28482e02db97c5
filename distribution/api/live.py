"""What happens, while it happens: server-sent events, and figures for Prometheus."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Header, Query
from fastapi.responses import Response, StreamingResponse

from distribution import events
from distribution.api import examples
from distribution.api.access import NowDep, ServerDep, allowed
from distribution.api.answers import errors
from distribution.errors import Unavailable
from distribution.events import Event
from distribution.people.roles import Permission, Person
from distribution.server import Server
from distribution.telemetry import metrics

router = APIRouter(tags=["live"])

LOOK_SECONDS = 0.5
HEARTBEAT_LOOKS = 30
"""A comment after so many looks that found nothing: proxies end what is silent."""

EVENT_STREAM = "text/event-stream"
PROMETHEUS = "text/plain; version=0.0.4"

_NUMBER = r"^[0-9]{1,18}$"
LastSeen = Annotated[str | None, Header(alias="Last-Event-ID", pattern=_NUMBER)]
After = Annotated[int | None, Query(ge=0, description="As Last-Event-ID, for a first request.")]


@router.get(
    "/v1/events",
    summary="What happens, as server-sent events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events without end, oldest first.",
            "content": {EVENT_STREAM: {"example": examples.EVENTS}},
        },
        **errors(401, 422, 503),
    },
)
def stream(
    server: ServerDep,
    _: Annotated[Person, allowed(Permission.EVENT_READ)],
    last_event_id: LastSeen = None,
    after: After = None,
    *,
    follow: bool = True,
) -> StreamingResponse:
    """Check-ins, phases, waves, pauses, brakes. It goes on after the last one that was seen.

    Without `Last-Event-ID` or `after` it begins with what happens from now on; with
    `follow=false` it ends with what has happened already.
    """
    seen = int(last_event_id) if last_event_id is not None else after
    if seen is None:
        with server.database.reading() as session:
            seen = events.newest(session)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_told(server, seen, follow), media_type=EVENT_STREAM, headers=headers)


async def _told(server: Server, seen: int, follow: bool) -> AsyncIterator[str]:
    idle = 0
    while True:
        found = await anyio.to_thread.run_sync(_after, server, seen)
        for event in found:
            seen, idle = event.number, 0
            yield _frame(event)
        if found:
            continue
        if not follow:
            return
        idle += 1
        if idle % HEARTBEAT_LOOKS == 1:
            yield ": nothing new\n\n"
        await anyio.sleep(LOOK_SECONDS)


def _after(server: Server, seen: int) -> list[Event]:
    """Nothing while the database is away: the stream outlives that."""
    try:
        with server.database.reading() as session:
            return list(events.after(session, seen))
    except Unavailable:
        return []


def _frame(event: Event) -> str:
    data = json.dumps(asdict(event), default=_plain, ensure_ascii=True)
    return f"id: {event.number}\nevent: {event.kind}\ndata: {data}\n\n"


def _plain(value: Any) -> str:
    assert isinstance(value, datetime)  # noqa: S101 - an event has nothing else
    return value.isoformat()


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "All figures.",
            "content": {"text/plain": {"example": 'hsp_sites{state="online"} 297.0\n'}},
        },
        **errors(401, 503),
    },
)
def figures(
    server: ServerDep, _: Annotated[Person, allowed(Permission.METRICS_READ)], now: NowDep
) -> Response:
    """Sites by state, rollouts by wave, age of metadata, queue lengths. With a staff token."""
    return Response(metrics.text(server, now), media_type=PROMETHEUS)
