"""When sites begin, where only so many may be in progress at once: for the simulation."""

from collections import defaultdict
from heapq import heappush, heapreplace

import numpy as np
from numpy.typing import NDArray

from distribution.errors import Invalid
from manifests.rollout import Limits

Numbers = NDArray[np.int64]

LONGEST_SECONDS = 3 * 366 * 86_400


def in_turn(
    limits: Limits, turns: Numbers, delays: Numbers, clients: Numbers, install_seconds: int
) -> Numbers:
    """When sites begin, where only so many may be in progress at once: first come, first served.

    A site takes room from the moment it may begin, since nobody knows when it will ask. With both
    limits, one that waits for its client keeps its room of all: a little slower than it will be.
    """
    starts, of_all = np.zeros_like(turns), _Room(limits.at_once)
    of_client = defaultdict[int, _Room](lambda: _Room(limits.at_once_per_client))
    for index in np.argsort(turns, kind="stable"):
        client = of_client[int(clients[index])]
        begin = max(int(turns[index]), of_all.free_from(), client.free_from())
        starts[index] = begin + delays[index]
        for room in (of_all, client):
            room.take(int(starts[index]) + install_seconds)
    if starts.size and starts.max() > LONGEST_SECONDS:
        raise Invalid("with so few sites at once the rollout takes longer than three years")
    return starts


class _Room:
    """The ends of those that are in progress, as many as may be."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._ends: list[int] = []

    def free_from(self) -> int:
        """From when on there is room for one more."""
        return self._ends[0] if self._limit is not None and len(self._ends) >= self._limit else 0

    def take(self, until: int) -> None:
        """One more, in the place of the one that has ended first where all are taken."""
        if self._limit is None:
            return
        if len(self._ends) >= self._limit:
            heapreplace(self._ends, until)
        else:
            heappush(self._ends, until)
