"""Somebody who listens on the line: passes everything on, and keeps what went by.

with Wiretap(web.url) as tap:
    ...                           # talk to tap.url instead
assert SECRET not in tap.heard
"""

import contextlib
import socket
import threading
from typing import Self
from urllib.parse import urlsplit


class Wiretap:
    """One port that leads to another one on this machine."""

    def __init__(self, url: str) -> None:
        whole = urlsplit(url)
        self._to = ("127.0.0.1", whole.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{whole.scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self.heard = bytearray()
        self._threads = [threading.Thread(target=self._listen)]
        self._open: list[socket.socket] = [self._listener]

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._to)
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    thread = threading.Thread(target=self._pass_on, args=(one, other))
                    self._threads.append(thread)
                    thread.start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self.heard += data
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *error: object) -> None:
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._open:
            each.close()
