"""What one site costs its HSP, event by event: the source of ``hsp plan``.

    python -m tests.benchmarks.unit_costs

Writes distribution/capacity/unit_costs.json. Requests and bytes are those of the real agent at the
real server, counted as HTTP/1.1 without TLS: a CDN's or a bucket's bill counts the same. Processor
time is the kernel's, of ``hsp serve`` and of all of PostgreSQL's processes, while thousands of
sites speak. Bytes of the database are what its files grow by, indexes included.
"""

import json
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import click

from client_updater.agent import Agent, open_agent
from client_updater.enrolment import Newcomer
from client_updater.poll import poll
from client_updater.state import StateFolder
from client_updater.stop import Stop
from distribution.api.application import application
from distribution.database.sessions import Database
from distribution.repository import catalogue
from distribution.server import Server
from distribution.sites import enrolment
from distribution.sites.attempts import process_new
from manifests.site import SiteProfile
from tests.benchmarks import load, ours
from tests.benchmarks.deltas import SIZES
from tests.benchmarks.traffic import Traffic, served
from tests.simulators.big_fleet import fill
from tests.simulators.chorus import Chorus
from tests.simulators.estate import Estate
from tests.simulators.ports import free_port
from tests.simulators.postgres import Postgres
from tests.simulators.staff import hire

COSTS = Path("distribution/capacity/unit_costs.json")
PRODUCT = "app"
SITES, SOME, REPORTS, ROWS = 3000, 300, 900, 20_000
"""Quick ones are many, so that what the server does meanwhile by itself hardly counts."""
FEW, MORE = 1000, 10_000
"""Sites of two servers whose memory is compared."""
IN_FULL = "Hsp-Session: wanted"
"""A signed check-in is written down before its answer then, as one that says something new."""
Costs = dict[str, float]


# --- on the line


@dataclass
class Site:
    """The real agent of one site, and what it says to the server."""

    agent: Agent
    traffic: Traffic

    def poll(self) -> Costs:
        """One poll: requests and bytes to the repository, bytes of each kind of message."""
        self.traffic.reset()
        last = poll(self.agent)
        assert not last.problem, last.detail
        sizes = self.traffic.bytes_of
        messages = {path: size for path, size in sizes.items() if path.startswith("/v1/")}
        files = {path: size for path, size in sizes.items() if path not in messages}
        artifact = sum(size for path, size in files.items() if path.endswith(".tar.zst"))
        return {
            "requests": self.traffic.requests - self._sent(messages),
            "bytes": sum(files.values()) - artifact,
            "check_in": messages.get("/v1/check-in", 0),
            "reports": messages.get("/v1/reports", 0),
        }

    def _sent(self, messages: Mapping[str, int]) -> int:
        return sum(self.traffic.requests_of.get(path, 0) for path in messages)


def on_the_line(folder: Path) -> Costs:
    """A site joins, installs, waits, and hears of a release whose wave opens tomorrow."""
    now = datetime.now(UTC).replace(microsecond=0)
    estate, port = Estate.create(folder / "estate", PRODUCT, now=now), free_port()
    settings = estate.settings.model_copy(update={"public_url": f"http://127.0.0.1:{port}"})
    database = Database.open(settings)
    hire(database, now)
    server = Server(settings, database, estate.store, estate.online)
    with served(Traffic(application(server)), port) as (_, traffic):
        profile = SiteProfile(site_id="site-1", client_id="warung", products=(PRODUCT,))
        trust = catalogue.trust_state(estate.store)
        invitation = enrolment.invite(database, profile, trust, settings, "ani", now)
        state = StateFolder(folder / "site")
        Newcomer(state, invitation, "format = 1\n").join(lambda fingerprint: True, now)
        stop = Stop()
        site = Site(open_agent(state, stop.pause, stop), traffic)
        estate.publish("1.0")
        cold = site.poll()
        estate.roll_out("1.0")
        install = site.poll()
        reports = traffic.requests_of["/v1/reports"]
        site.poll()
        noop = site.poll()
        estate.publish("2.0")
        estate.roll_out("2.0", opens_at=now + timedelta(days=1))
        change = site.poll()
    database.close()
    return {
        "noop_poll_requests": noop["requests"],
        "noop_poll_bytes": noop["bytes"],
        "cold_poll_requests": cold["requests"],
        "cold_poll_bytes": cold["bytes"],
        "change_poll_requests": change["requests"],
        "change_poll_bytes": change["bytes"],
        "check_in_bytes": noop["check_in"],
        "signed_check_in_bytes": cold["check_in"],
        "check_ins_per_poll": 1,
        "report_bytes": round(install["reports"] / reports),
        "reports_per_install": reports,
        "install_requests": install["requests"],
        "install_bytes": install["bytes"],
    }


# --- the server and its database


