"""Webhooks as https://www.standardwebhooks.com has them: a body of JSON, signed by HMAC-SHA256.

Receivers check the signature with any of that specification's libraries, and drop what has a
``webhook-id`` that they know.
"""

import base64
import hmac
import secrets
from datetime import datetime

from distribution.notify.posting import post
from distribution.notify.reach import Reach
from distribution.notify.words import Message
from manifests.documents import to_json

PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """One that nobody else has."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def send(message: Message, url: str, secret: str, reach: Reach, now: datetime) -> None:
    """Post a message.

    Raises:
        NotDelivered: see ``posting.post``.
    """
    at = message.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    body = to_json({"type": message.kind, "timestamp": at, "data": message.data})
    stamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "hsp-distribution",
        "webhook-id": message.id,
        "webhook-timestamp": stamp,
        "webhook-signature": signature(secret, message.id, stamp, body),
    }
    post(url, body, headers, reach)


def signature(secret: str, message_id: str, stamp: str, body: bytes) -> str:
    """Over the id, the moment of this try, and the body."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{stamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
