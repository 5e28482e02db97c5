"""Schedulers are killed at random moments in the middle of rollouts; no wave knows of it.

Two to four real processes run the loop over one database and one repository, while a fleet obeys
the published plan and reports. They die just before a write to what rollouts are made of, or are
killed at a random moment, mostly while they lead. At every
moment a wave's row, its event and the written plan must agree; at the end no wave was skipped,
opened twice or opened before its gates allowed it, and the published plan is the database's.
"""

import itertools
import multiprocessing
import os
import random
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlmodel import Session

from distribution import events
from distribution.control import rollouts
from distribution.control.plans import rollout_document, waves_of, written
from distribution.database.sessions import Database
from distribution.database.tables import PlanRow, RolloutRow
from distribution.errors import NotFound
from distribution.events import Event, EventKind
from distribution.repository import catalogue
from distribution.scheduling import lease, scheduler
from distribution.scheduling.loop import Scheduler
from distribution.server import Server
from distribution.settings import Settings
from manifests import rollout as language
from manifests.install_report import Phase
from manifests.rollout import Ring, Rollout, RolloutPlan, RolloutState
from manifests.target_paths import plan_path
from tests.simulators.estate import Estate
from tests.simulators.house import PRODUCT, Talker, in_haste, schedule
from tests.torture.rows import Outcome, Scale
from tests.torture.shares import Tally

KILLS = {Scale.TEST: 20, Scale.TORTURE: 200}
SITES = 24
BOUNDS = (1000, 3000, 6000, 10_000)
SUCCESS_PERCENT = 95
PATIENCE_SECONDS = 60
MOST_WRITES = 40
"""A scheduler dies at one of its first so many writes, if nobody kills it before."""
ALIVE = (2, 3, 4)
ALL_EVENTS = 1_000_000


