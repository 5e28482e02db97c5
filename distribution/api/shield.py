"""What every request meets first, and every answer gets: the host's name, and headers for browsers.

The repository's answers are left as they are: they are signed files for programs.
"""

from collections.abc import Mapping

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distribution.api.answers import answer_of
from distribution.api.cookies import is_https
from distribution.api.headers import HEADERS, PROGRAM
from distribution.settings import Settings

_REPOSITORY = "/repository/"
_HEALTH = ("/healthz", "/readyz")
"""Load balancers ask by address."""
_OF_SITES = frozenset({"/v1/check-in", "/v1/reports"})
"""Where programs ask, by the thousand a second."""

_STRANGE = b"%EF%BF%BD"
"""U+FFFD, which stands for what is no character."""


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
        given = self.headers_of(path)

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start" and not plain:
                headers = MutableHeaders(scope=message)
                for name, value in given.items():
                    headers.setdefault(name, value)
            await send(message)

        if path not in _HEALTH and not self._is_ours(Headers(scope=scope).getlist("host")):
            await _wrong_host()(scope, receive, shielded)
            return
        await self._app(_without_nul(scope), receive, shielded)

    def headers_of(self, path: str) -> Mapping[str, str]:
        """What every answer there gets."""
        return PROGRAM if path in _OF_SITES else self._headers

    def _is_ours(self, given: list[str]) -> bool:
        return len(given) == 1 and host_of(given[0]) in self._hosts


def _without_nul(scope: Scope) -> Scope:
    """An address with U+0000 is that of nothing: PostgreSQL could not even be asked for it."""
    path, query = scope["path"], scope["query_string"]
    if "\0" not in path and b"%00" not in query and b"\0" not in query:
        return scope
    asked = query.replace(b"%00", _STRANGE).replace(b"\0", _STRANGE)
    return {**scope, "path": path.replace("\0", "\ufffd"), "query_string": asked}


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
