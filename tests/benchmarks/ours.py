"""``hsp serve`` as it runs in production, for benchmarks: a process of its own, that signs nothing.

Its scheduler would run in another process (``hsp schedule``), so here there is none.
"""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from distribution.database.sessions import Database
from tests.simulators.chorus import Chorus
from tests.simulators.estate import Estate
from tests.simulators.peers import start
from tests.simulators.ports import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 60


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    port: int
    database: Database
    process: "subprocess.Popen[bytes]"


@contextmanager
def served(folder: Path, chorus: Chorus, database_url: str = "") -> Iterator[Served]:
    """A server whose sites are these."""
    now = datetime.now(UTC)
    estate = Estate.create(folder / "estate", now=now)
    settings = estate.settings.model_copy(update={"database_url": database_url})
    database = Database.open(settings)
    chorus.enrol(database, now)
    port = free_port()
    environment = {
        **os.environ,
        "HSP_DATABASE_URL": database_url,
        "HSP_API_ONLY": "true",
        "HSP_CHECK_IN_BURST": "10000",
        "HSP_REPORTS_PER_MINUTE": "100000",
    }
    command = [Path(sys.executable).with_name("hsp"), "--home", settings.home, "serve"]
    process = start([*command, "--listen", f"127.0.0.1:{port}"], ROOT, folder / "log", environment)
    try:
        _await(port, process, folder / "log")
        yield Served(port, database, process)
    finally:
        process.terminate()
        process.wait(60)
        database.close()


def settle() -> None:
    """Give the server the time in which it reads its sites at its start."""
    time.sleep(3)


def _await(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"the server did not start: {log.read_text()[-2000:]}")


@contextmanager
def bare(folder: Path) -> Iterator[int]:
    """An ASGI application that does next to nothing, under the same web server: its port."""
    port = free_port()
    words = ["tests.benchmarks.bare:app", "--port", str(port), "--no-access-log"]
    words += ["--http", "distribution.api.one_packet:OnePacket"]
    command = [sys.executable, "-m", "uvicorn", *words, "--log-level", "warning"]
    process = start(command, ROOT, folder / "bare.log", dict(os.environ))
    try:
        _await(port, process, folder / "bare.log")
        yield port
    finally:
        process.terminate()
        process.wait(10)
