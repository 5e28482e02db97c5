"""An ASGI application on a real socket, with what it was asked and what it sent."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from tests.simulators.ports import free_port

_STATUS_LINE, _SERVERS_OWN = 17, 56
"""``HTTP/1.1 200 OK`` and the two headers that uvicorn adds: date and server."""


@dataclass
class Traffic:
    """Counts requests, bytes of bodies that were sent, and all bytes of HTTP, both ways."""

    app: Any
    requests: int = 0
    body_bytes: int = 0
    bytes_of: dict[str, int] = field(default_factory=dict)
    requests_of: dict[str, int] = field(default_factory=dict)
    """Both by path."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve, and count."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def heard() -> Any:
            message = await receive()
            self._count(scope, len(message.get("body", b"")))
            return message

        async def counted(message: Any) -> None:
            body = len(message.get("body", b""))
            self.body_bytes += body
            self._count(scope, body)
            if message["type"] == "http.response.start":
                self._count(scope, _STATUS_LINE + _SERVERS_OWN + _size(message["headers"]) + 2)
            await send(message)

        self.requests += 1
        self.requests_of[scope["path"]] = self.requests_of.get(scope["path"], 0) + 1
        line = len(scope["method"]) + len(scope["raw_path"]) + len("  HTTP/1.1\r\n")
        self._count(scope, line + _size(scope["headers"]) + 2)
        await self.app(scope, heard, counted)

    def _count(self, scope: Any, size: int) -> None:
        path = scope["path"]
        self.bytes_of[path] = self.bytes_of.get(path, 0) + size

    def reset(self) -> None:
        """Begin anew."""
        self.requests = self.body_bytes = 0
        self.bytes_of.clear()
        self.requests_of.clear()


def _size(headers: Any) -> int:
    return sum(len(name) + len(value) + len(": \r\n") for name, value in headers)


@contextmanager
def served(traffic: Traffic, port: int = 0) -> Iterator[tuple[str, Traffic]]:
    """Its URL."""
    port = port or free_port()
    config = uvicorn.Config(
        traffic, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    web = uvicorn.Server(config)
    thread = threading.Thread(target=web.run)
    thread.start()
    try:
        while not web.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}", traffic
    finally:
        web.should_exit = True
        thread.join()
