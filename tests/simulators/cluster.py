"""Several real ``hsp serve`` and ``hsp schedule`` over one PostgreSQL, killed and started anew.

    with Cluster.open(folder, servers=3, schedulers=2) as cluster:
        cluster.start()
        line = Line(cluster.ports)
        line.post("/v1/reports", body)      # until it is acknowledged, by whichever server lives
        cluster.kill_a_server(); cluster.postgres.restart()

All of them share a home, as servers of one machine may. Only the schedulers schedule and sign.
``Line`` is a site's way to them: any server, and another one when that is gone, as behind a load
balancer.
"""

import http.client
import os
import random
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from distribution.database.sessions import Database
from distribution.server import Server
from distribution.settings import SETTINGS_FILE, Settings
from signing.store import Store
from tests.simulators.estate import Estate
from tests.simulators.peers import start
from tests.simulators.ports import free_port
from tests.simulators.postgres import Postgres
from tests.simulators.staff import hire

HSP = (sys.executable, "-m", "distribution")
START_SECONDS = 90
OFTEN = {
    "reports_per_minute": 100_000,
    "check_in_burst": 10_000,
    "enrolments_per_minute": 100_000,
    "scheduler_seconds": 0.2,
    "lease_seconds": 2.0,
}
"""Sites here come as often as they can."""


