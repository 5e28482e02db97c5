"""A whole estate at work: the real server on a real socket, and sites that run real programs.

    village = ...                                  # the fixture of tests/journeys
    site = village.site("warung-1")                # invited and enrolled by the real commands
    village.publish("1.0"); village.start("1.0")   # signed by two, rolled out
    site.poll()                                    # hsp-updater once
    assert site.serves() == "1.0"                  # asked of the program that runs

Time is real, but the scheduler works only when a story says ``village.tick()``.
"""

import contextlib
import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from click.testing import CliRunner, Result

from client_updater import processes
from client_updater.cli import main as hsp_updater
from distribution.api.application import application
from distribution.control import plans, rollouts
from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.desk.ticket_views import TicketLine, Which
from distribution.desk.tickets import queue
from distribution.repository import catalogue
from distribution.scheduling import scheduler
from distribution.server import Server
from distribution.settings import Settings
from distribution.sites import enrolment
from manifests.release import Release
from manifests.rollout import Gates, Ring, Schedule, ScheduledWave
from manifests.site import SiteProfile
from manifests.target_paths import Lane
from tests.simulators.estate import Estate
from tests.simulators.ports import free_port

PRODUCT = "app"

PROGRAM = b"""\
import json, http.server, pathlib, sys

HERE = pathlib.Path(__file__).parent

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            body = {name: (HERE / name).read_text() for name in ("RELEASE", "health.txt")}
            self.send_response(200)
        except OSError:
            body = {}
            self.send_response(500)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())
    def log_message(self, *_):
        pass

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""

POLICY = """
[variables.app]
port = "{port}"
"""

TWO_WAVES = Schedule(
    name="two-waves",
    waves=(
        ScheduledWave(after_seconds=0, up_to_basis_points=2000),
        ScheduledWave(after_seconds=0, up_to_basis_points=10_000),
    ),
    gates=Gates(
        soak_seconds=0,
        success_threshold_percent=95,
        error_threshold_percent=5,
        minimum_failed_sites=2,
    ),
)
ONE_WAVE = TWO_WAVES.model_copy(update={"waves": TWO_WAVES.waves[1:], "name": "one-wave"})


def now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


@dataclass
class VillageSite:
    """One site: its agent's folder, the port of its program, and its administrator's commands."""

    site_id: str
    state: Path
    port: int

    def command(self, *words: str) -> Result:
        """``hsp-updater --state ... WORDS``, in this process."""
        return CliRunner().invoke(hsp_updater, ["--state", str(self.state), *words])

    def poll(self) -> Result:
        """Poll once; whatever it decides, it must not crash."""
        result = self.command("once")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    def serves(self) -> str | None:
        """The version that the running program says it is; None when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2) as answer:
                return str(json.load(answer)["RELEASE"])
        except (OSError, KeyError, ValueError):
            return None

    def soon_serves(self, seconds: float = 5) -> str | None:
        """As ``serves``, for a program that was started and not waited for."""
        deadline = time.monotonic() + seconds
        while (version := self.serves()) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return version

    def set_policy(self, extra: str = "") -> None:
        """Write ``site.toml`` as its administrator would; ``extra`` comes before the variables."""
        (self.state / "site.toml").write_text(extra + POLICY.format(port=self.port))

    def pid(self, product: str = PRODUCT) -> int:
        """The process that runs here, as the agent notes it."""
        return int(json.loads((self.state / "run" / f"{product}.json").read_text())["pid"])

    def stop_program(self) -> None:
        """Kill what runs here, as a power cut would."""
        for file in (self.state / "run").glob("*.json"):
            pid = int(json.loads(file.read_text())["pid"])
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            while processes.look_at(pid):  # it is this process's child: wait until it is gone
                time.sleep(0.01)