@dataclass(frozen=True)
class Working:
    """``hsp serve`` with its sites, and a PostgreSQL."""

    postgres: Postgres
    database: Database
    url: str
    port: int
    pid: int
    folder: Path

    def cost(self, name: str, requests: Sequence[bytes], words: bytes) -> Costs:
        """Processor seconds of one of these requests, in the server and in the database."""
        file = load.prepare(self.folder / name, requests, words)
        before = (_cpu([self.pid]), _cpu(_family(self.postgres)))
        outcome = load.run(self.port, file, seconds=0)
        ours.settle()  # what is written a moment later belongs to it
        after = (_cpu([self.pid]), _cpu(_family(self.postgres)))
        assert outcome.wrong == 0 and outcome.answers == len(requests), outcome
        server, database = (b - a for a, b in zip(before, after, strict=True))
        return {
            f"{name}_cpu_seconds": server / len(requests),
            f"{name}_database_cpu_seconds": database / len(requests),
        }

    def resident_bytes(self) -> int:
        """Of the server's process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def database_bytes(self) -> int:
        """Of all tables and their indexes, when it has tidied up."""
        name = self.url.rpartition("/")[2]
        self.postgres.execute("VACUUM FULL", name)
        ((size,),) = self.postgres.execute(f"SELECT pg_database_size('{name}')")
        return int(size)


def _cpu(pids: Sequence[int]) -> float:
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)  # clock_getcpuclockid(3)


def _family(postgres: Postgres) -> list[int]:
    """PostgreSQL's processes; the pool's connections live longer than a measurement."""
    pid = int((postgres.data / "postmaster.pid").read_text().split()[0])
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


@contextmanager
def _working(folder: Path, chorus: Chorus) -> Iterator[Working]:
    with Postgres() as postgres:
        url = postgres.new_database()
        with ours.served(folder, chorus, url) as server:
            ours.settle()
            pid = server.process.pid
            yield Working(postgres, server.database, url, server.port, pid, folder)


def at_the_server(folder: Path) -> Costs:
    """Check-ins and reports of thousands of sites, and what the reports leave."""
    folder.mkdir()
    chorus = Chorus(SITES, datetime.now(UTC))
    with _working(folder, chorus) as working:
        found = working.cost(
            "check_in",
            [load.post("/v1/check-in", body, [token]) for body, token in chorus.repeated()],
            b"poll_seconds",
        )
        for name, said in (("signed", chorus.signed()), ("changed", chorus.changed())):
            some = [load.post("/v1/check-in", body, [IN_FULL]) for body in islice(said, SOME)]
            found |= working.cost(f"{name}_check_in", some, b"poll_seconds")
        before = working.database_bytes()
        reports = [load.post("/v1/reports", body) for body in islice(chorus.reports(1), REPORTS)]
        found |= working.cost("report", reports, b"sha256")
        while process_new(working.database, datetime.now(UTC)):
            pass
        left = working.database_bytes() - before
    return found | {"report_database_bytes": round(left / len(reports))}


def in_memory(folder: Path) -> Costs:
    """Bytes that a site takes in a server that has verified its signature and knows its token."""
    folder.mkdir()
    sizes = []
    for count in (FEW, FEW + MORE):
        chorus, place = Chorus(count, datetime.now(UTC)), folder / str(count)
        place.mkdir()
        with _working(place, chorus) as working:
            requests = [load.post("/v1/check-in", body) for body in chorus.signed()]
            working.cost("in_memory", requests, b"poll_seconds")
            sizes.append(working.resident_bytes())
    few, many = sizes
    return {"remembered_site_bytes": round((many - few) / MORE)}


def of_a_site(folder: Path) -> Costs:
    """Bytes that a site leaves in the database."""
    with Postgres() as postgres:
        url = postgres.new_database()
        settings = Estate.create(folder / "of-a-site").settings
        database = Database.open(settings.model_copy(update={"database_url": url}))
        name, size = url.rpartition("/")[2], "SELECT pg_database_size(current_database())"
        ((empty,),) = postgres.execute(size, name)
        fill(database, ROWS, datetime.now(UTC))
        database.close()
        postgres.execute("VACUUM FULL", name)
        ((full,),) = postgres.execute(size, name)
    return {"site_database_bytes": round((full - empty) / ROWS)}


# --- all of it


def of_deltas() -> Costs:
    """The median share of an artifact that a delta has, over the corpus, if it was measured."""
    if not SIZES.exists():
        return {}
    sizes = json.loads(SIZES.read_text())
    return {"delta_share": round(median(one["delta"] / one["artifact"] for one in sizes), 4)}


def main(_: tuple[str, ...] = ()) -> None:
    """Measure, and write the file."""
    before = json.loads(COSTS.read_text()) if COSTS.exists() else {}  # delta_share may be older
    with TemporaryDirectory(prefix="hsp-costs-") as place:
        folder = Path(place)
        found = (
            on_the_line(folder / "line")
            | at_the_server(folder / "server")
            | in_memory(folder / "memory")
            | of_a_site(folder)
        )
    plain = {
        **before,
        "measured_at": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} processors, Python {platform.python_version()}",
        **{name: float(f"{value:.4g}") for name, value in (found | of_deltas()).items()},
    }
    COSTS.write_text(json.dumps(plain, indent=2) + "\n")
    for name, value in found.items():
        click.echo(f"{name}: {value:,.6g}")


if __name__ == "__main__":
    main()
