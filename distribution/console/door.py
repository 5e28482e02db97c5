"""The way in: the login page, the first page, and the files that pages load."""

from importlib.resources import as_file, files
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

from distribution.api.access import FOR_ALL, PersonDep
from distribution.console.pages import Page, public_page
from distribution.people.oidc import Provider

router = APIRouter(route_class=Page, include_in_schema=False)


@router.get("/")
def first(_: PersonDep) -> Response:
    """Everybody begins with the sites that they see."""
    return RedirectResponse("/fleet", status_code=303)


@router.get("/login", dependencies=[FOR_ALL])
def login(
    request: Request, where: Annotated[str, Query(alias="next", max_length=500)] = "/"
) -> Response:
    """A form; where the browser goes afterwards is a path of ours."""
    is_ours = where.startswith("/") and not where.startswith(("//", "/\\"))
    provider = isinstance(request.app.state.provider, Provider)
    return public_page(request, "login.html", next=where if is_ours else "/", provider=provider)


class _Kept(StaticFiles):
    """Files whose addresses change with their content: a browser keeps them for good."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        answer = super().file_response(*args, **kwargs)  # type: ignore[arg-type] # handed on
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer


def mount_static(app: FastAPI) -> None:
    """Serve what pages load, to everybody: nothing in it is of a client's."""
    with as_file(files("distribution.console") / "static") as folder:
        app.mount("/static", _Kept(directory=folder))
