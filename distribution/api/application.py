"""One application: the routes, the errors' shape, the shield, and the scheduler beside them."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.metadata import version

import anyio
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.types import Receive, Scope, Send

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
from distribution.api.observed import Observed
from distribution.api.quick import Quick
from distribution.api.request_ids import RequestIds
from distribution.api.shield import Shield
from distribution.database.sessions import check_answers
from distribution.errors import Unavailable
from distribution.people.limits import Limits
from distribution.people.oidc_settings import provider_of
from distribution.quick.check_in_batches import CheckIns
from distribution.quick.memory import Memory
from distribution.quick.report_batches import Batches
from distribution.scheduling.loop import Scheduler
from distribution.server import Server

TRUST_AHEAD_SECONDS = 2
"""So long before it is time the newest metadata versions are read again."""

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


_TELEMETRY: TelemetryConfig = {
    "tracing": False, "metrics": False, "logs": False, "auto_configure": False,
}  # fmt: skip
"""The framework's own, which believes what callers say of traces: ``Observed`` does it."""


class Application(FastAPI):
    """The routes, and the quick way in front of them."""

    quick: Quick

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        await self.quick(scope, receive, send)

    async def in_full(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The same, past the quick way."""
        await super().__call__(scope, receive, send)


@dataclass(frozen=True)
class Health:
    """How the server is."""

    status: str


def application(server: Server, *, schedule: bool = False) -> FastAPI:
    """The API over ``server``; with ``schedule``, the scheduler runs beside it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        scheduler = Scheduler(server) if schedule else None
        if scheduler:
            scheduler.start()
        memory.start()
        yield
        await anyio.to_thread.run_sync(batches.close)
        await anyio.to_thread.run_sync(news.close)
        await anyio.to_thread.run_sync(memory.stop)
        if scheduler:
            await anyio.to_thread.run_sync(scheduler.stop)

    trust, limits = NewestTrust(server), Limits.of(server.settings)
    ahead = timedelta(seconds=TRUST_AHEAD_SECONDS)
    memory = Memory(server.database, server.settings, server.clock, partial(trust.get, ahead=ahead))
    batches = Batches(server.database)
    news = CheckIns(server.database, server.settings, trust.get)
    app = Application(
        title="HSP distribution",
        summary="Signed updates for client sites: what sites send, and what staff see and decide.",
        version=version("hsp-distribution"),
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        telemetry=_TELEMETRY,
    )
    app.add_middleware(Shield, settings=server.settings)
    app.add_middleware(Observed)
    app.add_middleware(RequestIds)
    app.quick = Quick(
        app.in_full, memory, batches, news, server.settings, limits, server.clock, trust.known
    )
    app.state.server = server
    app.state.limits = limits
    app.state.memory = memory
    app.state.provider = provider_of(server.settings)
    app.state.trust = trust
    app.state.ending = threading.Event()
    answers.install(app)
    for router in ROUTERS:
        app.include_router(router, responses=answers.errors(422))
    console.install(app)
    app.add_api_route(
        "/healthz",
        _health,
        tags=["operations"],
        summary="Whether the process answers",
        responses=examples.answer(examples.HEALTH, "It does."),
        dependencies=[FOR_ALL],
    )
    app.add_api_route(
        "/readyz",
        _ready,
        tags=["operations"],
        summary="Whether requests should be sent here",
        responses={**examples.answer(examples.HEALTH, "They should."), **answers.errors(503)},
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


async def _health() -> Health:
    """For whatever starts a process anew that hangs; what it leans on may be away."""
    return Health("ok")


def _ready(request: Request, server: ServerDep) -> Health:
    """For load balancers: the database answers, and this server is not about to end.

    The bucket may be away: sites read it by themselves, and their reports are wanted all the same.
    """
    if request.app.state.ending.is_set():
        raise Unavailable("this server is about to end", hint="ask another one")
    check_answers(server.database)
    return Health("ok")
