"""Each request's own number: in its answer's header, and in the audit records that it leaves.

Made here and not taken over, so that nobody writes into the log what they like.
"""

import os
from collections.abc import Iterator

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distribution.audit.records import REQUEST

HEADER = "X-Request-Id"


_BYTES, _AT_ONCE = 8, 512


def _numbers() -> Iterator[str]:
    """Each has the system's own randomness, which is asked for many at once."""
    while True:
        some = os.urandom(_BYTES * _AT_ONCE).hex()
        for at in range(0, len(some), 2 * _BYTES):
            yield some[at : at + 2 * _BYTES]


_NEW = _numbers()


def new_id() -> str:
    """A number that no other request has. Only the thread of the loop asks for one."""
    return next(_NEW)


class RequestIds:
    """The application inside of it knows which request it answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = new_id()

        async def numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = number
            await send(message)

        before = REQUEST.set(number)
        try:
            await self._app(scope, receive, numbered)
        finally:
            REQUEST.reset(before)
