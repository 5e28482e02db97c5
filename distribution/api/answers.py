"""Errors as answers: one shape, one table, and never a traceback."""

import logging
import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from distribution.api.headers import HEADERS
from distribution.errors import DistributionError, TooMany, Unavailable
from manifests.errors import ManifestError, UpdateError

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 30

_UNPROCESSABLE = 422


class ErrorDetail(BaseModel):
    """What went wrong, for a program (``code``) and for a person."""

    code: str
    message: str
    hint: str = ""


class ErrorAnswer(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorDetail


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that can answer with these."""
    return {
        status: {
            "model": ErrorAnswer,
            "description": _MEANING[status],
            "content": {"application/json": {"example": _example(status)}},
        }
        for status in statuses
    }


_MEANING = {
    400: "Not a document of the kind it should be.",
    401: "Not known, or not by that key.",
    403: "Known, but this is somebody else's to decide.",
    404: "No such thing.",
    409: "It contradicts what is already there; nothing was changed.",
    412: "The file is not the one that you began to read.",
    413: "The body is over the limit and was not read.",
    416: "The file is not that long.",
    422: "Understood, and wrong.",
    429: "Too often; try again after Retry-After seconds.",
    503: "Not possible at the moment; try again after Retry-After seconds.",
}


def _example(status: int) -> dict[str, Any]:
    return {"error": {"code": f"http_{status}", "message": _MEANING[status], "hint": ""}}


def answer_of(
    status: int, code: str, message: str, hint: str = "", headers: dict[str, str] | None = None
) -> JSONResponse:
    body = ErrorAnswer(error=ErrorDetail(code=code, message=message, hint=hint))
    # A cached 404 of the next root would keep a rotation of keys from the sites behind the cache.
    return JSONResponse(body.model_dump(), status, {"Cache-Control": "no-store", **(headers or {})})


def come_again(error: DistributionError) -> dict[str, str]:
    """The header that says when, of an answer that means later."""
    headers = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return headers


def _distribution(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DistributionError)  # noqa: S101 - registered for it alone
    headers = come_again(error)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return answer_of(error.http_status, error.code, error.message, error.hint, headers)


def _manifest(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ManifestError)  # noqa: S101 - registered for it alone
    return answer_of(_UNPROCESSABLE, "invalid", error.message, error.hint)


def _update(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UpdateError)  # noqa: S101 - registered for it alone
    log.error("an answer failed: %s", error)
    return answer_of(500, "failed", error.message, error.hint)


def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it alone
    words = (
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors()[:5]
    )
    return answer_of(_UNPROCESSABLE, "invalid", "; ".join(words))


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    headers = dict(error.headers or {})
    return answer_of(error.status_code, f"http_{error.status_code}", str(error.detail), "", headers)


def _unexpected(_: Request, error: Exception) -> JSONResponse:
    """Sent from outside of the shield, so with its headers."""
    said = "the server has a fault of its own; it has been logged"
    return answer_of(500, "failed", said, headers=dict(HEADERS))


def install(app: FastAPI) -> None:
    """Make every error of this product, and of the framework, an answer of one shape."""
    app.add_exception_handler(DistributionError, _distribution)
    app.add_exception_handler(ManifestError, _manifest)
    app.add_exception_handler(UpdateError, _update)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
