"""One application: the routes, the errors' shape, the shield, and the scheduler beside them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import anyio
from fastapi import FastAPI
from fastapi.routing import APIRoute

from distribution import console
from distribution.api import (
    agents,
    answers,
    audit,
    calendars,
    client_reports,
    components,
    control,
    desk,
    docs_page,
    examples,
    fleet,
    freezes,
    live,
    notify,
    problems,
    releases,
    remote,
    repository,
    reviews,
    rollouts,
    session,
)
from distribution.api.access import FOR_ALL, NewestTrust, ServerDep, declared
from distribution.api.docs_page import FOR_WHOM
from distribution.api.request_ids import RequestIds
from distribution.api.shield import Shield
from distribution.database import check_answers
from distribution.loop import Scheduler
from distribution.people.limits import Limits
from distribution.people.oidc_settings import provider_of
from distribution.server import Server

ROUTERS = (
    session.router,
    agents.router,
    fleet.router,
    releases.router,
    components.router,
    rollouts.router,
    desk.router,
    problems.router,
    control.router,
    remote.router,
    reviews.router,
    audit.router,
    freezes.router,
    live.router,
    notify.router,
    repository.router,
    calendars.router,
    client_reports.router,
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
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Shield, settings=server.settings)
    app.add_middleware(RequestIds)
    app.state.server = server
    app.state.limits = Limits.of(server.settings)
    app.state.provider = provider_of(server.settings)
    app.state.trust = NewestTrust(server)
    answers.install(app)
    for router in ROUTERS:
        app.include_router(router, responses=answers.errors(422))
    console.install(app)
    app.add_api_route(
        "/healthz",
        _health,
        tags=["operations"],
        summary="Whether the server and its database answer",
        responses={**examples.answer(examples.HEALTH, "They do."), **answers.errors(503)},
        dependencies=[FOR_ALL],
    )
    app.add_api_route(
        "/docs", lambda: docs_page.page(app), include_in_schema=False, dependencies=[FOR_ALL]
    )
    for route in [*app.routes, *(route for router in ROUTERS for route in router.routes)]:
        if isinstance(route, APIRoute):
            _declare(route)
    return app


def _declare(route: APIRoute) -> None:
    """Write down for whom a route is, where the documentation shows it.

    Raises:
        RuntimeError: a fault of ours: it does not say.
    """
    whom = declared(route.dependant)
    if not whom:
        raise RuntimeError(f"{route.path} does not declare who may use it: see api.access")
    route.openapi_extra = {**(route.openapi_extra or {}), FOR_WHOM: whom}


def _health(server: ServerDep) -> Health:
    """For load balancers and people in a hurry."""
    check_answers(server.database)
    return Health("ok")
