"""Logging in and out, for browsers: with a password, or at the OIDC provider."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from distribution.api import cookies, examples
from distribution.api.access import (
    FOR_ALL,
    LimitsDep,
    NowDep,
    PersonDep,
    ServerDep,
    body_of,
)
from distribution.api.answers import errors
from distribution.api.rollouts import reason_body
from distribution.errors import Malformed, NotFound
from distribution.people import login, oidc_login, sessions
from distribution.people.oidc import Provider
from distribution.people.oidc_login import Mapped
from distribution.people.passwords import LONGEST
from distribution.people.roles import Permission, Person, Role
from distribution.server import Server
from manifests.documents import parse_json, validated

router = APIRouter(tags=["session"])

MAX_BODY_BYTES = 4 * 1024
AFTER_LOGIN = "/"

VIEW: examples.Example = {
    "name": "wati",
    "roles": ["l3"],
    "client": "",
    "permissions": ["hold.put-on", "rollout.pause"],
    "shown_at": examples.MOMENT,
    "csrf_token": "9f2c...",
}
LOGIN: examples.Example = {"name": "wati", "password": "four words that nobody says"}


class Login(BaseModel):
    """A name and a password."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=LONGEST)]


@dataclass(frozen=True)
class SessionView:
    """Who one is here, and what one may do."""

    name: str
    roles: list[Role]
    client: str
    permissions: list[Permission]
    shown_at: datetime | None
    """When they last showed who they are; None with a token."""
    csrf_token: str
    """To send in the header X-CSRF-Token with what changes something; empty with a token."""


def _view(person: Person, cookie: str) -> SessionView:
    return SessionView(
        name=person.name,
        roles=[role for role in Role if role in person.roles],
        client=person.client,
        permissions=[permission for permission in Permission if person.may(permission)],
        shown_at=person.shown_at,
        csrf_token=sessions.csrf_token(cookie) if cookie else "",
    )


@router.post(
    "/v1/session",
    summary="Log in with a password",
    responses={
        **examples.answer(VIEW, "Logged in; the answer sets the cookie."),
        **errors(400, 401, 403, 413, 422, 429, 503),
    },
    openapi_extra=reason_body(Login, LOGIN),
    dependencies=[FOR_ALL],
)
def log_in(
    request: Request,
    answer: Response,
    server: ServerDep,
    limits: LimitsDep,
    now: NowDep,
    body: Annotated[bytes, Depends(body_of(MAX_BODY_BYTES))],
) -> SessionView:
    """A session of 8 hours, which ends after 15 idle minutes. A former one of the browser ends."""
    cookies.require_safe_way(server.settings)
    cookies.check_origin(request, server.settings)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Malformed("a login is JSON", hint="send Content-Type: application/json")
    given = validated(Login, parse_json(body, "the body"), strict=True)
    address = request.client.host if request.client else ""
    args = server.database, given.name, given.password, address, limits, now
    opened = login.with_password(*args)
    _begin(request, answer, server, opened.cookie, now)
    return _view(opened.person, opened.cookie)


def _begin(request: Request, answer: Response, server: Server, cookie: str, now: datetime) -> None:
    """Give the browser its new session; the one that it had ends."""
    before = cookies.session_of(request, server.settings)
    if before:
        sessions.end(server.database, before, now)
    cookies.set_session(answer, server.settings, cookie)


@router.get(
    "/v1/session",
    summary="Who one is here",
    responses={**examples.answer(VIEW, "By cookie or token."), **errors(401, 503)},
)
def show(request: Request, person: PersonDep, server: ServerDep) -> SessionView:
    """With the permissions that a page needs in order to show what is possible."""
    with_token = "authorization" in request.headers
    return _view(person, "" if with_token else cookies.session_of(request, server.settings))


@router.delete(
    "/v1/session",
    summary="Log out",
    status_code=204,
    responses={204: {"description": "Logged out."}, **errors(401, 403, 503)},
)
def log_out(request: Request, _: PersonDep, server: ServerDep, now: NowDep) -> Response:
    """The session ends here and now. A token does not: `hsp staff token revoke` ends that."""
    answer = Response(status_code=204)
    cookie = cookies.session_of(request, server.settings)
    if cookie:
        sessions.end(server.database, cookie, now)
        cookies.set_session(answer, server.settings, "")
    return answer


# --- at the provider


def _provider(request: Request) -> Provider:
    provider = request.app.state.provider
    if not isinstance(provider, Provider):
        raise NotFound("people log in with passwords here", hint="the settings oidc_* change that")
    return provider


ProviderDep = Annotated[Provider, Depends(_provider)]


@router.get(
    "/v1/session/oidc",
    summary="Log in at the provider",
    status_code=303,
    response_class=RedirectResponse,
    responses={303: {"description": "To the provider."}, **errors(403, 404, 429, 503)},
    dependencies=[FOR_ALL],
)
def begin_oidc(
    request: Request,
    server: ServerDep,
    limits: LimitsDep,
    now: NowDep,
    provider: ProviderDep,
    *,
    anew: bool = False,
) -> RedirectResponse:
    """With `anew`, the provider asks for the password again: for what wants a fresh proof."""
    cookies.require_safe_way(server.settings)
    limits.take_provider(server.database, now)
    browser = secrets.token_urlsafe(32)
    begun = oidc_login.begin(server.database, provider, browser, now, anew=anew)
    answer = RedirectResponse(begun.url, status_code=303)
    cookies.set_login(answer, server.settings, browser)
    return answer


@router.get(
    "/v1/session/oidc/callback",
    summary="Back from the provider",
    status_code=303,
    response_class=RedirectResponse,
    responses={
        303: {"description": "Logged in; the answer sets the cookie."},
        **errors(401, 403, 404, 503),
    },
    dependencies=[FOR_ALL],
)
def finish_oidc(
    request: Request,
    server: ServerDep,
    now: NowDep,
    provider: ProviderDep,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str | None, Query(max_length=4000)] = None,
    iss: Annotated[str | None, Query(max_length=500)] = None,
    error: Annotated[str | None, Query(max_length=500)] = None,
) -> RedirectResponse:
    """Only in the browser that began, once, and within ten minutes."""
    given = {"state": state, "code": code, "iss": iss, "error": error}
    said: Mapping[str, str] = {name: text for name, text in given.items() if text is not None}
    browser = cookies.login_of(request, server.settings)
    settings = server.settings
    mapped = Mapped(settings.oidc_name_claim, settings.oidc_groups_claim, settings.oidc_roles)
    opened = oidc_login.finish(server.database, provider, mapped, browser, said, now)
    answer = RedirectResponse(AFTER_LOGIN, status_code=303)
    cookies.set_login(answer, settings, "")
    _begin(request, answer, server, opened.cookie, now)
    return answer
