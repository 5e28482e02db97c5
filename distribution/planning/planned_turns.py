"""When sites would begin, where only so many may be in progress at once: for the preview.

As the scheduler does it: whoever stands first in line and can begin does, as soon as there is room.
Each wave is planned for itself.
"""

from bisect import insort
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

from manifests.rollout import Limits

Again = Callable[[int, datetime], datetime | None]
"""When a site could begin, from a moment on; None: never."""


class Line:
    """The sites of one wave, numbered as they stand in line."""

    def __init__(
        self, arrivals: Mapping[int, datetime], clients: Mapping[int, str], limits: Limits
    ) -> None:
        """``arrivals``: when each site could begin if it were alone."""
        self._arrivals, self._clients, self._limits = arrivals, clients, limits
        self._coming = [(moment, number) for number, moment in arrivals.items()]
        heapify(self._coming)
        self._waiting: list[int] = []
        self._ends: list[tuple[datetime, str]] = []
        self.begun: dict[int, datetime | None] = {}
        """When each begins; None for one that never can."""

    def go(self, needed: timedelta, again: Again) -> dict[int, datetime | None]:
        """Let the time pass until everybody has begun; an install takes ``needed``."""
        while self._coming or self._waiting:
            now = self._next_moment()
            while self._coming and self._coming[0][0] <= now:
                insort(self._waiting, heappop(self._coming)[1])
            while self._ends and self._ends[0][0] <= now:
                heappop(self._ends)
            self._let_in(now, needed, again)
        return self.begun

    def _next_moment(self) -> datetime:
        """Somebody arrives, or makes room for somebody who waits."""
        ends = [end for end, _ in self._ends[:1]] if self._waiting else []
        return min([*(moment for moment, _ in self._coming[:1]), *ends])

    def _let_in(self, now: datetime, needed: timedelta, again: Again) -> None:
        busy = Counter(client for _, client in self._ends)
        for number in tuple(self._waiting):
            if _is_full(busy.total(), self._limits.at_once):
                return
            if _is_full(busy[self._clients[number]], self._limits.at_once_per_client):
                continue
            self._waiting.remove(number)
            start = now if self._arrivals[number] == now else again(number, now)
            if start is not None and start > now:
                heappush(self._coming, (start, number))
                continue
            self.begun[number] = start
            if start is not None:
                busy[self._clients[number]] += 1
                heappush(self._ends, (start + needed, self._clients[number]))


def _is_full(used: int, limit: int | None) -> bool:
    return limit is not None and used >= limit
