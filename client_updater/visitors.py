"""A relay's visitors: how many there may be, and how long one may take to say what it wants.

A machine that opens connections without end, or asks one byte at a time, must not keep the others
of its building out.
"""

import io
import socket
import threading
import time
from collections import Counter
from typing import Any

MOST_CONNECTIONS = 128
MOST_OF_ONE_READER = 16
"""Connections from one address at a time; an agent needs one or two."""
REQUEST_SECONDS = 10.0
"""For all of a request to arrive, and between two of them."""


class Visitors:
    """Counts connections, all of them and those of each address."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, address: str) -> bool:
        """Whether there is room for one more; it is counted then, until it leaves."""
        with self._lock:
            is_full = self._open.total() >= MOST_CONNECTIONS
            if is_full or self._open[address] >= MOST_OF_ONE_READER:
                return False
            self._open[address] += 1
            return True

    def leave(self, address: str) -> None:
        """One less."""
        with self._lock:
            self._open[address] -= 1
            self._open += Counter()  # forgets addresses that have none


class TimelyReader(io.RawIOBase):
    """What a connection sends, as long as all of it comes in time, not only each of its bytes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = 0.0

    def begin(self) -> None:
        """A request is expected from now on."""
        self._deadline = time.monotonic() + REQUEST_SECONDS

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Wait for more.

        Raises:
            TimeoutError: it did not come in time.
        """
        left, patience = self._deadline - time.monotonic(), self._connection.gettimeout()
        if left <= 0:
            raise TimeoutError("the request takes too long")
        self._connection.settimeout(left)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(patience)
