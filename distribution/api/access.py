"""What a route may rely on: the server, a bounded body, a member of staff, the newest trust."""

import contextlib
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from distribution import staff
from distribution.catalogue import TrustState, trust_state
from distribution.errors import TooLarge, Unauthorised
from distribution.server import Server
from manifests.errors import UpdateError


def _server(request: Request) -> Server:
    server = request.app.state.server
    assert isinstance(server, Server)  # noqa: S101 - application() put it there
    return server


ServerDep = Annotated[Server, Depends(_server)]


def _now(server: ServerDep) -> datetime:
    return server.clock()


NowDep = Annotated[datetime, Depends(_now)]


def _online_since(server: ServerDep, now: NowDep) -> datetime:
    return now - timedelta(seconds=server.settings.silent_after_seconds)


OnlineSinceDep = Annotated[datetime, Depends(_online_since)]

_bearer = HTTPBearer(auto_error=False, description="A staff token, as `hsp init` leaves it.")


def _person(
    server: ServerDep,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str:
    if given is None:
        raise Unauthorised("not authorised", hint="send 'Authorization: Bearer <staff token>'")
    return staff.person_of(server.database, given.credentials)


PersonDep = Annotated[str, Depends(_person)]


def body_of(limit: int) -> Callable[[Request], Awaitable[bytes]]:
    """A dependency: the request's body, never more of it than ``limit`` bytes.

    Raises:
        TooLarge: by its declared length, or as soon as more has come.
    """

    async def read(request: Request) -> bytes:
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared[:20]) > limit:
            raise _too_large(limit)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
        return bytes(body)

    return read


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body has more than {limit} bytes")


class NewestTrust:
    """The newest metadata versions, read again when they are older than a moment.

    A check-in must not fail because the store is away: then the last known ones are good enough,
    since they are hints that can only hold an agent back.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._known = TrustState(0, "", 0, {})
        self._read_at: datetime | None = None

    def get(self, now: datetime) -> TrustState:
        """The newest that we know of."""
        age = timedelta(seconds=min(self._server.settings.scheduler_seconds, 5))
        if self._read_at is not None and now - self._read_at < age:
            return self._known
        if self._lock.acquire(blocking=False):
            try:
                with contextlib.suppress(UpdateError):
                    self._known = trust_state(self._server.store)
            finally:
                self._read_at = now
                self._lock.release()
        return self._known


def _newest(request: Request, now: NowDep) -> TrustState:
    trust = request.app.state.trust
    assert isinstance(trust, NewestTrust)  # noqa: S101 - application() put it there
    return trust.get(now)


NewestDep = Annotated[TrustState, Depends(_newest)]
