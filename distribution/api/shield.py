"""What every request meets first, and every answer gets: the host's name, and headers for browsers.

The repository's answers are left as they are: they are signed files for programs.
"""

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distribution.api.answers import answer_of
from distribution.api.cookies import is_https
from distribution.api.headers import HEADERS
from distribution.settings import Settings

_REPOSITORY = "/repository/"
_HEALTH = ("/healthz", "/readyz")
"""Load balancers ask by address."""


class Shield:
    """The application inside of it sees only requests for a name of this server."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._hosts = app, settings.hosts
        self._headers = dict(HEADERS)
        if is_https(settings):
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        plain = path.startswith(_REPOSITORY)

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start" and not plain:
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        if path not in _HEALTH and not self._is_ours(Headers(scope=scope).getlist("host")):
            await _wrong_host()(scope, receive, shielded)
            return
        await self._app(scope, receive, shielded)

    def _is_ours(self, given: list[str]) -> bool:
        return len(given) == 1 and host_of(given[0]) in self._hosts


def host_of(header: str) -> str:
    """The name in a Host header, without its port; empty if that is no name and no port."""
    text = header.strip().lower()
    if text.startswith("["):
        name, closed, port = text[1:].partition("]")
        return name if closed and (not port or port[1:].isdigit()) else ""
    name, colon, port = text.partition(":")
    return name if not colon or port.isdigit() else ""


def _wrong_host() -> JSONResponse:
    return answer_of(
        400, "wrong_host", "this server has no such name", "the setting allowed_hosts adds names"
    )
