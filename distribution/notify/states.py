"""What a channel can be, and what can become of a delivery."""

import re
from collections.abc import Mapping
from enum import StrEnum

from distribution.desk.news import News
from manifests.failures import Tier


class Kind(StrEnum):
    """How a channel reaches somebody."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    CHAT = "chat"
    SMS = "sms"
    TRACKER = "tracker"
    """The developers': a ticket there for each problem that is handed over."""


class State(StrEnum):
    """Of a delivery."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    LEFT_OUT = "left_out"
    """It was over before anybody could hear of it, or nobody listens there any more."""
    GATHERED = "gathered"
    """Told in the message of another one."""
    GIVEN_UP = "given_up"


OPEN_STATES = (State.WAITING, State.SENDING)

RANK: Mapping[Tier, int] = {Tier.L1: 1, Tier.L2: 2, Tier.L3: 3, Tier.SECURITY: 3}
"""For who wants to hear of a tier and those above it: security stands beside the third."""

ALWAYS_AWAKE = frozenset({Tier.L3, Tier.SECURITY})
"""Tiers without quiet hours."""

OF_STAFF = tuple(News)
OF_CLIENTS = (News.OPENED, News.CLOSED)
"""What there is to hear for a client: it began at a site of theirs, it is over there."""
AS_A_CLIENT_HEARS_IT: Mapping[News, News] = {
    News.OPENED: News.OPENED,
    News.JOINED: News.OPENED,
    News.REOPENED: News.OPENED,
    News.CLOSED: News.CLOSED,
}

AT_ONCE = frozenset(News) - {News.JOINED}
"""Of these a tier hears at once, as often as ``pace`` allows."""

GITHUB, JIRA, PLAIN = "github", "jira:", "plain"
SHAPE = re.compile(rf"{GITHUB}|{PLAIN}|{JIRA}[A-Z][A-Z0-9_]{{0,30}}")
"""What a tracker takes."""
