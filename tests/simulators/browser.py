"""Somebody who can reach the API's port and sends what no program of ours would."""

import contextlib
import http.client
import socket
from urllib.parse import urlsplit


class Browser:
    """Each call opens a connection of its own and returns the status of the answer."""

    def __init__(self, url: str) -> None:
        whole = urlsplit(url)
        self._there = (whole.hostname or "", whole.port or 80)

    def asks(self, method: str, path: str, **headers: str) -> int:
        """A request whose path is sent as it is."""
        connection = http.client.HTTPConnection(*self._there, timeout=10)
        body = b'{"reason": "because I can"}' if method == "POST" else None
        try:
            connection.putrequest(method, path, skip_host="Host" in headers)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Type", "application/json")
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            return connection.getresponse().status
        finally:
            connection.close()

    def announces(self, method: str, path: str, size: int) -> int:
        """A body of this size, of which nothing is sent."""
        return self._raw(method, path, f"Content-Length: {size}\r\n", b"")

    def never_ends(self, method: str, path: str) -> int:
        """A body without a length, of which a megabyte comes and then silence."""
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        return self._raw(method, path, "Transfer-Encoding: chunked\r\n", chunk * 32)

    def _raw(self, method: str, path: str, header: str, body: bytes) -> int:
        with socket.create_connection(self._there, timeout=10) as wire:
            host = f"Host: {self._there[0]}\r\n"
            wire.sendall(f"{method} {path} HTTP/1.1\r\n{host}{header}\r\n".encode())
            with contextlib.suppress(OSError):  # it has answered and hung up
                wire.sendall(body)
            return int(wire.recv(100).split()[1])
