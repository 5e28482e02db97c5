"""An end to every exchange: urllib3's timeouts are per receive, so a trickle would never end.

While requests run, one thread watches all of them; at the deadline of one it shuts the request's
socket down, which ends whatever the request is waiting for, headers included. The thread ends when
there is nothing left to watch, and sleeps until then: a poll of several requests starts it once.
"""

import os
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_AGAIN_SECONDS = 0.1

_connections: dict[int, HTTPConnection] = {}
"""The connection that each thread's request uses."""


class Deadline:
    """Ends this thread's request when it takes longer than ``seconds`` as a whole."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.passed = False
        self.end = 0.0
        self._of = threading.get_ident()

    def __enter__(self) -> Self:
        self.end = time.monotonic() + self.seconds
        _watch.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _watch.remove(self)
        _connections.pop(self._of, None)

    def pass_by(self) -> None:
        """It is over: end the request; called again, for a socket that was only just connected."""
        self.passed = True
        sock = getattr(_connections.get(self._of), "sock", None)
        if isinstance(sock, socket.socket):
            with suppress(OSError):
                # The plain socket's shutdown: that of a TLS socket would pull its state away
                # from under the thread that reads from it.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Watch:
    """The requests that run, and the thread that looks at them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: set[Deadline] = set()
        self._wakes_at: float | None = None
        """When the thread looks next; None while there is none."""

    def add(self, deadline: Deadline) -> None:
        """Watch it from now on."""
        with self._changed:
            self._running.add(deadline)
            if self._wakes_at is None:
                threading.Thread(target=self._look, daemon=True).start()  # it waits for this lock
                self._wakes_at = deadline.end
            elif deadline.end < self._wakes_at:
                self._wakes_at = deadline.end
                self._changed.notify()

    def remove(self, deadline: Deadline) -> None:
        """It is done, or was given up. Nothing is shut down for it after this."""
        with self._changed:
            self._running.discard(deadline)

    def _look(self) -> None:
        with self._changed:
            while self._wakes_at is not None:
                now = time.monotonic()
                if now < self._wakes_at:
                    self._changed.wait(self._wakes_at - now)
                    continue
                over = [each for each in self._running if each.end <= now]
                for each in over:
                    each.pass_by()
                ends = [each.end for each in self._running if not each.passed]
                again = [now + _AGAIN_SECONDS] if over else []
                self._wakes_at = min([*ends, *again], default=None)


_watch = _Watch()


def _begin_anew() -> None:
    """In a forked child, which has none of its parent's threads and maybe its lock."""
    global _watch
    _watch = _Watch()


os.register_at_fork(after_in_child=_begin_anew)


class _WatchedHTTP(HTTPConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        _connections[threading.get_ident()] = self
        super().request(*args, **kwargs)


class _WatchedHTTPS(HTTPSConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        _connections[threading.get_ident()] = self
        super().request(*args, **kwargs)


class WatchedHTTPPool(HTTPConnectionPool):
    """urllib3's pool, with connections that a ``Deadline`` can find."""

    ConnectionCls = _WatchedHTTP


class WatchedHTTPSPool(HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = _WatchedHTTPS
