"""The agent's session: a token in memory, for saying the same again, and never over plain http."""

import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from securesystemslib.signer import CryptoSigner
from sqlmodel import delete

from client_updater.fetcher import Fetcher
from client_updater.identity import SiteKey
from client_updater.server import Server
from client_updater.session import Session
from distribution.api import application
from distribution.control.control_tables import SiteSession
from manifests.check_in import CHECK_IN_TYPE, SESSION_HEADER, CheckIn, SessionGiven
from manifests.envelope import peek, public_hex
from tests.simulators.control_plane import ControlPlane
from tests.simulators.house import Clock, House, Talker

BODY = b'{"agent_version":"1","at":"2026-11-26T12:00:00Z","audit_checkpoint":"","site_id":"shop"}'
GIVEN = SessionGiven(token="t" * 43, seconds=3600)


@dataclass
class Line:
    """The product's own API on loopback, and what goes over the line."""

    house: House
    seen: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self._app = application(self.house.server)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.seen.append({name.decode(): text.decode() for name, text in scope["headers"]})
        await self._app(scope, receive, send)

    @property
    def ways(self) -> list[str]:
        """How each check-in came."""
        return ["token" if "authorization" in each else "signed" for each in self.seen]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    house = House.build(tmp_path, Clock())
    line = Line(house)
    web = uvicorn.Server(uvicorn.Config(line, log_config=None, access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as door:
        line.port = door.getsockname()[1]
        thread = threading.Thread(target=web.run, kwargs={"sockets": [door]})
        thread.start()
        yield line
        web.should_exit = True
        thread.join(20)
    house.database.close()


def agent_of(site: Talker, url: str) -> Server:
    key = SiteKey(CryptoSigner(site.key), public_hex(site.key.public_key()))
    return Server(Fetcher(), url, key)


def word(site: Talker, **said: Any) -> CheckIn:
    return CheckIn.from_bytes(peek(site.sign_of_life(**said), CHECK_IN_TYPE))


def test_what_is_said_again_is_not_signed_and_what_is_new_is(line: Line) -> None:
    site = line.house.site("shop")
    server = agent_of(site, f"http://127.0.0.1:{line.port}")

    def poll(**said: Any) -> None:
        line.house.clock.forward(60)
        answer = server.check_in(word(site, **said))
        assert answer is not None
        assert answer.session is None  # what the agent keeps on its disk has no token

    for _ in range(3):
        poll()
    assert line.ways == ["signed", "token", "token"]
    poll(gate="window_open", decision="wait")
    poll(gate="window_open", decision="wait")
    assert line.ways[3:] == ["signed", "token"]
    assert [SESSION_HEADER.lower() in each for each in line.seen] == [True] + [False] * 4


def test_a_token_that_is_refused_costs_one_question_more(line: Line) -> None:
    site = line.house.site("shop")
    server = agent_of(site, f"http://127.0.0.1:{line.port}")
    line.house.clock.forward(60)
    server.check_in(word(site))
    with line.house.database.writing() as session:
        session.exec(delete(SiteSession))
    line.house.clock.forward(60)
    assert server.check_in(word(site)) is not None
    assert line.ways == ["signed", "token", "signed"]
    line.house.clock.forward(60)
    assert server.check_in(word(site)) is not None
    assert line.ways[3:] == ["token"]


def test_with_a_server_that_knows_no_sessions_the_agent_goes_on_signing(tmp_path: Path) -> None:
    with ControlPlane() as plane:
        site = Talker("shop", House.build(tmp_path, Clock()).server)
        plane.sites["shop"] = public_hex(site.key.public_key())
        server = agent_of(site, plane.url)
        for _ in range(3):
            server.check_in(word(site))
        assert len(plane.check_ins) == 3  # each of them was a signed one
        site.server.database.close()


@pytest.mark.parametrize(
    ("url", "may_be"),
    [
        ("https://hsp.example.test", True),
        ("http://127.0.0.1:8700", True),
        ("http://[::1]:8700", True),
        ("http://localhost", True),
        ("http://hsp.example.test", False),
        ("http://127.0.0.1.example.test", False),
        ("http://localhost@example.test", False),
    ],
)
def test_a_token_goes_over_tls_or_stays_on_this_machine(url: str, may_be: bool) -> None:
    session = Session(url)
    assert bool(session.headers_to_sign()) is may_be
    session.was_taken(BODY, GIVEN)
    assert (session.headers_to_repeat(BODY) is not None) is may_be


def test_a_token_is_used_until_shortly_before_its_end_and_is_in_no_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    session = Session("https://hsp.example.test", lambda: now[0])
    session.was_taken(BODY, GIVEN)
    later = BODY.replace(b"12:00", b"12:05")
    assert session.headers_to_repeat(later) == {"Authorization": f"Bearer {GIVEN.token}"}
    assert session.headers_to_repeat(BODY.replace(b"shop", b"ward")) is None
    assert session.headers_to_sign() == {}
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("hsp-updater").info("%s %r", session, session)
    assert GIVEN.token not in caplog.text
    now[0] = timedelta(minutes=59, seconds=30).total_seconds()
    assert session.headers_to_repeat(later) is None
    assert SESSION_HEADER in session.headers_to_sign()