@dataclass
class Cluster:
    """The servers, their database and their repository."""

    folder: Path
    estate: Estate
    postgres: Postgres
    server: Server
    """The same for this process, which reads and judges."""
    ports: list[int]
    schedulers: int
    environment: Mapping[str, str]
    chance: random.Random = field(default_factory=lambda: random.Random("cluster"))
    running: "dict[str, Popen[bytes]]" = field(default_factory=dict)
    starts: int = 0
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    """Who starts them anew while others are busy: the kernel ends what a thread has started with
    that thread, so it must live as long as they should."""
    _logs: dict[str, Path] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        """The shared one."""
        return self.server.database

    def start(self) -> None:
        """Start whatever does not run, and wait until every server answers."""
        for port in self.ports:
            self._run(f"serve-{port}", "serve", "--listen", f"127.0.0.1:{port}")
        for number in range(self.schedulers):
            self._run(f"schedule-{number}", "schedule")
        for port in self.ports:
            self._wait(port)

    def start_again(self) -> None:
        """Start what was killed, and wait for nothing."""
        for name, process in self.running.items():
            if process.poll() is not None:
                words = name.partition("-")
                more = ("--listen", f"127.0.0.1:{words[2]}") if words[0] == "serve" else ()
                self._run(name, words[0], *more)

    def kill_one(self, kind: str) -> None:
        """Kill one ``serve`` or ``schedule`` at once; ``start_again`` brings it back.

        Never the last server that answers: that would be an outage, which is another story. Nor
        one that has only begun to start: on a slow machine none would ever come to do anything.
        """
        alive = [
            process
            for name, process in self.running.items()
            if name.startswith(kind) and process.poll() is None and self._is_up(name)
        ]
        if len(alive) > 1 or (alive and kind != "serve"):
            victim = self.chance.choice(alive)
            victim.kill()
            victim.wait()

    def _is_up(self, name: str) -> bool:
        kind, _, port = name.partition("-")
        if kind == "schedule":
            return "scheduling every" in self._logs[name].read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(port))) == 0

    def _run(self, name: str, *words: str) -> None:
        before = self.running.get(name)
        if before is not None and before.poll() is None:
            return
        self.starts += 1
        self._logs[name] = log = self.folder / f"{name}.{self.starts}.log"
        command = [*HSP, "--home", str(self.server.settings.home), *words]
        environment = {**os.environ, **self.environment, "HSP_API_ONLY": str(words[0] == "serve")}
        self.running[name] = start(command, self.folder, log, environment)

    def _wait(self, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            with suppress(OSError, http.client.HTTPException), closing(connection):
                connection.request("GET", "/healthz")
                connection.getresponse().read()
                return
            if self.running[f"serve-{port}"].poll() is not None:
                break
            time.sleep(0.05)
        raise TimeoutError(f"server {port} did not start: {self.logs()[-4000:]}")

    def logs(self) -> str:
        """What all of them wrote."""
        return "\n".join(file.read_text() for file in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        """End all of them at once."""
        for process in self.running.values():
            process.kill()
            process.wait()
        self.running.clear()

    @classmethod
    @contextmanager
    def open(
        cls,
        folder: Path,
        product: str,
        *,
        servers: int = 3,
        schedulers: int = 2,
        store: Store | None = None,
        environment: Mapping[str, str] | None = None,
        **changed: object,
    ) -> "Iterator[Cluster]":
        """Make the repository and an empty database; nothing runs yet.

        Args:
            store: where the repository is, if not in the home; ``changed`` says its address.
            environment: of the servers.
            changed: further settings.
        """
        estate = Estate.create(folder, product, store=store)
        with Postgres() as postgres:
            told = {**OFTEN, **changed, "database_url": postgres.new_database()}
            file = estate.settings.home / SETTINGS_FILE
            lines = [f"{name} = {_toml(value)}" for name, value in told.items()]
            file.write_text("\n".join(lines) + "\n")
            settings = Settings.load(estate.settings.home)
            server = Server(settings, Database.open(settings), estate.store, estate.online)
            ports = [free_port() for _ in range(servers)]
            hire(server.database, server.clock())
            cluster = cls(
                folder, estate, postgres, server, ports, schedulers, dict(environment or {})
            )
            try:
                yield cluster
            finally:
                cluster.thread.shutdown()
                cluster.stop()
                server.database.close()


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | int | float) else f'"{value}"'


class Unanswered(Exception):
    """Nobody acknowledged it in time."""


@dataclass
class Line:
    """One site's connections, or several sites' who speak one after the other. No thread's two."""

    ports: Sequence[int]
    patience_seconds: float = 120
    chance: random.Random = field(default_factory=random.Random)
    refused: dict[int, int] = field(default_factory=dict)
    """How often each status came that means later; 0: no connection."""
    without_retry_after: int = 0
    _open: dict[int, http.client.HTTPConnection] = field(default_factory=dict)

    def post(self, path: str, body: bytes) -> bytes:
        """Send until a server says 200; its answer.

        Raises:
            Unanswered: nobody did, or the answer means that it never will.
        """
        deadline, status, said = time.monotonic() + self.patience_seconds, 0, b""
        while time.monotonic() < deadline:
            status, headers, said = self.once(path, body)
            if status == 200:
                return said
            self.refused[status] = self.refused.get(status, 0) + 1
            if status not in (0, 429, 502, 503):
                break
            if status in (429, 503) and "retry-after" not in headers:
                self.without_retry_after += 1
            time.sleep(self.chance.uniform(0.02, 0.3))
        raise Unanswered(f"{path}: {status} {said[:300]!r}")

    def twice(self, path: str, body: bytes) -> None:
        """Send to two servers at the same time, as a proxy does that tries again too soon."""
        asked = []
        for port in self.chance.sample(list(self.ports), min(2, len(self.ports))):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
            try:
                connection.request("POST", path, body, {"Content-Type": "application/json"})
                asked.append(connection)
            except (OSError, http.client.HTTPException):  # that server is not there just now
                connection.close()
        for connection in asked:
            with suppress(OSError, http.client.HTTPException):
                connection.getresponse().read()
            connection.close()

    def once(self, path: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Send to one of them: status, headers, answer; status 0 if the connection broke."""
        port = self.chance.choice(self.ports)
        connection = self._open.pop(port, None) or http.client.HTTPConnection(
            "127.0.0.1", port, timeout=40
        )
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return 0, {}, repr(error).encode()
        self._open[port] = connection
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, said

    def close(self) -> None:
        """Hang up."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()
