"""A real HTTP server on loopback for static files, which can be told to misbehave.

    with Web(files) as web:
        web.faults["/metadata/timestamp.json"] = [Status(503, times=2)]

A fault stands under a path, or under ``*`` for all; the first one that is not used up is shown.
``requests`` lists what was asked, with the headers.
"""

import hashlib
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Fault:
    """Something that goes wrong, so many times; for ever unless said otherwise."""

    times: int = 1_000_000


@dataclass
class Status(Fault):
    """Another status, with headers if need be."""

    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"not this time"


@dataclass
class Cut(Fault):
    """The connection ends after so many bytes of the body, which promised more."""

    after: int = 0


@dataclass
class Trickle(Fault):
    """One byte at a time, with a pause before each."""

    pause_seconds: float = 0.1


@dataclass
class TrickledHeaders(Fault):
    """The headers themselves come one byte at a time, and never end."""

    pause_seconds: float = 0.05


@dataclass
class Endless(Fault):
    """After the body it goes on, with no end."""


@dataclass
class Replaced(Fault):
    """Another body."""

    body: bytes = b""


@dataclass
class Reset(Fault):
    """The connection ends without a word."""


@dataclass
class WrongDate(Fault):
    """The right answer with another time in its Date header."""

    ahead_seconds: float = 0


@dataclass
class Raw(Fault):
    """These very bytes instead of an answer, then ``again`` and again without an end."""

    answer: bytes = b""
    again: bytes = b""


@dataclass(frozen=True)
class Request:
    """One request that was received."""

    method: str
    path: str
    headers: Mapping[str, str]


class Web:
    """The server. ``files`` may be any mapping from paths such as ``/metadata/1.root.json``."""

    def __init__(
        self,
        files: Mapping[str, bytes] | Callable[[str], bytes | None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._files = files
        self._tls = tls
        self.faults: dict[str, list[Fault]] = {}
        self.requests: list[Request] = []
        self.date: Callable[[], str] = lambda: formatdate(time.time(), usegmt=True)
        self.bytes_sent = 0
        web = self

        class Handler(_Handler):
            owner = web

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_port}"

    def read(self, path: str) -> bytes | None:
        """The file at a path."""
        return self._files(path) if callable(self._files) else self._files.get(path)

    def fault(self, path: str) -> Fault | None:
        """The fault to show for this request, which counts as shown."""
        for fault in [*self.faults.get(path, []), *self.faults.get("*", [])]:
            if fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def asked(self, ending: str = "") -> list[str]:
        """The paths that were asked for, with this ending."""
        return [each.path for each in self.requests if each.path.endswith(ending)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up in the middle are what these tests are about."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    owner: Web
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        owner = self.owner
        owner.requests.append(Request("GET", self.path, dict(self.headers)))
        fault = owner.fault(self.path)
        try:
            self._answer(fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, fault: Fault | None) -> None:
        body = fault.body if isinstance(fault, Replaced) else self.owner.read(self.path)
        if isinstance(fault, Reset):
            self.close_connection = True
        elif isinstance(fault, TrickledHeaders):
            self._trickle_headers(fault)
        elif isinstance(fault, Raw):
            self._write_raw(fault)
        elif isinstance(fault, Status):
            self._send(fault.status, fault.body, fault.headers)
        elif body is None:
            self._send(404, b"no such file", {})
        else:
            self._send_file(body, fault)

    def _send_file(self, body: bytes, fault: Fault | None) -> None:
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.headers.get("If-Match", tag) != tag:
            return self._send(412, b"changed", {})
        headers = {"ETag": tag}
        status, part = 200, body
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and wanted.endswith("-"):
            start = int(wanted[6:-1])
            if start >= len(body):
                return self._send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            status, part = 206, body[start:]
        return self._send(status, part, headers, fault)

    def _send(
        self, status: int, body: bytes, headers: Mapping[str, str], fault: Fault | None = None
    ) -> None:
        self.send_response_only(status)
        ahead = fault.ahead_seconds if isinstance(fault, WrongDate) else 0
        date = formatdate(time.time() + ahead, usegmt=True) if ahead else self.owner.date()
        if date:
            self.send_header("Date", date)
        for name, value in headers.items():
            self.send_header(name, value)
        if isinstance(fault, Endless):
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self._send_body(body, fault)

    def _send_body(self, body: bytes, fault: Fault | None) -> None:
        if isinstance(fault, Cut):
            self._write(body[: fault.after])
            self.close_connection = True
        elif isinstance(fault, Trickle):
            for at in range(len(body)):
                if self.owner.closing.wait(fault.pause_seconds):
                    break
                self._write(body[at : at + 1])
        else:
            self._write(body)
        while isinstance(fault, Endless) and not self.owner.closing.is_set():
            self._write(bytes(64 * 1024))

    def _trickle_headers(self, fault: TrickledHeaders) -> None:
        self.close_connection = True
        self._write(b"HTTP/1.1 200 OK\r\nX-Filler: ")
        while not self.owner.closing.wait(fault.pause_seconds):
            self._write(b"x")

    def _write_raw(self, fault: Raw) -> None:
        self.close_connection = True
        self._write(fault.answer)
        while fault.again and not self.owner.closing.is_set():
            self._write(fault.again)

    def _write(self, data: bytes) -> None:
        # Counted first: a client may have all of it before this thread goes on.
        self.owner.bytes_sent += len(data)
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, *args: Any) -> None:
        """Quiet."""
