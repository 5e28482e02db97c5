"""A relay fetches each target once, keeps what its name says and passes on nothing else."""

import hashlib
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError

import pytest

from client_updater import target_cache
from client_updater.fetcher import Fetcher
from client_updater.line_settings import LineSettings
from client_updater.relay import Relay
from client_updater.visitors import MOST_OF_ONE_READER
from tests.simulators.web import Cut, Replaced, Status, Web

BODY = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(BODY).hexdigest()
NAME = f"/targets/releases/app/1.0/{SHA256}.app-1.0.tar.zst"


@contextmanager
def _relaying(web: Web, folder: Path) -> Iterator[str]:
    urls = (f"{web.url}/metadata/", f"{web.url}/targets/")
    relay = Relay(("127.0.0.1", 0), Fetcher(LineSettings(tries=1)), urls, folder / "relay")
    thread = threading.Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield relay.url
    finally:
        relay.shutdown()
        relay.server_close()
        thread.join()


@pytest.fixture
def web() -> Iterator[Web]:
    with Web({NAME: BODY, "/metadata/timestamp.json": b"{}"}) as running:
        yield running


@pytest.fixture
def relay(web: Web, tmp_path: Path) -> Iterator[str]:
    with _relaying(web, tmp_path) as url:
        yield url


def _get(url: str, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(
        url, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, b""


def test_many_readers_one_download(relay: str, web: Web) -> None:
    with ThreadPoolExecutor(8) as readers:
        found = list(readers.map(lambda _: _get(relay + NAME), range(8)))
    assert {hashlib.sha256(body).hexdigest() for _, body in found} == {SHA256}
    assert len(web.asked(".tar.zst")) == 1


def test_a_reader_goes_on_where_it_stopped(relay: str) -> None:
    _get(relay + NAME)
    tag = f'"{SHA256}-{len(BODY):x}"'
    assert _get(relay + NAME, Range="bytes=1000000-", If_Match=tag) == (206, BODY[1_000_000:])
    assert _get(relay + NAME, Range="bytes=1000000-", If_Match='"other"')[0] == 412
    assert _get(relay + NAME, Range=f"bytes={len(BODY)}-")[0] == 416


BROKEN_OFF = 0


def _status_of(url: str) -> int:
    try:
        return _get(url)[0]
    except (OSError, HTTPException):
        return BROKEN_OFF


@pytest.mark.parametrize("fault", [Replaced(1, bytes(len(BODY))), Cut(1, 500_000)])
def test_what_is_not_what_its_name_says_is_not_kept(
    relay: str, web: Web, tmp_path: Path, fault: Replaced | Cut
) -> None:
    web.faults[NAME] = [fault]
    assert _status_of(relay + NAME) in (BROKEN_OFF, 503), "as it was found out before or after"
    kept = tmp_path / "relay" / SHA256
    assert not kept.exists()
    assert _get(relay + NAME) == (200, BODY)
    assert kept.read_bytes() == BODY


def test_metadata_is_never_kept(relay: str, web: Web) -> None:
    for _ in range(2):
        assert _get(f"{relay}/metadata/timestamp.json") == (200, b"{}")
    assert len(web.asked("timestamp.json")) == 2
    assert _get(f"{relay}/metadata/2.root.json")[0] == 404


def test_a_line_that_is_down_is_said(relay: str, web: Web) -> None:
    web.faults["*"] = [Status(status=503)]
    assert _get(f"{relay}/metadata/timestamp.json")[0] == 503
    assert _get(relay + NAME)[0] == 503


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/targets/../site.key", "/metadata/../../etc/passwd", "/targets/%2e%2e/site.key"),
        *("/metadata/x.json.sh", "/targets/releases/app/1.0/manifest.json", "/v1/reports"),
    ],
)
def test_nothing_else_is_passed_on(relay: str, web: Web, path: str) -> None:
    assert _get(relay + path)[0] == 404
    assert web.requests == []


