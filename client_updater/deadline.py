"""An end to every exchange: urllib3's timeouts are per receive, so a trickle would never end.

While a request runs, a thread waits beside it; at the deadline it shuts the request's socket
down, which ends whatever the request is waiting for, headers included.
"""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_connections: dict[int, HTTPConnection] = {}
"""The connection that each thread's request uses."""


class Deadline:
    """Ends this thread's request when it takes longer than ``seconds`` as a whole."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.passed = False
        self._over = threading.Event()
        self._of = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        _connections.pop(self._of, None)

    def _watch(self) -> None:
        if self._over.wait(self.seconds):
            return
        self.passed = True
        while not self._over.wait(0.1):  # again, for a socket that was only just connected
            self._shut()

    def _shut(self) -> None:
        sock = getattr(_connections.get(self._of), "sock", None)
        if isinstance(sock, socket.socket):
            with suppress(OSError):
                # The plain socket's shutdown: that of a TLS socket would pull its state away
                # from under the thread that reads from it.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


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