def run(scale: Scale) -> Outcome:
    """Kill so many times, then look at everything that happened."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="hsp-kills-") as folder, _den(Path(folder)) as den:
        for number in range(KILLS[scale]):
            broken = den.live_until_a_kill()
            tally.count(f"kill {number + 1}", broken)
        den.settle()
        for words in den.judge():
            tally.wrong += 1
            tally.note(words)
    return tally.outcome


@dataclass
class Den:
    """The house, its fleet, and the schedulers that live and die in it."""

    server: Server
    estate: Estate
    chance: random.Random
    fleet: list[Talker] = field(default_factory=list)
    schedulers: list[ForkServerProcess] = field(default_factory=list)
    major: int = 1
    soaks: dict[str, int] = field(default_factory=dict)
    serial: int = 0
    broken: list[str] = field(default_factory=list)

    def live_until_a_kill(self) -> list[str]:
        """Go on until one dies at a statement of its own, or is killed at a random moment."""
        self.broken = []
        self._keep_alive()
        until = time.monotonic() + self.chance.uniform(0.02, 1.0)
        self._live(lambda: self._begin_if_idle() and (self._has_died() or time.monotonic() > until))
        if not self._has_died():
            self._victim().kill()
        self._look()
        return self.broken

    def _has_died(self) -> bool:
        return not all(process.is_alive() for process in self.schedulers)

    def settle(self) -> None:
        """Let the last rollout come to its end."""
        self._keep_alive()
        self._live(self._is_over)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._published() != self._written() and time.monotonic() < deadline:
            self._keep_alive()
            time.sleep(0.05)

    def _is_over(self) -> bool:
        """Whether nothing is rolling; those that died on the way have followers."""
        self._keep_alive()
        return not self._is_rolling()

    def _live(self, over: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not over():
            if time.monotonic() > deadline:
                self.broken.append(f"nothing moved for {PATIENCE_SECONDS} s")
                return
            self._obey()
            self._look()
            time.sleep(0.01)

    # --- rollouts and sites

    def _begin_if_idle(self) -> bool:
        """Whether a rollout was under way; if none was, one is now."""
        if self._is_rolling():
            return True
        self.major += 1
        version, soak = f"{self.major}.0", self.chance.choice((0, 0, 1))
        self.soaks[version], self.estate.now = soak, _now()
        release = self.estate.publish(version)
        quick = schedule(*BOUNDS, soak_seconds=soak, success_threshold_percent=SUCCESS_PERCENT)
        at_once = [wave.model_copy(update={"after_seconds": 0}) for wave in quick.waves]
        plan = quick.model_copy(update={"waves": tuple(at_once)})
        rollouts.start(self.server.database, release, plan, "ani", _now())
        return False

    def _is_rolling(self) -> bool:
        with self.server.database.reading() as session:
            rows = rollouts.all_rollouts(session)
        return any(row.state == RolloutState.RUNNING for row in rows)

    def _obey(self) -> None:
        """Some sites read the published plan and do what it lets them do."""
        plan = self._plan()
        if plan is None:
            return
        if plan.serial < self.serial:
            self.broken.append(f"the published plan went back to {plan.serial}")
        self.serial = plan.serial
        for site in self.chance.sample(self.fleet, 4):
            newest = plan.rollouts[-1]
            version = newest.release.split("/")[2]
            drawn = language.draw(PRODUCT, version, site.site_id)
            opens = language.opens_at(newest.waves, site.ring, drawn)
            if site.installed != version and opens is not None and opens <= _now():
                site.confirms(version)

    # --- schedulers

    def _keep_alive(self) -> None:
        self.schedulers = [process for process in self.schedulers if process.is_alive()]
        for _ in range(self.chance.choice(ALIVE) - len(self.schedulers)):
            process = _CONTEXT.Process(
                target=schedule_until_death,
                args=(self.server.settings, self.chance.randint(1, MOST_WRITES)),
                daemon=True,
            )
            process.start()
            self.schedulers.append(process)

    def _victim(self) -> ForkServerProcess:
        """The leader in two of three times."""
        with self.server.database.reading() as session:
            row = lease.leader(session)
        leading = [p for p in self.schedulers if row and f":{p.pid}:" in row.holder]
        return self.chance.choice([*leading * 2 * len(self.schedulers), *self.schedulers])

    # --- what must hold

    def _look(self) -> None:
        """At this very moment rows, events and plan agree on how many waves are open."""
        with self.server.database.reading() as session:
            plan = written(session, PRODUCT)
            opened = _openings(session)
            for row in rollouts.all_rollouts(session):
                in_rows = sum(wave.opens_at is not None for wave in waves_of(session, row.id))
                in_plan = _open_in(plan.rollout_of(row.release) if plan else None)
                in_events = sum(each.version == row.version for each in opened)
                if len({in_rows, in_plan, in_events}) != 1:
                    found = f"{in_rows} rows, {in_plan} in the plan, {in_events} events"
                    self.broken.append(f"{row.version} has half an opening: {found}")

    def judge(self) -> Iterator[str]:
        """What is wrong with everything that happened."""
        with self.server.database.reading() as session:
            confirmed = _confirmations(session)
            opened = _openings(session)
            plan = written(session, PRODUCT)
            for row in rollouts.all_rollouts(session):
                if row.state != RolloutState.FINISHED:
                    yield f"{row.version} is {row.state}: {row.change_reason}"
                if plan is None or plan.rollout_of(row.release) != _document(session, row):
                    yield f"the written plan says something else of {row.version}"
                mine = [each for each in opened if each.version == row.version]
                yield from self._judge_waves(row, mine, confirmed)
        if self._published() != self._written():
            yield "the published plan is not the one of the database"

    def _judge_waves(
        self, row: RolloutRow, opened: list[Event], confirmed: dict[tuple[str, str], int]
    ) -> Iterator[str]:
        numbers = [int(each.detail["number"]) for each in opened]
        if numbers != list(range(1, len(BOUNDS) + 1)):
            yield f"{row.version} opened its waves {numbers}"
            return
        soak = timedelta(seconds=self.soaks[row.version])
        for before, this in itertools.pairwise(opened):
            if this.at < before.at + soak:
                yield f"{row.version}: wave {this.detail['number']} opened before the soak"
            bound = int(before.detail["up_to_basis_points"])
            sites = [s.site_id for s in self.fleet if _stands_below(s, row.version, bound)]
            done = [s for s in sites if confirmed.get((s, row.version), this.number) < this.number]
            if len(done) * 100 < SUCCESS_PERCENT * len(sites):
                at = f"{len(done)} of {len(sites)}"
                yield f"{row.version}: wave {this.detail['number']} opened with {at} confirmed"

    def _plan(self) -> RolloutPlan | None:
        data = self._published()
        return RolloutPlan.from_bytes(data) if data else None

    def _published(self) -> bytes | None:
        try:
            return catalogue.read_target(self.server.store, plan_path(PRODUCT))
        except NotFound:
            return None

    def _written(self) -> bytes | None:
        with self.server.database.reading() as session:
            row = session.get(PlanRow, PRODUCT)
            return row.document if row else None


def _now() -> datetime:
    return datetime.now(UTC)


def _openings(session: Session) -> list[Event]:
    return [e for e in events.after(session, 0, ALL_EVENTS) if e.kind is EventKind.WAVE]


def _confirmations(session: Session) -> dict[tuple[str, str], int]:
    """The number of the event by which the server first knew that a site runs a version.

    That is its report, once it is processed, or its check-in, which is often sooner.
    """
    known: dict[tuple[str, str], int] = {}
    for each in events.after(session, 0, ALL_EVENTS):
        if each.kind is EventKind.PHASE and each.detail["phase"] == Phase.CONFIRMED:
            known.setdefault((each.site_id, each.version), each.number)
        elif each.kind is EventKind.CHECK_IN and each.detail["runs"].get(PRODUCT):
            known.setdefault((each.site_id, each.detail["runs"][PRODUCT]), each.number)
    return known


def _open_in(rollout: Rollout | None) -> int:
    return sum(wave.opens_at is not None for wave in rollout.waves) if rollout else 0


def _document(session: Session, row: RolloutRow) -> Rollout:
    return rollout_document(session, row)


def _stands_below(site: Talker, version: str, bound: int) -> bool:
    drawn = language.draw(PRODUCT, version, site.site_id)
    return language.position(drawn, site.ring, BOUNDS) < bound


# --- processes

_WRITES = re.compile(r"(INSERT INTO|UPDATE) (waverow|planrow|eventrow|rolloutrow|rolloutchange)")
"""What rollouts are made of: to die between two of these is to leave half of something."""

_CONTEXT = multiprocessing.get_context("forkserver")
"""Each scheduler is forked from a process that has everything imported and nothing open."""


def schedule_until_death(settings: Settings, writes: int) -> None:
    """What ``hsp schedule`` does, until it is killed, or just before its so-manyth write."""
    parent = os.getppid()
    scheduler.SLOW_STEPS = ()  # deltas are made in processes of their own, and open no wave
    server, left = Server.open(settings), itertools.count(writes, -1)

    def before(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if _WRITES.match(statement) and next(left) == 1:
            signal.raise_signal(signal.SIGKILL)

    event.listen(server.database.engine, "before_cursor_execute", before)
    Scheduler(server).start()
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(0)


@contextmanager
def _den(folder: Path) -> Iterator[Den]:
    _CONTEXT.set_forkserver_preload(["tests.torture.scheduler_kills"])
    estate = Estate.create(folder, PRODUCT)
    often = {"scheduler_seconds": 0.03, "lease_seconds": 0.3}
    settings = estate.settings.model_copy(update=often)
    database = Database.open(settings)
    event.listen(database.engine, "connect", in_haste)
    database.engine.dispose()
    server = Server(settings, database, estate.store, estate.online)
    den = Den(server, estate, random.Random("scheduler kills"))
    try:
        for number in range(SITES):
            ring = Ring.PILOT if number < 2 else Ring.BROAD
            site = Talker(f"site-{number}", server, ring=ring)
            site.enrol()
            site.check_in()
            den.fleet.append(site)
        yield den
    finally:
        for process in den.schedulers:
            process.kill()
            process.join()
        database.close()
