"""A client's month, for the client and for us."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from distribution.api import client_report_examples as examples
from distribution.api.access import NowDep, ServerDep, allowed
from distribution.api.answers import errors
from distribution.api.languages import WishesDep
from distribution.client_reports import as_html
from distribution.client_reports.formats import MEDIA_TYPES, Format, written
from distribution.client_reports.month import month as month_of
from distribution.client_reports.period import Period, zone_of_client
from distribution.client_reports.sheet import Part
from distribution.people.roles import Permission, Person
from distribution.sites import clients

router = APIRouter(tags=["reports"])

_BARE = {how: media_type.partition(";")[0] for how, media_type in MEDIA_TYPES.items()}


@router.get(
    "/v1/clients/{client_id}/reports/{month}",
    summary="A client's month",
    response_class=Response,
    responses={
        200: {
            "description": "What was installed when, what failed, how long it took, what waits.",
            "content": {
                _BARE[Format.JSON]: {"example": examples.CLIENT_MONTH},
                _BARE[Format.CSV]: {"example": examples.CLIENT_MONTH_CSV},
                _BARE[Format.PDF]: {"example": examples.CLIENT_MONTH_PDF},
                _BARE[Format.HTML]: {"example": examples.CLIENT_MONTH_HTML},
            },
        },
        **errors(401, 404, 422, 503),
    },
)
def client_report(
    client_id: str,
    month: Annotated[str, Path(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-11"])],
    server: ServerDep,
    person: Annotated[Person, allowed(Permission.SITE_READ)],
    now: NowDep,
    wishes: WishesDep,
    how: Annotated[Format, Query(alias="format")] = Format.JSON,
    part: Part = Part.INSTALLS,
    zone: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """Sentences are in the language that you ask for, or else in the client's.

    The month is one of the client's first site's time zone, unless you name another. A CSV file is
    one table: `part` says which.
    """
    with server.database.reading() as session:
        clients.known(session, client_id, person.client)
        language = wishes.about_client(session, client_id)
        period = Period.parse(month, zone or zone_of_client(session, client_id))
        found = month_of(session, client_id, period, now, language)
    name = f"{client_id}-{period}" + (f"-{part}" if how is Format.CSV else "")
    headers = {
        "Content-Disposition": f'inline; filename="{name}.{how}"',
        "Content-Language": language,
        "Vary": "Accept-Language",
    }
    if how is Format.HTML:
        headers["Content-Security-Policy"] = as_html.POLICY
    content = written(found, how, language, part)
    return Response(content, media_type=MEDIA_TYPES[how], headers=headers)
