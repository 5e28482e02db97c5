"""The database goes away under ten thousand sites (at full length), and comes back.

While it is away every answer is 503 with ``Retry-After``, in seconds and not after minutes; sites
keep what they have to say. When it is back, all of it is there within five minutes, with nothing
done to the servers.
"""

import http.client
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import col, func, select

from distribution.database.tables import Receipt, Site
from tests.simulators.cluster import Cluster, Line
from tests.simulators.house import PRODUCT
from tests.simulators.staff import token_of
from tests.torture import voices
from tests.torture.rows import Outcome, Scale
from tests.torture.shares import Tally
from tests.torture.voices import Trouble

SITES = {Scale.TEST: 200, Scale.TORTURE: 10_000}
REPORTS = 3
"""What each site has written meanwhile; and it gives a sign of life."""
AWAY_SECONDS = {Scale.TEST: 6, Scale.TORTURE: 60}
DRAIN_SECONDS = 300
ANSWER_SECONDS = 30
PAGES = ("/v1/sites", "/v1/tickets", "/v1/rollouts", "/v1/session")


def run(scale: Scale) -> Outcome:
    """Once."""
    tally, sites = Tally(), SITES[scale]
    with (
        tempfile.TemporaryDirectory(prefix="hsp-away-") as folder,
        Cluster.open(Path(folder), PRODUCT, servers=2, schedulers=1) as cluster,
    ):
        now = datetime.now(UTC)
        voices.settle(cluster.database, sites, now)
        token = token_of(cluster.database, "ani", now)
        cluster.start()
        cluster.postgres.stop()
        begun = voices.tell(
            cluster.ports, sites, REPORTS, Trouble(), signs=True, patience_seconds=DRAIN_SECONDS
        )
        until = time.monotonic() + AWAY_SECONDS[scale]
        while time.monotonic() < until:
            tally.count("while it is away", list(_refusals(cluster, token)))
        begin = time.monotonic()
        cluster.postgres.start()
        heard = [future.result() for future in begun]
        seconds = time.monotonic() - begin
        tally.count("the drain", list(_drained(cluster, sites, now, seconds)))
        for one in heard:
            tally.count("what the sites heard", list(one.wrong))
            if one.without_retry_after:
                tally.count("Retry-After", [f"missing in {one.without_retry_after} answers"])
        tally.note(f"{sites:,} sites drained in {seconds:.1f} s")
    return tally.outcome


def _refusals(cluster: Cluster, token: str) -> Iterator[str]:
    """What is wrong with answers while the database is away."""
    for port in cluster.ports:
        line = Line([port])
        for path, body in (
            ("/v1/reports", next(voices.reports(0, 1))),
            ("/v1/check-in", voices.check_in(0, datetime.now(UTC))),
        ):
            begin = time.monotonic()
            status, headers, _ = line.once(path, body)
            yield from _wrong(path, status, headers.get("retry-after"), time.monotonic() - begin)
        line.close()
        for path in PAGES:
            begin = time.monotonic()
            status, after = _page(port, path, token)
            yield from _wrong(path, status, after, time.monotonic() - begin)


def _wrong(path: str, status: int, after: str | None, seconds: float) -> Iterator[str]:
    if status != 503 or not after:
        yield f"{path} answered {status}, Retry-After {after}"
    if seconds > ANSWER_SECONDS:
        yield f"{path} answered after {seconds:.0f} s"


def _page(port: int, path: str, token: str) -> tuple[int, str | None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2 * ANSWER_SECONDS)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["Retry-After"]
    return 0, None


def _drained(cluster: Cluster, sites: int, settled: datetime, seconds: float) -> Iterator[str]:
    if seconds > DRAIN_SECONDS:
        yield f"it took {seconds:.0f} s"
    with cluster.database.reading() as session:
        stored = session.exec(select(func.count()).select_from(Receipt)).one()
        seen = select(func.count()).select_from(Site).where(col(Site.last_seen) > settled)
        heard = session.exec(seen).one()
    if stored != sites * REPORTS:
        yield f"{stored} reports are stored of {sites * REPORTS}"
    if heard != sites:
        yield f"{heard} of {sites} sites have checked in"


if __name__ == "__main__":
    started = time.monotonic()
    print(run(Scale.TEST), time.monotonic() - started)
