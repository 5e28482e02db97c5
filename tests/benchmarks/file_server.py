"""A folder over HTTP, in a process of its own and with sendfile, so that it is never the limit.

    python -m tests.benchmarks.file_server FOLDER

Prints its port, serves until its standard input ends. Files are named exactly; nothing is resumed.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    folder = Path()

    def do_GET(self) -> None:
        path = self.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        size = path.stat().st_size
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.send_header("ETag", f'"{size}"')
        self.end_headers()
        with path.open("rb") as file:
            at = 0
            while at < size:
                at += os.sendfile(self.connection.fileno(), file.fileno(), at, size - at)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The URL below which ``folder`` is, from a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.file_server", str(folder)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.stdin.close()


def _main(folder: str) -> None:
    _Handler.folder = Path(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _main(*sys.argv[1:])
