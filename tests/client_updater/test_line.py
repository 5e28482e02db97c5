"""The site's line: how much of it a download may take, and the ways out of a guarded network."""

import hashlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from client_updater.downloads import Downloads
from client_updater.errors import Stopping
from client_updater.fetcher import Fetcher
from client_updater.line_settings import LineSettings
from client_updater.throttle import throttled
from client_updater.trusted import Target
from tests.client_updater.test_fetcher import certificate as certificate
from tests.simulators.web import Web

BODY = bytes(range(256)) * 1000


class _Tunnel(BaseHTTPRequestHandler):
    """A proxy that knows CONNECT and nothing else."""

    def do_CONNECT(self) -> None:
        host, _, port = self.path.partition(":")
        vars(self.server)["asked"].append(self.path)
        with socket.create_connection((host, int(port))) as there:
            self.send_response_only(200)
            self.end_headers()
            both = [self.connection, there]
            while True:
                for ready in select.select(both, [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    (there if ready is self.connection else self.connection).sendall(data)


@pytest.fixture
def tunnel() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Tunnel)
    server.daemon_threads = True
    vars(server)["asked"] = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def _target(url: str) -> Target:
    return Target("file", url, len(BODY), hashlib.sha256(BODY).hexdigest())


def test_a_download_goes_through_a_proxy_to_a_server_with_the_sites_own_ca(
    tunnel: ThreadingHTTPServer, certificate: Path, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    proxy = f"http://127.0.0.1:{tunnel.server_port}"
    with Web({"/file": BODY}, tls=context) as web:
        fetcher = Fetcher(LineSettings(proxy=proxy, ca_file=str(certificate)))
        path = Downloads(tmp_path, fetcher).fetch(_target(f"{web.url}/file"), lambda size: None)
        fetcher._pool.clear()
    assert path.read_bytes() == BODY
    assert vars(tunnel)["asked"] == [web.url.removeprefix("https://")]


def test_a_download_takes_no_more_of_the_line_than_it_may(tmp_path: Path) -> None:
    with Web({"/file": BODY}) as web:
        fetcher = Fetcher()
        fetcher.download_bytes_per_second = len(BODY) * 2
        began = time.monotonic()
        Downloads(tmp_path, fetcher).fetch(_target(f"{web.url}/file"), lambda size: None)
        assert 0.4 < time.monotonic() - began < 5


def test_a_slow_download_still_hears_the_order_to_stop() -> None:
    chunks = throttled(iter([bytes(1000)] * 100), 10, lambda: True)
    next(chunks)
    with pytest.raises(Stopping):
        next(chunks)


def test_without_a_limit_nothing_waits() -> None:
    assert list(throttled(iter([b"a", b"b"]), None, lambda: True)) == [b"a", b"b"]
