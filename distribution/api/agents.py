"""What sites send: enrolments, check-ins and install reports, each a signed envelope."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from distribution import check_ins, enrolment, reports
from distribution.api import examples
from distribution.api.access import (
    FOR_SITES,
    LimitsDep,
    NewestDep,
    NowDep,
    ServerDep,
    body_of,
)
from distribution.api.answers import errors
from manifests.check_in import (
    CHECK_IN_TYPE,
    ENROLMENT_TYPE,
    CheckInAnswer,
    EnrolmentAnswer,
    ReportReceipt,
)
from manifests.install_report import MAX_REPORT_BYTES, REPORT_TYPE

MAX_ENROLMENT_BYTES = 16 * 1024

router = APIRouter(tags=["agents"])

_ENVELOPE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Envelope",
    "description": "A DSSE envelope: base64 of the document, its type, one Ed25519 signature.",
    "required": ["payload", "payloadType", "signatures"],
    "properties": {
        "payload": {"type": "string", "contentEncoding": "base64"},
        "payloadType": {"type": "string"},
        "signatures": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["keyid", "sig"],
                "properties": {"keyid": {"type": "string"}, "sig": {"type": "string"}},
            },
        },
    },
}


def _envelope_of(body_type: str) -> dict[str, Any]:
    example = {**examples.ENVELOPE, "payloadType": body_type}
    content = {"application/json": {"schema": _ENVELOPE_SCHEMA, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def _not_too_many(request: Request, limits: LimitsDep) -> None:
    """Before the body is read: nobody has shown yet who they are."""
    limits.take_enrolment(request.client.host if request.client else "")


_ERRORS = errors(400, 401, 413, 422, 429, 503)


@router.post(
    "/v1/enrol",
    summary="Join, with an invitation's token",
    openapi_extra=_envelope_of(ENROLMENT_TYPE),
    responses={**examples.answer(examples.ENROLMENT_ANSWER, "Known from now on."), **_ERRORS},
    dependencies=[FOR_SITES, Depends(_not_too_many)],
)
def enrol(
    body: Annotated[bytes, Depends(body_of(MAX_ENROLMENT_BYTES))], server: ServerDep, now: NowDep
) -> EnrolmentAnswer:
    """An envelope with an `Enrolment`, signed by the key that it names."""
    return enrolment.enrol(server.database, body, server.settings, now)


@router.post(
    "/v1/check-in",
    summary="Say what runs here, and hear of news",
    openapi_extra=_envelope_of(CHECK_IN_TYPE),
    responses={**examples.answer(examples.CHECK_IN_ANSWER, "Noted."), **_ERRORS},
    dependencies=[FOR_SITES],
)
def check_in(
    body: Annotated[bytes, Depends(body_of(check_ins.MAX_CHECK_IN_BYTES))],
    server: ServerDep,
    newest: NewestDep,
    limits: LimitsDep,
    now: NowDep,
) -> CheckInAnswer:
    """An envelope with a `CheckIn`. The answer can slow an agent or hold it, and starts nothing."""
    args = server.database, body, server.settings, newest, now
    return check_ins.accept(*args, admit=limits.check_in.take)


@router.post(
    "/v1/reports",
    summary="Report one step of an install",
    openapi_extra=_envelope_of(REPORT_TYPE),
    responses={
        **examples.answer(examples.RECEIPT, "Stored: it survives a power cut."),
        **errors(400, 401, 409, 413, 422, 429, 503),
    },
    dependencies=[FOR_SITES],
)
def report(
    body: Annotated[bytes, Depends(body_of(MAX_REPORT_BYTES))],
    server: ServerDep,
    limits: LimitsDep,
    now: NowDep,
) -> ReportReceipt:
    """An envelope with an `InstallReport`. Sending the same one again changes nothing."""
    return reports.accept(server.database, body, now, admit=limits.report.take)