def test_what_was_asked_for_the_longest_ago_makes_room(
    relay: str, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, older = tmp_path / "relay" / ("a" * 64), tmp_path / "relay" / ("b" * 64)
    for path, age in ((old, 10), (older, 20)):
        path.write_bytes(b"x")
        os.utime(path, (time.time() - age, time.time() - age))
    found = os.statvfs(tmp_path)
    free = iter([0, found.f_bavail])

    def statvfs(path: Path) -> SimpleNamespace:
        return SimpleNamespace(f_bavail=next(free), f_frsize=found.f_frsize)

    monkeypatch.setattr(target_cache, "RESERVE_BYTES", 0)
    monkeypatch.setattr(target_cache.os, "statvfs", statvfs)
    assert _get(relay + NAME)[0] == 200
    assert (old.exists(), older.exists()) == (True, False)


# --- readers who keep others out


def _connect(relay: str, reader: str = "127.0.0.1") -> socket.socket:
    host, _, port = relay.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), 10, (reader, 0))


def _ask(connection: socket.socket, path: str) -> bytes:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection.recv(12)


def test_a_reader_who_asks_one_byte_at_a_time_is_not_waited_for(
    relay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client_updater.visitors.REQUEST_SECONDS", 0.3)
    began = time.monotonic()
    with _connect(relay) as slow, pytest.raises(OSError, match=r"reset|[Bb]roken pipe|abort"):
        for byte in b"GET /metadata/timestamp.json HTTP/1.1\r\nX: " + b"x" * 60:
            time.sleep(0.05)
            slow.sendall(bytes([byte]))
    assert time.monotonic() - began < 3


def test_a_connection_that_asks_nothing_more_is_ended(
    relay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client_updater.visitors.REQUEST_SECONDS", 0.3)
    with _connect(relay) as idle:
        assert _ask(idle, "/metadata/timestamp.json") == b"HTTP/1.1 200"
        while idle.recv(4096):
            pass  # the rest of the answer, and then the end


def test_a_reader_who_does_not_take_what_it_asked_for_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client_updater.relay._Handler.timeout", 0.3)
    body = bytes(32_000_000)
    name = f"/targets/releases/app/2.0/{hashlib.sha256(body).hexdigest()}.big"
    with (
        Web({name: body}) as web,
        _relaying(web, tmp_path) as relay,
        _connect(relay) as lazy,
    ):
        assert _ask(lazy, name) == b"HTTP/1.1 200"
        time.sleep(2)
        taken = 0
        with suppress(OSError):
            while data := lazy.recv(1_000_000):
                taken += len(data)
        assert taken < len(body)


def test_one_reader_has_so_many_connections_and_others_are_served(relay: str) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_OF_ONE_READER):
            stack.enter_context(_connect(relay))
        with _connect(relay) as one_too_many, suppress(ConnectionResetError):
            assert _ask(one_too_many, "/metadata/timestamp.json") in (b"HTTP/1.1 503", b"")
        with _connect(relay, "127.0.0.2") as other:
            assert _ask(other, "/metadata/timestamp.json") == b"HTTP/1.1 200"
    _served_again(relay, "127.0.0.1")


def test_all_readers_together_have_so_many_connections(
    relay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client_updater.visitors.MOST_CONNECTIONS", 4)
    with ExitStack() as stack:
        for number in range(4):
            stack.enter_context(_connect(relay, f"127.0.0.{number + 2}"))
        with _connect(relay) as one_too_many, suppress(ConnectionResetError):
            assert _ask(one_too_many, "/metadata/timestamp.json") in (b"HTTP/1.1 503", b"")
    _served_again(relay, "127.0.0.9")


def _served_again(relay: str, reader: str) -> None:
    """The relay hears of connections that ended a moment later."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with _connect(relay, reader) as again, suppress(ConnectionResetError):
            if _ask(again, "/metadata/timestamp.json") == b"HTTP/1.1 200":
                return
        time.sleep(0.05)
    pytest.fail("it is never served again")
