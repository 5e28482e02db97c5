"""From values to HTML: the templates, what they may call, and errors as pages."""

import hashlib
from collections.abc import Callable, Coroutine
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined

from distribution.api import cookies
from distribution.api.answers import come_again
from distribution.api.headers import PAGE
from distribution.console import marks
from distribution.console.navigation import entries
from distribution.errors import DistributionError, Unauthorised
from distribution.languages import Language, for_request, translate
from distribution.people import sessions
from distribution.people.roles import Permission, Person
from distribution.server import Server
from distribution.sites import clients
from manifests.errors import UpdateError

_HEADERS = {"Content-Security-Policy": PAGE}


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("distribution.console", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(marks.FILTERS)
    environment.globals.update(static=static_url, may=Permission, **marks.GLOBALS)
    return environment


@cache
def static_url(name: str) -> str:
    """The address of a static file, which changes with its content."""
    content = (files("distribution.console") / "static" / name).read_bytes()
    return f"/static/{name}?{hashlib.sha256(content).hexdigest()[:12]}"


def page(request: Request, template: str, person: Person, **values: Any) -> HTMLResponse:
    """A page, or a part of one, for somebody who is logged in."""
    server: Server = request.app.state.server
    cookie = cookies.session_of(request, server.settings)
    language = _language(request, server, person.client)
    known = {
        "person": person,
        "entries": entries(person),
        "path": request.url.path,
        "csrf": sessions.csrf_token(cookie) if cookie else "",
        "now": server.clock(),
        **values,
    }
    return _written(template, known, language)


def public_page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for whoever comes."""
    server: Server = request.app.state.server
    language = _language(request, server, "")
    known = {"person": None, "path": request.url.path, "now": server.clock(), **values}
    return _written(template, known, language, status)


def _language(request: Request, server: Server, client: str) -> Language:
    """What the browser asks for; else a customer's client's own, else the server's."""
    wished, default = request.headers.get("accept-language", ""), server.settings.language
    chosen = ""
    if client:
        with server.database.reading() as session:
            chosen = clients.known(session, client).language
    return for_request(wished, chosen, default)


def _written(
    template: str, known: dict[str, Any], language: Language, status: int = 200
) -> HTMLResponse:
    def say(text: str, **of: object) -> str:
        return translate(text, language).format(**of) if of else translate(text, language)

    html = _templates().get_template(template).render(t=say, language=language, **known)
    return HTMLResponse(html, status, _HEADERS)


class Page(APIRoute):
    """A route whose errors are pages too; who is not logged in is sent to the login."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with what it raises answered."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except Unauthorised:
                return _to_login(request)
            except DistributionError as error:
                page = _failed(request, error.http_status, error.message, error.hint)
                page.headers.update(come_again(error))
                return page
            except UpdateError as error:
                return _failed(request, 422, error.message, error.hint)
            except HTTPException as error:
                return _failed(request, error.status_code, "there is no such page", "")
            except RequestValidationError:
                return _failed(request, 422, "this address has a part that is wrong", "")

        return handler


def _to_login(request: Request) -> Response:
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(where, safe='')}", status_code=303)


def _failed(request: Request, status: int, message: str, hint: str) -> Response:
    return public_page(request, "error.html", status, code=status, message=message, hint=hint)
