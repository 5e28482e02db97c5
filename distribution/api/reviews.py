"""Reviews of break-glass releases for staff."""

from typing import Annotated

from fastapi import APIRouter

from distribution.api import examples
from distribution.api.access import NowDep, ServerDep, allowed
from distribution.api.answers import errors
from distribution.api.rollouts import Number, Reason, reason_body, says
from distribution.control.rollouts import Word
from distribution.emergency import break_glass, reviews
from distribution.emergency.reviews import Review
from distribution.people.roles import Permission, Person

router = APIRouter(tags=["reviews"])

REVIEW: examples.Example = {
    "number": 3,
    "release": "breakglass/kasir/2.1.0.post1/manifest.json",
    "signed_by": ["tono"],
    "opened_at": examples.MOMENT,
    "due_at": "2026-11-27T02:00:00Z",
    "closed_by": "",
    "closed_at": None,
    "verdict": "",
}


@router.get(
    "/v1/reviews",
    summary="List reviews of break-glass releases",
    responses={**examples.answer([REVIEW], "Due first."), **errors(401, 503)},
)
def list_reviews(
    server: ServerDep,
    _: Annotated[Person, allowed(Permission.REVIEW_READ)],
    *,
    also_closed: bool = False,
) -> list[Review]:
    """The open ones; with `also_closed`, all that ever were."""
    with server.database.reading() as session:
        return reviews.listed(session, also_closed=also_closed)


@router.post(
    "/v1/reviews/{number}/close",
    summary="Close a review",
    responses={
        **examples.answer(REVIEW, "Closed."),
        **errors(401, 403, 404, 409, 413, 422, 503),
    },
    openapi_extra=reason_body(Reason, examples.REASON),
)
def close_review(
    number: Number,
    word: Annotated[Word, says(Permission.REVIEW_CLOSE)],
    server: ServerDep,
    now: NowDep,
) -> Review:
    """Never by who signed the release; the reason is the verdict."""
    on_call = break_glass.people(server.store)
    args = server.database, number, word.by, word.reason, on_call, now
    return reviews.close(*args, word.role)
