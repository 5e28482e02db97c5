"""From what a delivery settled to the message that is sent, done anew at each try by the sender.

Not where deliveries are given out: one that nobody can read any more must hold up none of the rest.
"""

import json

from distribution.errors import Invalid
from distribution.languages import Language, translate
from distribution.notify import client_words, staff_words, words
from distribution.notify.facts import BUNCH, CLIENT, STAFF
from distribution.notify.states import Kind
from distribution.notify.tables import Delivery, NotifyChannel
from distribution.notify.words import Message


def message_of(delivery: Delivery, channel: NotifyChannel) -> Message:
    """What a sealed delivery says.

    Raises:
        Invalid: what was settled cannot be read any more: another version of ours wrote it.
    """
    language = Language(channel.language)
    try:
        kind, subject, lines, data = _said(delivery, channel, language)
    except (ValueError, KeyError) as error:
        raise Invalid(f"delivery {delivery.id} cannot be read: {type(error).__name__}") from error
    return Message(
        id=delivery.message_id,
        kind=kind,
        at=delivery.sealed_at or delivery.created_at,
        subject=subject,
        lines=lines,
        short=subject,
        data=data,
        thread=words.thread_of(channel.id or 0, delivery.problem_id),
        list_name=f"channel-{channel.id}",
        language=language,
    )


def _said(
    delivery: Delivery, channel: NotifyChannel, language: Language
) -> tuple[str, str, tuple[str, ...], dict[str, object]]:
    if delivery.problem_id is None:
        subject = translate("A test of notifications", language)
        text = translate("If you read this, messages reach you here.", language)
        return "test", subject, (text,), {}
    if channel.kind == Kind.TRACKER:
        handed: dict[str, object] = json.loads(delivery.content)
        return "ticket.handed_over", str(handed["title"]), (), handed
    if channel.client_id:
        told = CLIENT.validate_json(delivery.content)
        lines = tuple(client_words.lines(told, channel))
        subject = client_words.subject(told, language)
        return client_words.kind(told), subject, lines, client_words.data(told)
    if delivery.gathered:
        bunch, count = BUNCH.validate_json(delivery.content), delivery.gathered + 1
        lines = tuple(staff_words.lines_of_many(bunch, count, channel))
        return "tickets.many", lines[0], lines, staff_words.data_of_many(bunch, count)
    ours = STAFF.validate_json(delivery.content)
    lines = tuple(staff_words.lines(ours, channel))
    subject = staff_words.subject(ours, language)
    return f"ticket.{ours.what}", subject, lines, staff_words.data(ours)
