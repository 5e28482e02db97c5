"""Each request as a figure, a span and, unless thousands of sites send the like, a line.

A site's check-ins and reports and the repository's files are counted and not logged, unless they
fail: what sites say is in the database.
"""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distribution.telemetry import counters, traces

log = logging.getLogger("distribution.requests")

_NO_ROUTE = "none"
"""Paths that nothing answers: anybody can invent them, and each would be a figure of its own."""
_OFTEN = ("/v1/check-in", "/v1/reports", "/repository/", "/healthz", "/readyz", "/metrics")


class Observed:
    """The application inside of it is watched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            with traces.span(f"{scope['method']} request") as span:
                await self._app(scope, receive, noted)
                if span is not None:
                    span.update_name(f"{scope['method']} {_route(scope)}")
                    span.set_attribute("http.response.status_code", status)
        finally:
            _tell(scope, status, time.perf_counter() - began)


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", _NO_ROUTE))


def _tell(scope: Scope, status: int, seconds: float) -> None:
    counters.request(_route(scope), status, seconds)
    if status < 500 and scope["path"].startswith(_OFTEN):
        return
    level = logging.ERROR if status >= 500 else logging.INFO
    about = {"status": status, "milliseconds": round(seconds * 1000, 1)}
    if person := scope.get("state", {}).get("person"):
        about["person"] = person
    path = scope.get("raw_path", b"").decode("ascii", "replace")  # no line breaks in it
    log.log(level, "%s %s", scope["method"], path, extra=about)
