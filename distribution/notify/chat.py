"""Chats by incoming webhooks: ``{"text": ...}``, as Slack, Mattermost and Google Chat take it."""

from distribution.notify.posting import post
from distribution.notify.reach import Reach
from distribution.notify.words import Message
from manifests.documents import to_json

MAX_CHARACTERS = 3000
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""In chats ``<!channel>`` calls everybody together, and a failing program could print it."""


def send(message: Message, url: str, reach: Reach) -> None:
    """Post a message.

    Raises:
        NotDelivered: see ``posting.post``.
    """
    said = dict.fromkeys((message.subject, *message.lines))  # the first line may be the subject
    text = "\n".join(said)[:MAX_CHARACTERS].translate(_ESCAPES)
    headers = {"Content-Type": "application/json", "User-Agent": "hsp-distribution"}
    post(url, to_json({"text": text}), headers, reach)
