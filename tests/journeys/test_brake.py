"""A brake is put on by one process, while another one answers a site from its memory.

``hsp serve`` and ``hsp brake`` are processes of their own, over SQLite and over PostgreSQL: what
tells the server that its memory is old is in the database alone.
"""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import ours
from tests.simulators.chorus import Chorus
from tests.simulators.postgres import shared
from tests.simulators.repeater import until
from tests.simulators.staff import hire

HSP = Path(sys.executable).with_name("hsp")
AT_ONCE_SECONDS = 2.0


@dataclass
class Shop:
    """A site that says the same again and again, its server, and who holds it."""

    served: ours.Served
    database_url: str
    home: Path
    body: bytes
    token: str

    def ask(self, seconds: float = 30) -> Any:
        """The answer to the next check-in."""
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=seconds)
        try:
            name, _, value = self.token.partition(": ")
            connection.request("POST", "/v1/check-in", self.body, {name: value})
            answer = connection.getresponse()
            told = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, told
        return json.loads(told)

    def is_told_from_memory(self, hold: str) -> bool:
        """Whether it is told so while nobody can write, which the full way has to."""
        with self.served.database.writing():
            try:
                return hold in self.ask(AT_ONCE_SECONDS)["hold"]
            except TimeoutError:
                return False

    def hsp(self, *words: str) -> "subprocess.Popen[bytes]":
        """A command, as somebody on the desk types it."""
        environment = {**os.environ, "HSP_DATABASE_URL": self.database_url}
        return subprocess.Popen([HSP, "--home", self.home, *words], env=environment)


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """It, over each kind of database."""
    now = datetime.now(UTC)
    url = shared().new_database() if request.param == "postgresql" else ""
    chorus = Chorus(1, now)
    [(body, token)] = chorus.repeated()
    with ours.served(tmp_path, chorus, url) as served:
        hire(served.database, now)
        yield Shop(served, url, tmp_path / "estate" / "home", body, token)
    if url:
        shared().drop(url)


def test_the_next_check_in_after_a_brake_of_another_process_is_told(shop: Shop) -> None:
    until(lambda: shop.is_told_from_memory(""))
    on = ("brake", "on", "--site", "site-000000", "--reason", "the till is open", "--by", "joko")
    with shop.hsp(*on) as command:
        while command.poll() is None:
            shop.ask()  # its memory is in use all the while
            time.sleep(0.02)
    assert command.returncode == 0
    assert "the till is open" in shop.ask()["hold"]
    until(lambda: shop.is_told_from_memory("the till is open"))
