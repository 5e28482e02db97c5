"""When to poll next: a pure function, so that its distribution can be tested.

Source: ``SEMANTICS`` (Rollouts): jitter always, ``Retry-After`` obeyed up to a day, the interval
shrunk to a third of the time left before a window opens, so that an opening is no herd.
"""

from dataclasses import dataclass
from random import Random

LONGEST_BACKOFF_SECONDS = 3600.0
MAX_RETRY_AFTER_SECONDS = 24 * 3600.0
SHORTEST_SECONDS = 10.0


@dataclass(frozen=True)
class Outlook:
    """What the next delay depends on."""

    poll_seconds: float
    """As the server wishes."""
    failures: int = 0
    """Polls in a row that could not reach somebody."""
    retry_after: float = 0
    """Seconds that somebody asked for."""
    took: float = 0
    """Seconds that the last poll took."""
    opens_in: float | None = None
    """Seconds until the nearest moment that a decision waits for."""


def next_delay(outlook: Outlook, random: Random) -> float:
    """Seconds until the next poll, each time another."""
    if outlook.failures:
        delay = _backoff(outlook) * random.uniform(0.5, 1.0)
    else:
        # Within one interval every site knows of a pause: it is counted from poll to poll, and a
        # tenth of it is left for the poll itself.
        between = outlook.poll_seconds * random.uniform(0.6, 0.9)
        delay = max(between - outlook.took, outlook.poll_seconds / 10)
    if outlook.opens_in is not None:
        delay = min(delay, _before_opening(outlook, outlook.opens_in, random))
    wanted = min(outlook.retry_after, MAX_RETRY_AFTER_SECONDS)
    if wanted > delay:
        return wanted * random.uniform(1.0, 1.1)
    return delay


def _backoff(outlook: Outlook) -> float:
    longest = max(LONGEST_BACKOFF_SECONDS, outlook.poll_seconds)
    return min(outlook.poll_seconds * 2.0 ** min(outlook.failures, 20), longest)


def _before_opening(outlook: Outlook, seconds: float, random: Random) -> float:
    """A third of the time left; at the end, a moment after the opening."""
    shortest = min(SHORTEST_SECONDS, outlook.poll_seconds)
    if seconds <= shortest:
        return max(seconds, 0.0) + shortest * random.uniform(0.1, 1.0)
    return max(seconds / 3 * random.uniform(0.75, 1.25), shortest)
