"""What support asks of one site, what it answered, and the diagnostics that it sent: L2 and L3."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from distribution.api import examples
from distribution.api.access import NowDep, ServerDep, allowed, body_of, word
from distribution.api.answers import errors
from distribution.api.examples import MOMENT, Example
from distribution.api.rollouts import MAX_BODY_BYTES, Reason, reason_body
from distribution.desk import diagnostics, remote_steps
from distribution.desk.diagnostics import DiagnosticsRecord, DiagnosticsView
from distribution.desk.remote_steps import StepDetails, StepRecord, Wanted
from distribution.people.roles import Permission, Person
from manifests.documents import parse_json, validated
from manifests.remote_steps import StepKind

router = APIRouter(tags=["support"])

RemoteDep = Annotated[Person, allowed(Permission.SITE_REMOTE)]
Limit = Annotated[int, Query(ge=1, le=1000)]

_STEP: Example = {
    "step_id": "9c5b94b1a7c64b0f8b7d7f0a3f3d2e11",
    "kind": "repair",
    "product": "kasir",
    "version": "",
    "asked_by": "joko",
    "role": "l2",
    "asked_at": MOMENT,
    "expires_at": "2026-11-26T02:00:00Z",
    "reason": "prices.db was damaged, they say on the telephone",
    "handed_at": MOMENT,
    "outcome": "done",
    "sentence": "kasir 2.1.0: mended files: 1",
    "answered_at": MOMENT,
}
_DETAILS: Example = {
    "step": _STEP,
    "drift": [
        {"product": "kasir", "version": "2.1.0", "differences": [], "different": 0, "mended": 1}
    ],
    "has_diagnostics": False,
}
_BUNDLE: Example = {
    "step_id": _STEP["step_id"],
    "site_id": "warung-jakarta",
    "received_at": MOMENT,
    "size_bytes": 48_213,
}
_VIEW: Example = {
    "step_id": _STEP["step_id"],
    "site_id": "warung-jakarta",
    "received_at": MOMENT,
    "made_at": MOMENT,
    "agent_version": "0.1.0",
    "public_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "sections": [{"name": "disk", "text": '{"free_bytes": 12884901888}'}],
}
_NEW_STEP: Example = {"kind": "restart", "product": "kasir", "reason": "it hangs since noon"}


class NewStep(Reason):
    """A step of the fixed list, and why."""

    kind: StepKind
    product: str = ""
    """Of a restart or a retry; of verify and repair, where it is not all of them."""
    version: str = ""
    """Of a retry."""


@router.post(
    "/v1/sites/{site_id}/steps",
    summary="Ask a site for a step of the fixed list",
    responses={
        **examples.answer({**_STEP, "outcome": "", "answered_at": None}, "Asked."),
        **errors(401, 403, 404, 409, 413, 422, 503),
    },
    openapi_extra=reason_body(NewStep, _NEW_STEP),
)
def ask(
    site_id: str,
    person: RemoteDep,
    body: Annotated[bytes, Depends(body_of(MAX_BODY_BYTES))],
    server: ServerDep,
    now: NowDep,
) -> StepRecord:
    """The site hears of it at its next check-in, within 24 hours, and does what its own
    administrator lets support do."""
    given = validated(NewStep, parse_json(body, "the body"), strict=True)
    said = word(person, Permission.SITE_REMOTE, given.reason)
    wanted = Wanted(given.kind, given.product, given.version)
    return remote_steps.ask(server.database, site_id, wanted, said, now)


@router.get(
    "/v1/sites/{site_id}/steps",
    summary="What a site was asked for",
    responses={**examples.answer([_STEP], "Newest first."), **errors(401, 403, 404, 422, 503)},
)
def list_steps(
    site_id: str, _: RemoteDep, server: ServerDep, limit: Limit = 100
) -> list[StepRecord]:
    """With what came of it, in the site's own words."""
    with server.database.reading() as session:
        return remote_steps.listed(session, site_id, limit)


@router.get(
    "/v1/sites/{site_id}/steps/{step_id}",
    summary="One step, with what the site found",
    responses={**examples.answer(_DETAILS, "The step."), **errors(401, 403, 404, 503)},
)
def show_step(site_id: str, step_id: str, _: RemoteDep, server: ServerDep) -> StepDetails:
    """The drift of each product, as long as the site's answer is kept: 30 days."""
    with server.database.reading() as session:
        return remote_steps.details(session, site_id, step_id)


@router.get(
    "/v1/sites/{site_id}/diagnostics",
    summary="The diagnostics bundles of a site",
    responses={**examples.answer([_BUNDLE], "Newest first."), **errors(401, 403, 404, 422, 503)},
)
def list_diagnostics(
    site_id: str, _: RemoteDep, server: ServerDep, limit: Limit = 100
) -> list[DiagnosticsRecord]:
    """What it sent when it was asked to `collect`; kept for 30 days."""
    with server.database.reading() as session:
        return diagnostics.listed(session, site_id, limit)


@router.get(
    "/v1/sites/{site_id}/diagnostics/{step_id}",
    summary="One diagnostics bundle",
    responses={**examples.answer(_VIEW, "The bundle."), **errors(401, 403, 404, 503)},
)
def show_diagnostics(
    site_id: str, step_id: str, _: RemoteDep, server: ServerDep
) -> DiagnosticsView:
    """Redacted by the site before it was signed and sent."""
    with server.database.reading() as session:
        return diagnostics.view(session, site_id, step_id)
