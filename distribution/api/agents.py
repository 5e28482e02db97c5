"""What sites send: enrolments, check-ins and install reports, each a signed envelope."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response

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
from distribution.api.quick_reports import ADMITTED
from distribution.desk import step_results
from distribution.sites import check_ins, enrolment, reports, site_keys
from distribution.sites.sealed import freely
from manifests.check_in import (
    CHECK_IN_TYPE,
    ENROLMENT_TYPE,
    SESSION_HEADER,
    SESSION_WANTED,
    CheckInAnswer,
    EnrolmentAnswer,
    ReportReceipt,
)
from manifests.install_report import MAX_REPORT_BYTES, REPORT_TYPE
from manifests.key_rotation import MAX_ROTATION_BYTES, ROTATION_TYPE, KeyRotationAnswer
from manifests.remote_steps import MAX_STEP_RESULT_BYTES, STEP_RESULT_TYPE, StepReceipt
from manifests.repetition import spoken

MAX_ENROLMENT_BYTES = 16 * 1024

router = APIRouter(tags=["agents"])

_STEP_RECEIPT: examples.Example = {
    "format": 1,
    "step_id": "9c5b94b1a7c64b0f8b7d7f0a3f3d2e11",
    "sha256": examples.RECEIPT["sha256"],
    "duplicate": False,
}
_SITE_KEY: examples.Example = {
    "format": 1,
    "site_id": "warung-jakarta",
    "public_key": examples.SITE_DETAILS["public_key"],
}

_SESSION = f"`{SESSION_WANTED}`: the answer gives a token for saying the same again."

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


def _not_too_many(request: Request, limits: LimitsDep, server: ServerDep, now: NowDep) -> None:
    """Before the body is read: nobody has shown yet who they are."""
    address = request.client.host if request.client else ""
    limits.take_enrolment(server.database, address, now)


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
    response_model=CheckInAnswer,
    responses={**examples.answer(examples.CHECK_IN_ANSWER, "Noted."), **_ERRORS},
    dependencies=[FOR_SITES],
)
def check_in(
    request: Request,
    body: Annotated[bytes, Depends(body_of(check_ins.MAX_CHECK_IN_BYTES))],
    server: ServerDep,
    newest: NewestDep,
    limits: LimitsDep,
    now: NowDep,
    session: Annotated[str, Header(alias=SESSION_HEADER, description=_SESSION)] = "",
) -> Response:
    """An envelope with a `CheckIn`. The answer can slow an agent or hold it, and starts nothing.

    Who has asked for a session may say the same again as a plain `CheckIn`, without an envelope,
    with `Authorization: Bearer` and its token. Whatever else is said needs a signature: 401.
    """
    admit = freely if request.scope.get(ADMITTED) else limits.check_in.take
    args = server.settings, newest, now
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and spoken(body) is not None:
        answer = check_ins.repeat(server.database, token.strip(), body, *args, admit=admit)
    else:
        wants = session == SESSION_WANTED
        answer = check_ins.accept(server.database, body, *args, admit=admit, wants_session=wants)
    return Response(answer.to_bytes(), media_type="application/json")


@router.post(
    "/v1/reports",
    summary="Report one step of an install",
    openapi_extra=_envelope_of(REPORT_TYPE),
    response_model=ReportReceipt,
    responses={
        **examples.answer(examples.RECEIPT, "Stored: it survives a power cut."),
        **errors(400, 401, 409, 413, 422, 429, 503),
    },
    dependencies=[FOR_SITES],
)
def report(
    request: Request,
    body: Annotated[bytes, Depends(body_of(MAX_REPORT_BYTES))],
    server: ServerDep,
    limits: LimitsDep,
    now: NowDep,
) -> Response:
    """An envelope with an `InstallReport`. Sending the same one again changes nothing."""
    admit = freely if request.scope.get(ADMITTED) else limits.report.take
    receipt = reports.accept(server.database, body, now, admit=admit)
    return Response(receipt.to_bytes(), media_type="application/json")


@router.post(
    "/v1/step-results",
    summary="Say what came of a step that support asked for",
    openapi_extra=_envelope_of(STEP_RESULT_TYPE),
    responses={
        **examples.answer(_STEP_RECEIPT, "Stored: it survives a power cut."),
        **errors(400, 401, 409, 413, 422, 429, 503),
    },
    dependencies=[FOR_SITES],
)
def step_result(
    body: Annotated[bytes, Depends(body_of(MAX_STEP_RESULT_BYTES))],
    server: ServerDep,
    limits: LimitsDep,
    now: NowDep,
) -> StepReceipt:
    """An envelope with a `StepResult`. Sending the same one again changes nothing."""
    return step_results.accept(server.database, body, now, admit=limits.report.take)


@router.post(
    "/v1/site-key",
    summary="Change a site's key",
    openapi_extra=_envelope_of(ROTATION_TYPE),
    responses={
        **examples.answer(_SITE_KEY, "Believed from now on, and the old one no more."),
        **errors(400, 401, 413, 422, 429, 503),
    },
    dependencies=[FOR_SITES],
)
def site_key(
    body: Annotated[bytes, Depends(body_of(MAX_ROTATION_BYTES))],
    server: ServerDep,
    limits: LimitsDep,
    now: NowDep,
) -> KeyRotationAnswer:
    """An envelope with a `KeyRotation`, signed by the old key; the new one agrees inside of it."""
    return site_keys.rotate(server.database, body, now, admit=limits.report.take)
