"""What sites send: enrolments, check-ins and install reports, each a signed envelope."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from distribution import check_ins, enrolment, reports, site_keys
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
from distribution.desk import step_results
from manifests.check_in import (
    CHECK_IN_TYPE,
    ENROLMENT_TYPE,
    CheckInAnswer,
    EnrolmentAnswer,
    ReportReceipt,
)
from manifests.install_report import MAX_REPORT_BYTES, REPORT_TYPE
from manifests.key_rotation import MAX_ROTATION_BYTES, ROTATION_TYPE, KeyRotationAnswer
from manifests.remote_steps import MAX_STEP_RESULT_BYTES, STEP_RESULT_TYPE, StepReceipt

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
