"""Channels of notifications: staff's, and a customer's own."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from distribution.api import examples
from distribution.api.access import NowDep, ServerDep, allowed, body_of, word
from distribution.api.answers import errors
from distribution.api.rollouts import MAX_BODY_BYTES, Number, Reason, reason_body, says
from distribution.control.rollouts import Word
from distribution.errors import Invalid
from distribution.notify import channels
from distribution.notify.channels import NewChannel
from distribution.notify.listing import Channel, listed
from distribution.notify.states import Kind
from distribution.notify.wishes import Wish
from distribution.people.roles import Permission, Person
from manifests.documents import parse_json, validated
from manifests.free_text import MAX_REASON_BYTES

router = APIRouter(tags=["notifications"])

CHANNEL: examples.Example = {
    "number": 3,
    "tier": "",
    "client": "warung",
    "label": "Ibu Rina",
    "kind": "webhook",
    "address": "https://hooks.warung.example/hsp",
    "language": "id",
    "zone": "Asia/Jakarta",
    "quiet_from": "22:00",
    "quiet_to": "06:00",
    "news": ["closed", "opened"],
    "least": "",
    "created_by": "rina",
    "created_at": examples.MOMENT,
    "waiting": 0,
    "last_sent_at": examples.MOMENT,
    "error": "",
}

NEW_CHANNEL: examples.Example = {
    "client": "warung",
    "label": "Ibu Rina",
    "kind": "webhook",
    "address": "https://hooks.warung.example/hsp",
    "language": "id",
    "zone": "Asia/Jakarta",
    "quiet_from": "22:00",
    "quiet_to": "06:00",
    "reason": "she asked for it",
}

MADE: examples.Example = {
    "channel": {**CHANNEL, "last_sent_at": None},
    "secret": "whsec_...",
}


class NewWish(Wish):
    """A channel to be, and why."""

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_BYTES)]


@router.get(
    "/v1/notify/channels",
    summary="List channels of notifications",
    responses={**examples.answer([CHANNEL], "Oldest first."), **errors(401, 503)},
)
def list_channels(
    server: ServerDep, person: Annotated[Person, allowed(Permission.NOTIFY_READ)]
) -> list[Channel]:
    """A customer's own, or all."""
    with server.database.reading() as session:
        return listed(session, client=person.client)


@router.post(
    "/v1/notify/channels",
    summary="Add a channel of notifications",
    responses={
        **examples.answer(MADE, "There; a webhook's secret is shown now and never again."),
        **errors(401, 403, 404, 409, 413, 422, 503),
    },
    openapi_extra=reason_body(NewWish, NEW_CHANNEL),
)
def add(
    person: Annotated[Person, allowed(Permission.NOTIFY_CHANGE)],
    body: Annotated[bytes, Depends(body_of(MAX_BODY_BYTES))],
    server: ServerDep,
    now: NowDep,
) -> NewChannel:
    """For a tier or a client; a customer, for their own client."""
    given = validated(NewWish, parse_json(body, "the body"), strict=True)
    if given.kind is Kind.TRACKER:
        hint = "a tracker's token is on the server's machine: use 'hsp notify add' there"
        raise Invalid("a tracker is not added from here", hint=hint)
    said = word(person, Permission.NOTIFY_CHANGE, given.reason)
    args = server.database, server.settings, given, said, now
    return channels.add(*args, client=person.client)


@router.post(
    "/v1/notify/channels/{number}/remove",
    summary="Remove a channel of notifications",
    responses={
        **examples.answer(CHANNEL, "Removed; what waited for it is left out."),
        **errors(401, 403, 404, 413, 422, 503),
    },
    openapi_extra=reason_body(Reason, examples.REASON),
)
def remove(
    number: Number,
    person: Annotated[Person, allowed(Permission.NOTIFY_CHANGE)],
    said: Annotated[Word, says(Permission.NOTIFY_CHANGE)],
    server: ServerDep,
    now: NowDep,
) -> Channel:
    """Nothing is sent there any more."""
    args = server.database, server.settings, number, said, now
    return channels.end(*args, client=person.client)


@router.post(
    "/v1/notify/channels/{number}/test",
    summary="Send a test to a channel of notifications",
    responses={
        **examples.answer(CHANNEL, "It is sent soon; the list says what came of it."),
        **errors(401, 403, 404, 413, 422, 503),
    },
    openapi_extra=reason_body(Reason, examples.REASON),
)
def test(
    number: Number,
    person: Annotated[Person, allowed(Permission.NOTIFY_CHANGE)],
    said: Annotated[Word, says(Permission.NOTIFY_CHANGE)],
    server: ServerDep,
    now: NowDep,
) -> Channel:
    """One a minute, however often it is asked for."""
    return channels.test(server.database, number, said, now, client=person.client)
