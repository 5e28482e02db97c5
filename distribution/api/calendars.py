"""A client's calendar, for the calendar programs that its people subscribe with."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from distribution.api import examples
from distribution.api.access import FOR_ALL, NowDep, ServerDep
from distribution.api.answers import errors
from distribution.calendars import calendar_access, calendar_export

router = APIRouter(tags=["calendars"])

MEDIA_TYPE = "text/calendar"


@router.get(
    "/v1/clients/{client_id}/calendar.ics",
    summary="A client's windows, blackouts and planned installs",
    response_class=Response,
    responses={
        200: {
            "description": "An iCalendar file.",
            "content": {MEDIA_TYPE: {"example": examples.CALENDAR}},
        },
        **errors(401, 503),
    },
    dependencies=[FOR_ALL],
)
def calendar(
    client_id: str,
    server: ServerDep,
    now: NowDep,
    token: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """With the token of the subscribe address, which opens this calendar and nothing else."""
    with server.database.reading() as session:
        calendar_access.check(session, client_id, token)
        content = calendar_export.of_client(session, client_id, now)
    headers = {"Cache-Control": "private, no-store"}  # the address is a secret
    return Response(content, media_type=MEDIA_TYPE, headers=headers)
