"""Three servers and two schedulers over PostgreSQL and S3, and 200 sites in a rollout.

Servers and schedulers are killed all the time, and the database is restarted or crashes. At the end
the rollout is over, no wave was opened twice, too soon or left out, every report that a server
acknowledged is in the database once, and no attempt counts twice.
"""

import hashlib
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlmodel import select

from distribution import events
from distribution.control import rollouts
from distribution.database.tables import Attempt, Receipt
from distribution.errors import Unavailable
from distribution.events import EventKind
from distribution.repository.bucket import S3Store
from manifests import envelope
from manifests import rollout as language
from manifests.check_in import CheckInAnswer, EnrolmentAnswer, ReportReceipt
from manifests.install_report import REPORT_TYPE, Phase
from manifests.rollout import Ring, RolloutPlan, RolloutState
from tests.simulators.cluster import Cluster, Line
from tests.simulators.house import PRODUCT, Talker, schedule
from tests.simulators.seaweed import Seaweed
from tests.torture.million_reports import killing
from tests.torture.rows import Outcome, Scale
from tests.torture.scheduler_kills import ALL_EVENTS, BOUNDS, SUCCESS_PERCENT, Den
from tests.torture.shares import Tally

SITES = 200
ROLLOUTS = {Scale.TEST: 1, Scale.TORTURE: 12}
KILL_EVERY_SECONDS = 2.5
DATABASE_EVERY = 3
"""At every so-manyth time, the database goes away too."""
THREADS = 16
PATIENCE_SECONDS = 300
SOAK_SECONDS = 2
BUCKET = "repository"


def run(scale: Scale) -> Outcome:
    """So many rollouts, one after the other."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="hsp-servers-") as folder, _den(Path(folder)) as den:
        cluster, fleet = den
        judge = Den(cluster.server, cluster.estate, random.Random("judge"), list(fleet.sites))
        for number in range(ROLLOUTS[scale]):
            version = f"{number + 2}.0"
            judge.soaks[version] = SOAK_SECONDS
            with killing(cluster, KILL_EVERY_SECONDS, _unsettle(cluster)):
                tally.count(version, fleet.live_through(version))
        until_published(judge)
        for words in [*judge.judge(), *fleet.judge()]:
            tally.wrong += 1
            tally.note(words)
        tally.tried += len(fleet.acknowledged)
    return tally.outcome


def _unsettle(cluster: Cluster) -> Callable[[int], None]:
    def more(number: int) -> None:
        if number % DATABASE_EVERY == DATABASE_EVERY - 1:
            stop = cluster.postgres.stop if number % 2 else cluster.postgres.crash
            stop()
            time.sleep(cluster.chance.uniform(0.1, 1.5))
            cluster.postgres.start()

    return more


def until_published(den: Den) -> None:
    """Wait until what is published is what the database says."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if patiently(lambda: den._published() == den._written()):
            return
        time.sleep(0.2)


