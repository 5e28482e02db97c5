"""A real HTTP server on loopback that takes what is posted to it, or misbehaves as it is told.

with Receiver() as hook:
    hook.faults = [Status(503), Hang()]
    ...
    hook.posts    # what came, the refused ones too
"""

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from tests.simulators.web import Fault, Reset, Status, TrickledHeaders, _QuietServer


@dataclass
class Hang(Fault):
    """No answer, until the receiver is put away."""


@dataclass(frozen=True)
class Post:
    """One that came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class _Log:
    posts: list[Post] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class Receiver(_Log):
    """The server, for the length of a ``with`` block. Each fault is shown once, in turn."""

    def __init__(self, tls: ssl.SSLContext | None = None, answer: bytes = b"ok") -> None:
        super().__init__()
        self.closing = threading.Event()
        self.answer = answer
        receiver = self

        class Handler(_Handler):
            owner = receiver

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "https" if tls else "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/hook"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    owner: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        owner, length = self.owner, int(self.headers.get("Content-Length", "0"))
        post = Post(self.path, dict(self.headers), self.rfile.read(length))
        fault = owner.faults.pop(0) if owner.faults else None
        owner.posts.append(post)
        self.close_connection = True
        try:
            self._answer(fault)
        except (BrokenPipeError, ConnectionResetError):
            return

    def _answer(self, fault: Fault | None) -> None:
        if isinstance(fault, Hang):
            self.owner.closing.wait()
        elif isinstance(fault, TrickledHeaders):
            self._trickle(fault)
        elif not isinstance(fault, Reset):
            status = fault if isinstance(fault, Status) else Status(status=200)
            body = self.owner.answer if fault is None else status.body
            self.send_response(status.status)
            for name, value in {**status.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    def _trickle(self, fault: TrickledHeaders) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Filler: ")
        while not self.owner.closing.wait(fault.pause_seconds):
            self.wfile.write(b"x")
            self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Quiet."""
