"""Each request's own number: in its answer's header, and in the audit records that it leaves.

Made here and not taken over, so that nobody writes into the log what they like.
"""

import secrets

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distribution.audit.records import REQUEST

HEADER = "X-Request-Id"


class RequestIds:
    """The application inside of it knows which request it answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = secrets.token_hex(8)

        async def numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = number
            await send(message)

        before = REQUEST.set(number)
        try:
            await self._app(scope, receive, numbered)
        finally:
            REQUEST.reset(before)
