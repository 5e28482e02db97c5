"""How often one identity may come: a bucket each, which fills evenly.

An identity is what somebody has shown (a site's signature, a person's token) or what the socket
says; never a header that anybody can write. The buckets are in this process's memory: a restart
forgets them, and each of several servers counts for itself; see ``shared_rates`` for those that all
servers count together.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from distribution.errors import TooMany

MOST_IDENTITIES = 100_000
"""Those heard of longest ago are forgotten: their buckets have filled again by then."""


@dataclass
class Rate:
    """Up to ``burst`` at once, and one more every ``seconds``.

    It is kept as one moment for each identity: when its bucket is full again.
    """

    seconds: float
    burst: int
    clock: Callable[[], float] = time.monotonic
    _full_at: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, identity: str) -> None:
        """Count one.

        Raises:
            TooMany: with the seconds after which there is one again; this one was not counted.
        """
        with self._lock:
            now = self.clock()
            full_at = max(self._full_at.get(identity, now), now) + self.seconds
            wait = full_at - now - self.seconds * self.burst
            if wait > 1e-6:
                raise TooMany("too often", hint="wait for Retry-After seconds", retry_after=wait)
            self._full_at[identity] = full_at
            self._full_at.move_to_end(identity)
            while len(self._full_at) > MOST_IDENTITIES:
                self._full_at.popitem(last=False)

    @classmethod
    def per_minute(cls, number: int, clock: Callable[[], float] = time.monotonic) -> "Rate":
        """So many in a minute, all of them at once if need be."""
        return cls(60 / number, number, clock)
