"""A server that is killed when reports are committed and nobody has heard so yet."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import col, select

from client_updater.agent import Agent, open_agent
from client_updater.enrolment import Newcomer
from client_updater.loop import Stop
from client_updater.poll import poll
from client_updater.state import StateFolder
from distribution.database.sessions import Database
from distribution.database.tables import Receipt
from distribution.repository import catalogue
from distribution.sites import enrolment
from manifests.site import SiteProfile
from tests.simulators.estate import Estate
from tests.simulators.estate_databases import VARIABLE
from tests.simulators.peers import ROOT, start
from tests.simulators.ports import free_port
from tests.simulators.postgres import shared
from tests.simulators.staff import hire

PRODUCT = "app"
SERVE = "from distribution.cli import main; main()"
MORTAL = f"""
import os, signal
from distribution.quick import report_batches

def store(*args, true=report_batches.store):
    true(*args)
    os.kill(os.getpid(), signal.SIGKILL)

report_batches.store = store
{SERVE}
"""
"""``hsp`` that dies with the first batch, as soon as PostgreSQL has committed it."""


@dataclass
class Place:
    """An estate on PostgreSQL, and the port where its server is, when there is one."""

    estate: Estate
    database: Database
    url: str
    port: int
    folder: Path

    @contextmanager
    def served(self, program: str = SERVE) -> Iterator["subprocess.Popen[bytes]"]:
        """A real ``hsp serve``."""
        environment = {
            **os.environ,
            "HSP_DATABASE_URL": self.url,
            "HSP_API_ONLY": "true",
            "HSP_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
        }
        words = ["--home", str(self.estate.settings.home), "serve"]
        command = [sys.executable, "-c", program, *words, "--listen", f"127.0.0.1:{self.port}"]
        process = start(command, ROOT, self.folder / "log", environment)
        try:
            self._await(process)
            yield process
        finally:
            process.kill()
            process.wait(60)

    def _await(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError((self.folder / "log").read_text()[-2000:])

    def stored(self) -> list[tuple[int, bytes]]:
        """The reports that the database has, by their place."""
        with self.database.reading() as session:
            rows = session.exec(select(Receipt).order_by(col(Receipt.place))).all()
        return [(row.place, row.envelope) for row in rows]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv(VARIABLE, "sqlite")  # of the estate: this one brings its own
    estate, port = Estate.create(tmp_path / "estate", PRODUCT), free_port()
    url = shared().new_database()
    told = {"database_url": url, "public_url": f"http://127.0.0.1:{port}"}
    estate.settings = estate.settings.model_copy(update=told)
    database = Database.open(estate.settings)
    hire(database, datetime.now(UTC))
    yield Place(estate, database, url, port, tmp_path)
    database.close()


def joined(place: Place) -> Agent:
    """The real agent of a site that has joined."""
    now = datetime.now(UTC)
    profile = SiteProfile(site_id="shop", client_id="warung", products=(PRODUCT,))
    trust = catalogue.trust_state(place.estate.store)
    invitation = enrolment.invite(place.database, profile, trust, place.estate.settings, "ani", now)
    state, stop = StateFolder(place.folder / "site"), Stop()
    with place.served():
        Newcomer(state, invitation, "format = 1\n").join(lambda fingerprint: True, now)
    return open_agent(state, stop.pause, stop)


def test_who_heard_no_answer_sends_again_and_nothing_is_doubled_or_lost(place: Place) -> None:
    agent = joined(place)
    outbox = agent.reporter.outbox
    place.estate.publish("1.0")
    place.estate.roll_out("1.0")
    with place.served(MORTAL) as mortal:
        time.sleep(1)  # it reads whose key is whose
        poll(agent)
        assert mortal.wait(30) == -signal.SIGKILL  # so it was the batch way
    assert outbox.acknowledged() == 0
    kept_back = place.stored()
    assert len(kept_back) >= 1
    with place.served():
        for _ in range(5):
            poll(agent)
    assert list(outbox.pending()) == []
    last = outbox.last_sequence()
    assert last == outbox.acknowledged() >= 3
    assert [number for number, _ in place.stored()] == list(range(1, last + 1))
    assert place.stored()[: len(kept_back)] == kept_back
    kept = sorted(outbox.folder.glob("*.kept"))
    assert [file.read_bytes() for file in kept] == [sealed for _, sealed in place.stored()]
