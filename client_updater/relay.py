"""One download per building: a site's machine that passes the repository on to others beside it.

It reads the repository's URLs on behalf of others and believes nothing for them: metadata is passed
on as it comes; a target is known by the sha256 in its name, kept once its bytes have that hash,
and its last bytes are held back until then. Whoever reads here checks everything as of any mirror.

Nobody may keep the others out: connections are counted, all of them and those of each reader, and
each is ended when it takes too long to ask or to take what it asked for.
"""

import io
import logging
import os
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

from client_updater import durable
from client_updater.agent import Agent
from client_updater.errors import AgentError, Refused, Stopping
from client_updater.fetcher import CHUNK_BYTES, Fetcher
from client_updater.target_cache import Arrival, Cache
from client_updater.visitors import TimelyReader, Visitors

METADATA, TARGETS = "/metadata/", "/targets/"
MAX_METADATA_BYTES = 8 * 1024 * 1024

_METADATA_NAME = re.compile(r"(\d{1,9}\.)?[a-z0-9][a-z0-9._-]{0,80}\.json")
_TARGET_NAME = re.compile(
    r"(?:[A-Za-z0-9_~][A-Za-z0-9._~-]{0,127}/){1,4}([0-9a-f]{64})\.[A-Za-z0-9._~-]{1,200}"
)
_RANGE = re.compile(r"bytes=(\d{1,18})-")
_FULL = b"HTTP/1.1 503 Full\r\nRetry-After: 10\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

log = logging.getLogger("hsp-updater")


class Relay(ThreadingHTTPServer):
    """The server that agents' ``metadata_url`` and ``targets_url`` point at."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], fetcher: Fetcher, urls: tuple[str, str], folder: Path
    ) -> None:
        durable.make_folders(folder)
        self.fetcher = fetcher
        self.metadata_url = urls[0]
        self.cache = Cache(folder, fetcher, urls[1])
        self.cache.forget_old()
        self._visitors = Visitors()
        super().__init__(address, _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def serve_until(self, stop: Callable[[], bool]) -> None:
        """Serve until somebody says stop."""
        self.timeout = 0.5
        while not stop():
            self.handle_request()

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for a connection, if there is room for it."""
        if self._visitors.enter(client_address[0]):
            super().process_request(request, client_address)
            return
        log.warning("%s has too many connections, or all have: refused one", client_address[0])
        with suppress(OSError):
            request.send(_FULL, socket.MSG_DONTWAIT)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """All that is asked on one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._visitors.leave(client_address[0])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that hung up is no news."""
        log.debug("a reader hung up: %s", client_address)


def open_relay(agent: Agent, listen: str) -> Relay:
    """The relay of a site, which reads what its agent reads.

    Raises:
        Refused: not an address, or one that cannot be listened on.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise Refused(f"{listen!r} is not HOST:PORT", hint="such as 192.168.1.10:8780")
    _, metadata_url, targets_url = agent.urls
    folder = agent.state / "relay"
    try:
        address = (host.strip("[]"), int(port))
        return Relay(address, agent.fetcher, (metadata_url, targets_url), folder)
    except OSError as error:
        raise Refused(f"cannot listen on {listen}: {error.strerror or error}") from error


class _Handler(BaseHTTPRequestHandler):
    server: Relay
    protocol_version = "HTTP/1.1"
    timeout = 60
    """For each piece of an answer to be taken: a reader is at least so fast."""

    def setup(self) -> None:
        """Read by a deadline."""
        super().setup()
        self.rfile.close()
        self._request = TimelyReader(self.connection)
        self.rfile = io.BufferedReader(self._request)

    def handle_one_request(self) -> None:
        """The next one, from its first byte to the last of the answer."""
        self._request.begin()
        super().handle_one_request()

    def do_GET(self) -> None:
        if (name := self._after(METADATA)) and _METADATA_NAME.fullmatch(name):
            self._pass_metadata(name)
        elif (name := self._after(TARGETS)) and (found := _TARGET_NAME.fullmatch(name)):
            self._pass_target(name, found[1])
        else:
            self._refuse(404)

    def _after(self, prefix: str) -> str:
        return self.path.removeprefix(prefix) if self.path.startswith(prefix) else ""

    def _pass_metadata(self, name: str) -> None:
        try:
            answer = self.server.fetcher.get(self.server.metadata_url + name, MAX_METADATA_BYTES)
        except (AgentError, Stopping) as error:
            log.warning("%s", error)
            self._refuse(503)
            return
        if answer.status != 200:
            self._refuse(answer.status if answer.status in (403, 404) else 503)
            return
        self._begin(200, len(answer.body), {"Cache-Control": "no-cache"})
        self.wfile.write(answer.body)

    def _pass_target(self, name: str, sha256: str) -> None:
        arrival = self.server.cache.open(name, sha256)
        length = arrival.wait_for_length()
        if length is None:
            self._refuse(404 if arrival.missing else 503)
            return
        tag = f'"{sha256}-{length:x}"'
        if self.headers.get("If-Match", tag) not in (tag, "*"):
            self._refuse(412)
            return
        found = _RANGE.fullmatch(self.headers.get("Range", ""))
        begin = int(found[1]) if found else 0
        if begin >= length > 0:
            self._refuse(416)
            return
        headers = {"ETag": tag, "Cache-Control": "public, max-age=31536000, immutable"}
        if found:
            headers["Content-Range"] = f"bytes {begin}-{length - 1}/{length}"
        self._pass(arrival, begin, length, headers, 206 if found else 200)

    def _pass(
        self, arrival: Arrival, begin: int, length: int, headers: dict[str, str], status: int
    ) -> None:
        try:
            file = _opened(arrival.path)
        except OSError:
            self._refuse(503)  # renamed or gone in this moment: the reader asks again
            return
        with file:
            self._begin(status, length - begin, headers)
            at = begin
            while at < length and arrival.wait_beyond(at):
                chunk = os.pread(file.fileno(), min(arrival.size - at, CHUNK_BYTES), at)
                self.wfile.write(chunk)
                at += len(chunk)
            self.close_connection = self.close_connection or at < length

    def _begin(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _refuse(self, status: int) -> None:
        self._begin(status, 0, {})

    def version_string(self) -> str:
        """Not Python's name and version."""
        return "hsp-updater"

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: agents poll all the time."""


def _opened(path: Path) -> BinaryIO:
    """A file of the cache, by its present name: one on its way may have arrived just now."""
    for name in (path, path.with_suffix("")):
        with suppress(FileNotFoundError):
            return open(name, "rb")
    raise FileNotFoundError(path)