@dataclass
class Village:
    """The server, its estate, and the sites."""

    folder: Path
    estate: Estate
    server: Server
    sites: list[VillageSite] = field(default_factory=list)

    def site(
        self,
        site_id: str,
        client: str = "warung",
        ring: Ring = Ring.PILOT,
        products: tuple[str, ...] = (PRODUCT,),
    ) -> VillageSite:
        """Invite and enrol a site."""
        profile = SiteProfile(site_id=site_id, client_id=client, ring=ring, products=products)
        trust = catalogue.trust_state(self.server.store)
        settings = self.server.settings
        invitation = enrolment.invite(self.server.database, profile, trust, settings, "ani", now())
        site = VillageSite(site_id, self.folder / "sites" / site_id, free_port())
        site.state.parent.mkdir(exist_ok=True)
        policy = site.state.parent / f"{site_id}.toml"
        policy.write_text(POLICY.format(port=site.port))
        options = ("--root-sha256", self.estate.root_sha256, "--policy", str(policy))
        result = site.command("enroll", invitation.to_text(), *options)
        assert result.exit_code == 0, result.output
        self.sites.append(site)
        return site

    def publish(
        self, version: str, *, lane: Lane = Lane.RELEASES, healthy: bool = True, **described: Any
    ) -> Release:
        """Build, sign and publish a release; an unhealthy one starts, and fails its check."""
        proposal = self.estate.propose(self.build(version, healthy=healthy, **described), lane)
        self.estate.sign(proposal, *self.estate.signers_of(lane))
        path = self.estate.publish_proposal(proposal).releases[0]
        return Release.read(path, (proposal / "targets" / path).read_bytes())

    def build(
        self,
        version: str,
        *,
        healthy: bool = True,
        files: Mapping[str, bytes] | None = None,
        instead: Mapping[str, bytes] | None = None,
        **described: Any,
    ) -> Path:
        """Build a release of the program, with further ``files`` beside it, or of other files."""
        files = {**(files or {}), "serve.py": PROGRAM, "RELEASE": version.encode()}
        if healthy:
            files["health.txt"] = b"yes"
        self.estate.now = now()
        fields = {**program_fields(version), **described}
        return self.estate.build(version, instead or files, **fields)

    def start(
        self,
        version: str,
        schedule: Schedule = ONE_WAVE,
        lane: Lane = Lane.RELEASES,
        product: str = PRODUCT,
    ) -> None:
        """``hsp rollout start``."""
        store, database = self.server.store, self.server.database
        release = next(
            r
            for r in catalogue.releases(store, product)
            if (r.path.version, r.path.lane) == (version, lane)
        )
        rollouts.start(database, release, schedule, "sari", now())
        self._publish_plan(product)

    def pause(self, version: str, reason: str) -> None:
        """``hsp rollout pause``."""
        rollouts.pause(self.server.database, PRODUCT, version, Word("wati", reason), now())
        self._publish_plan()

    def stop(self, version: str, reason: str) -> None:
        """``hsp rollout stop``."""
        rollouts.stop(self.server.database, PRODUCT, version, Word("wati", reason), now())
        self._publish_plan()

    def _publish_plan(self, product: str = PRODUCT) -> None:
        server = self.server
        plans.publish_decision(server.database, server.store, server.online, product, now())

    def state_of(self, version: str) -> str:
        """The state of a rollout."""
        with self.server.database.reading() as session:
            return rollouts.find(session, PRODUCT, version).state

    def tickets(self) -> list[TicketLine]:
        """All tickets there ever were."""
        with self.server.database.reading() as session:
            return queue(session, Which.ALL, None, limit=10_000)

    def tick(self) -> None:
        """Let the scheduler do everything once."""
        scheduler.tick(self.server, now())

    def poll_all(self) -> None:
        """Every site polls once."""
        for site in self.sites:
            site.poll()


def program_fields(version: str) -> dict[str, Any]:
    """How a release of the program is installed, and when it is healthy."""
    command = ["python3", "-S", "serve.py", "{port}"]
    check = {
        "kind": "http",
        "url": "http://127.0.0.1:{port}/",
        "expect_json": {"RELEASE": version},
    }
    return {
        "variables": ["port"],
        "install": {
            "kind": "slot",
            "service": {"kind": "program", "command": command, "stop_grace_seconds": 1},
        },
        "health": {"checks": [check], "attempts": 3, "interval_seconds": 1, "timeout_seconds": 2},
    }


@contextmanager
def open_village(folder: Path, **changed: Any) -> Iterator[Village]:
    """Build it, serve it, and put everything away at the end.

    Args:
        changed: settings of the server.
    """
    estate = Estate.create(folder, PRODUCT)
    port = free_port()
    settings = Settings(
        **{**estate.settings.model_dump(), "public_url": f"http://127.0.0.1:{port}", **changed},
    )
    server = Server(settings, Database.open(settings), estate.store, estate.online)
    village = Village(folder, estate, server)
    with _serving(server, port):
        try:
            yield village
        finally:
            for site in village.sites:
                site.stop_program()
            server.database.close()


@contextmanager
def _serving(server: Server, port: int) -> Iterator[None]:
    config = uvicorn.Config(application(server), port=port, log_config=None, access_log=False)
    web = uvicorn.Server(config)
    thread = threading.Thread(target=web.run)
    thread.start()
    try:
        while not web.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield
    finally:
        web.should_exit = True
        thread.join()
