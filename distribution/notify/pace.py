"""How often a channel hears of one problem, and when a failed message is tried again; pure.

What is told at once is told ``AT_MOST`` times in a ``WINDOW``. That one more site has it waits
until some time after the last message, longer with each one: a storm of an hour is four messages.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

AT_MOST = 3
WINDOW = timedelta(minutes=5)
LONGEST_GAP = timedelta(hours=1)
REMEMBERED = timedelta(days=1)
"""A message from longer ago counts no more."""

STEPS_SECONDS = (10, 60, 300, 1800, 2 * 3600, 6 * 3600)
GIVEN_UP_AFTER = timedelta(days=3)
MIN_TRIES = 5
"""Not given up before so many tries: the server itself may have been off for days."""


def next_at(told: Sequence[datetime], now: datetime, *, at_once: bool) -> datetime:
    """When a channel may hear of a problem again.

    Args:
        told: when it heard of it before, in the time that is remembered, oldest first.
    """
    if not told:
        return now
    if at_once:
        lately = [at for at in told if at > now - WINDOW]
        return now if len(lately) < AT_MOST else lately[-AT_MOST] + WINDOW
    gap: timedelta = min(WINDOW * 2 ** min(len(told) - 1, 10), LONGEST_GAP)
    return max(now, told[-1] + gap)


def try_again_after(tries: int, asked_for: float = 0) -> timedelta:
    """How long to wait after so many tries that failed: any time up to the step, so that many
    messages that failed together are not tried together again.

    Args:
        asked_for: seconds that the receiver wants to be left alone.
    """
    step = STEPS_SECONDS[min(tries, len(STEPS_SECONDS)) - 1]
    seconds = max(random.SystemRandom().uniform(0, step), 1, asked_for)
    return timedelta(seconds=seconds)
