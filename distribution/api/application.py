"""One application: the routes, the errors' shape, and the scheduler beside them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import anyio
from fastapi import FastAPI

from distribution.api import (
    agents,
    answers,
    calendars,
    components,
    control,
    desk,
    examples,
    fleet,
    freezes,
    live,
    releases,
    repository,
    reviews,
    rollouts,
)
from distribution.api.access import NewestTrust, ServerDep
from distribution.database import check_answers
from distribution.loop import Scheduler
from distribution.server import Server

ROUTERS = (
    agents.router,
    fleet.router,
    releases.router,
    components.router,
    rollouts.router,
    desk.router,
    control.router,
    reviews.router,
    freezes.router,
    live.router,
    repository.router,
    calendars.router,
)


@dataclass(frozen=True)
class Health:
    """The server answers, and so does its database."""

    status: str


def application(server: Server, *, schedule: bool = False) -> FastAPI:
    """The API over ``server``; with ``schedule``, the scheduler runs beside it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        scheduler = Scheduler(server) if schedule else None
        if scheduler:
            scheduler.start()
        yield
        if scheduler:
            await anyio.to_thread.run_sync(scheduler.stop)

    app = FastAPI(
        title="HSP distribution",
        summary="Signed updates for client sites: what sites send, and what staff see and decide.",
        version=version("hsp-distribution"),
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.server = server
    app.state.trust = NewestTrust(server)
    answers.install(app)
    for router in ROUTERS:
        app.include_router(router, responses=answers.errors(422))
    app.add_api_route(
        "/healthz",
        _health,
        tags=["operations"],
        summary="Whether the server and its database answer",
        responses={**examples.answer(examples.HEALTH, "They do."), **answers.errors(503)},
    )
    return app


def _health(server: ServerDep) -> Health:
    """For load balancers and people in a hurry."""
    check_answers(server.database)
    return Health("ok")
