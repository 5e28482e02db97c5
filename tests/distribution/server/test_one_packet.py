"""What the web server makes of an answer, on a real connection."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from distribution.api.one_packet import MOST_BYTES, OnePacket

CHUNK = b"x" * 16_384
CHUNKS = 4_000
_DATA_SEGMENTS_IN = 152
"""Of Linux's struct tcp_info: where tcpi_data_segs_in is."""


class App:
    """Answers small, large, or with a stream that never waits by itself."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        start = {"type": "http.response.start", "status": 200}
        if scope["path"] == "/stream":
            await send({**start, "headers": []})
            for _ in range(CHUNKS):
                await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
                self.sent += 1
            await send({"type": "http.response.body", "body": b""})
            return
        body = b"y" * (3 * MOST_BYTES) if scope["path"] == "/large" else b"small"
        await send({**start, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def served(app: App) -> Iterator[int]:
    """Its port."""
    door = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=OnePacket, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[door]))
    thread.start()
    try:
        yield door.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        door.close()


def ask(connection: socket.socket, path: str, *more: str) -> None:
    lines = [f"GET {path} HTTP/1.1", "Host: here", *more, "", ""]
    connection.sendall("\r\n".join(lines).encode())


def read_until(connection: socket.socket, words: bytes) -> bytes:
    data = b""
    while not data.endswith(words):
        more = connection.recv(1 << 20)
        assert more, data[-100:]
        data += more
    return data


def segments(connection: socket.socket) -> int:
    """With data, that have come so far."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    return int(struct.unpack_from("I", info, _DATA_SEGMENTS_IN)[0])


def test_each_small_answer_is_one_packet() -> None:
    with served(App()) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        for number in range(1, 4):
            ask(connection, "/small")
            read_until(connection, b"\r\n\r\nsmall")
            assert segments(connection) == number


@pytest.mark.parametrize("more", [(), ("Connection: close",)])
def test_a_large_answer_is_whole(more: tuple[str, ...]) -> None:
    with served(App()) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        ask(connection, "/large", *more)
        body = b"y" * (3 * MOST_BYTES)
        assert read_until(connection, b"\r\n\r\n" + body).startswith(b"HTTP/1.1 200")
        if more:
            assert connection.recv(1) == b""


def test_whoever_hangs_up_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    at_once = struct.pack("ii", 1, 0)  # an end by RST
    with served(App()) as port:
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                ask(connection, "/small")
        with socket.create_connection(("127.0.0.1", port)) as connection:
            ask(connection, "/small")
            read_until(connection, b"small")
    assert [record.getMessage() for record in caplog.records] == []


def test_who_streams_to_somebody_that_does_not_read_waits() -> None:
    app = App()
    with served(app) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        ask(connection, "/stream")
        before = -1
        while app.sent != before:  # until it stands still
            before = app.sent
            time.sleep(0.3)
        assert 0 < app.sent < CHUNKS
        data = read_until(connection, b"\r\n0\r\n\r\n")
        assert data.count(CHUNK) == CHUNKS == app.sent
