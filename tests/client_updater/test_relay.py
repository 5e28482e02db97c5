"""A relay fetches each target once, keeps what its name says and passes on nothing else."""

import hashlib
import os
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError

import pytest

from client_updater import target_cache
from client_updater.fetcher import Fetcher
from client_updater.relay import Relay
from client_updater.settings import AgentSettings
from tests.simulators.web import Cut, Replaced, Status, Web

BODY = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(BODY).hexdigest()
NAME = f"/targets/releases/app/1.0/{SHA256}.app-1.0.tar.zst"


@contextmanager
def _relaying(web: Web, folder: Path) -> Iterator[str]:
    urls = (f"{web.url}/metadata/", f"{web.url}/targets/")
    relay = Relay(("127.0.0.1", 0), Fetcher(AgentSettings(tries=1)), urls, folder / "relay")
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


@pytest.mark.parametrize("fault", [Replaced(1, bytes(len(BODY))), Cut(1, 500_000)])
def test_what_is_not_what_its_name_says_is_not_kept(
    relay: str, web: Web, tmp_path: Path, fault: Replaced | Cut
) -> None:
    web.faults[NAME] = [fault]
    with pytest.raises((OSError, HTTPException)):
        _get(relay + NAME)
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