def patiently(ask: Callable[[], Any]) -> Any:
    """Ask the database until it answers."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@dataclass
class Caller(Talker):
    """A site that speaks to whichever server lives."""

    line: Line = field(default_factory=lambda: Line([]))
    acknowledged: list[str] = field(default_factory=list)

    def enrol(self) -> EnrolmentAnswer:
        """Join, by the API."""
        self.invited()
        return EnrolmentAnswer.from_bytes(self.line.post("/v1/enrol", self.enrolment()))

    def check_in(self, **said: Any) -> CheckInAnswer:
        """Give a sign of life, by the API."""
        body = self.sign_of_life(**said)
        return CheckInAnswer.from_bytes(self.line.post("/v1/check-in", body))

    def send(self, message: bytes) -> ReportReceipt:
        """Send a report until it is acknowledged; some acknowledgements do not arrive."""
        if self.line.chance.random() < 0.2:
            self.line.once("/v1/reports", message)
        receipt = ReportReceipt.from_bytes(self.line.post("/v1/reports", message))
        body = envelope.peek(message, REPORT_TYPE)
        self.acknowledged.append(hashlib.sha256(body).hexdigest())
        return receipt


@dataclass
class Fleet:
    """The sites, and what they were told."""

    cluster: Cluster
    sites: list[Caller]

    @property
    def acknowledged(self) -> list[str]:
        """The digests of all reports that were."""
        return [each for site in self.sites for each in site.acknowledged]

    def live_through(self, version: str) -> list[str]:
        """Publish a release, start its rollout and obey it until it is over; what went wrong."""
        estate, database = self.cluster.estate, self.cluster.database
        estate.now = datetime.now(UTC).replace(microsecond=0)
        release = estate.publish(version)
        quick = schedule(
            *BOUNDS, soak_seconds=SOAK_SECONDS, success_threshold_percent=SUCCESS_PERCENT
        )
        at_once = tuple(wave.model_copy(update={"after_seconds": 0}) for wave in quick.waves)
        plan = quick.model_copy(update={"waves": at_once})
        now = datetime.now(UTC)
        patiently(lambda: rollouts.start(database, release, plan, "ani", now))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._is_over(version):
            if time.monotonic() > deadline:
                return [f"{version} did not end in {PATIENCE_SECONDS} s"]
            self._obey(version)
            time.sleep(0.2)
        return []

    def _is_over(self, version: str) -> bool:
        def look() -> bool:
            with self.cluster.database.reading() as session:
                rows = rollouts.all_rollouts(session)
            states = {row.version: row.state for row in rows}
            return states.get(version) not in (None, RolloutState.RUNNING)

        return bool(patiently(look))

    def _obey(self, version: str) -> None:
        """Every site whose turn has come by the published plan installs it."""
        plan = Den._plan(Den(self.cluster.server, self.cluster.estate, random.Random()))
        if plan is None:
            return
        due = [site for site in self.sites if _may(site, plan, version)]
        parts = [due[number::THREADS] for number in range(THREADS)]

        def install(part: list[Caller]) -> None:
            for site in part:
                site.confirms(version)

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(install, parts))

    def judge(self) -> Iterator[str]:
        """What is wrong with what the database holds."""
        with self.cluster.database.reading() as session:
            stored = Counter(session.exec(select(Receipt.sha256)))
            tried = Counter(session.exec(select(Attempt.attempt_id)))
            told = Counter(
                (each.site_id, each.version)
                for each in events.after(session, 0, ALL_EVENTS)
                if each.kind is EventKind.PHASE and each.detail["phase"] == Phase.CONFIRMED
            )
        if lost := set(self.acknowledged) - set(stored):
            yield f"{len(lost)} acknowledged reports are lost"
        for what, counted in (("receipt", stored), ("attempt", tried), ("confirmation", told)):
            if doubled := [each for each, times in counted.items() if times > 1]:
                yield f"{len(doubled)} doubled: {what} {doubled[0]}"
        if len(stored) != len(self.acknowledged):
            yield f"{len(stored)} reports are stored, {len(self.acknowledged)} were acknowledged"
        for site in self.sites:
            if site.line.without_retry_after:
                yield f"{site.site_id} was not told when to come again"


def _may(site: Talker, plan: RolloutPlan, version: str) -> bool:
    newest = plan.rollouts[-1]
    if site.installed == version or newest.release.split("/")[2] != version:
        return False
    drawn = language.draw(PRODUCT, version, site.site_id)
    opens = language.opens_at(newest.waves, site.ring, drawn)
    return opens is not None and opens <= datetime.now(UTC)


@contextmanager
def _den(folder: Path) -> Iterator[tuple[Cluster, Fleet]]:
    with Seaweed() as s3:
        s3.make_bucket(BUCKET)
        store = S3Store(s3.client(), BUCKET, "hsp")
        told = {"store_url": f"s3://{BUCKET}/hsp", "s3_endpoint_url": s3.endpoint_url}
        opened = Cluster.open(folder, PRODUCT, store=store, environment=s3.environment(), **told)
        with opened as cluster:
            cluster.start()
            sites = []
            for number in range(SITES):
                line = Line(cluster.ports, PATIENCE_SECONDS, random.Random(number))
                ring = Ring.PILOT if number < 4 else Ring.BROAD
                sites.append(Caller(f"site-{number}", cluster.server, ring=ring, line=line))
            try:
                with ThreadPoolExecutor(THREADS) as pool:
                    list(pool.map(_join, sites))
                yield cluster, Fleet(cluster, sites)
            finally:
                for site in sites:
                    site.line.close()


def _join(site: Caller) -> None:
    site.enrol()
    site.check_in()


if __name__ == "__main__":
    begin = time.monotonic()
    print(run(Scale.TEST), time.monotonic() - begin)
