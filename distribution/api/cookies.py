"""Cookies of browsers, and how a request shows that a page of ours has sent it.

Over https a cookie's name begins with ``__Host-``, so that no neighbour's page can set it; without
https there are sessions on this machine's loopback only.
"""

from urllib.parse import urlsplit

from fastapi import Request, Response

from distribution.errors import NotAllowed
from distribution.people import sessions
from distribution.settings import LOOPBACK, Settings

CSRF_HEADER = "x-csrf-token"
_SAFE = ("GET", "HEAD", "OPTIONS")
_SESSION, _LOGIN = "hsp-session", "hsp-login"


def is_https(settings: Settings) -> bool:
    """Whether people reach this server over https."""
    return urlsplit(settings.public_url).scheme == "https"


def _name(settings: Settings, name: str) -> str:
    return f"__Host-{name}" if is_https(settings) else name


def session_of(request: Request, settings: Settings) -> str:
    """The session's cookie; empty if the browser sends none."""
    return request.cookies.get(_name(settings, _SESSION), "")


def login_of(request: Request, settings: Settings) -> str:
    """The cookie of a browser that has begun a login at the provider; empty if there is none."""
    return request.cookies.get(_name(settings, _LOGIN), "")


def require_safe_way(settings: Settings) -> None:
    """Return if a cookie that we set cannot be read on the way.

    Raises:
        NotAllowed: neither https nor this machine's loopback.
    """
    if not is_https(settings) and urlsplit(settings.public_url).hostname not in LOOPBACK:
        raise NotAllowed("logins need https", hint="set public_url to an https address")


def set_session(answer: Response, settings: Settings, value: str) -> None:
    """Give the browser a session; empty: take it away."""
    _set(answer, settings, _SESSION, value, int(sessions.LIFE.total_seconds()))


def set_login(answer: Response, settings: Settings, value: str, seconds: int = 600) -> None:
    """Remember a browser that goes to the provider; empty: forget it."""
    _set(answer, settings, _LOGIN, value, seconds)


def _set(answer: Response, settings: Settings, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(
        _name(settings, name),
        value,
        max_age=seconds if value else 0,
        path="/",
        secure=is_https(settings),
        httponly=True,
        samesite="lax",
    )


def check_origin(request: Request, settings: Settings) -> None:
    """Return if no page of somebody else's sends this, as far as the browser says.

    Raises:
        NotAllowed: another origin sends it.
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).hostname not in settings.hosts:
        raise NotAllowed("sent by a page of another origin")


def check_ours(request: Request, settings: Settings, cookie: str) -> None:
    """Return if this changes nothing, or if a page of ours sends it.

    Raises:
        NotAllowed: without the session's own token in the header.
    """
    if request.method in _SAFE:
        return
    check_origin(request, settings)
    if not sessions.is_ours(cookie, request.headers.get(CSRF_HEADER, "")):
        raise NotAllowed(
            "not sent by a page of this server",
            hint=f"send the csrf_token of GET /v1/session in the header {CSRF_HEADER}",
        )
