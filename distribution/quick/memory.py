"""What one server process remembers, so that most check-ins ask the database nothing.

One thread reads and writes (``Memory.work``, every second and when it is called); the thread that
answers only looks. What it looks at is a snapshot that ``change_watch`` has just found current, or
nothing: then the request goes the full way, which is always right.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from distribution.database.sessions import Database
from distribution.errors import DistributionError
from distribution.quick import change_stamps, change_watch, snapshots
from distribution.quick.signs_of_life import Sign, SignsOfLife
from distribution.quick.site_memory import Known, Sites
from distribution.quick.snapshots import Snapshot
from distribution.settings import Settings
from distribution.sites import check_ins, told
from distribution.sites.told import Newest
from manifests.errors import UpdateError

log = logging.getLogger(__name__)

LOOKED_AFTER_SECONDS = 1.0
WRITTEN_AFTER_SECONDS = 5.0
"""A sign of life is in the database so much later, or sooner where the scheduler looks more often.
Sites that come again before that are written once."""
HEARD_IN_FULL = timedelta(hours=1)
"""Each site is, at least so often: what a copy in memory got wrong does not last."""
TIDIED_AFTER_SECONDS = 60.0


class Answers:
    """Answers of one snapshot, as bytes: most sites of a client are told the same."""

    def __init__(self, snapshot: Snapshot, settings: Settings) -> None:
        self._snapshot, self._settings = snapshot, settings
        self._known: dict[tuple[object, ...], bytes] = {}

    def of(self, known: Known, newest: Newest) -> bytes:
        """The answer to a site that is asked for no step."""
        alone = known.site_id if self._snapshot.is_told_alone(known.site_id) else ""
        versions = newest.root_version, newest.timestamp_version
        key = (known.client_id, alone, known.hold, *versions)
        found = self._known.get(key)
        if found is None:
            said = self._snapshot.told(known.site_id, known.client_id, known.hold)
            found = told.answer(said, self._settings, newest).to_bytes()
            self._known[key] = found
        return found


class Memory:
    """All that is remembered, and the thread that keeps it so."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Callable[[], datetime],
        newest: Callable[[datetime], Newest],
    ) -> None:
        self._database, self._settings = database, settings
        self._clock, self._newest = clock, newest
        self.sites = Sites({}, {})
        self.signs = SignsOfLife()
        self._state: tuple[Snapshot, Answers] | None = None
        self._missed: deque[str] = deque()
        self._next_name: str | None = ""
        self._asked_at = self._written_at = self._tidied_at = time.monotonic()
        self._written_after = min(WRITTEN_AFTER_SECONDS, settings.scheduler_seconds / 2)
        self._wake, self._ending = threading.Event(), threading.Event()
        self._watch: change_watch.Watch | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to remember."""
        self._ending.clear()
        self._watch = change_watch.of(self._database)
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, with everything written down as far as the database is there."""
        self._ending.set()
        self._wake.set()
        if self._thread is not None and self._watch is not None:
            self._thread.join()
            self._watch.close()
            self._state = self._watch = self._thread = None

    # --- for the thread that answers

    def current(self, now: datetime) -> tuple[Snapshot, Answers] | None:
        """What surely is as the database has it; else None, and somebody looks."""
        state, watch = self._state, self._watch
        if (
            state is not None
            and watch is not None
            and now < state[0].until
            and watch.is_current(state[0].number)
        ):
            return state
        self._wake.set()
        return None

    def missed(self, site_id: str) -> None:
        """A site was heard of in full: what it may repeat is to be read."""
        self._missed.append(site_id)

    # --- the other thread

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.work()
            except UpdateError as error:
                log.warning("%s", error)
                self._ending.wait(WRITTEN_AFTER_SECONDS)
            except Exception:
                log.exception("a fault of ours: check-ins go the full way until it is over")
                self._ending.wait(WRITTEN_AFTER_SECONDS)
            pause = (
                0.0
                if self._next_name is not None
                else min(LOOKED_AFTER_SECONDS, self._written_after)
            )
            self._wake.wait(pause)
            self._wake.clear()
        with suppress(UpdateError):
            self._write_down()

    def work(self) -> None:
        """Everything once.

        Raises:
            Unavailable: the database does not answer.
        """
        now = self._clock()
        self._look(now)
        self._read_next_sites(now)
        moment = time.monotonic()
        if moment - self._asked_at >= LOOKED_AFTER_SECONDS:
            self._asked_at = moment
            self._newest(now)  # so that nobody who answers waits for the store
            self._read_missed(now)
        if moment - self._written_at >= self._written_after:
            self._written_at = moment
            self._write_down()
        if moment - self._tidied_at >= TIDIED_AFTER_SECONDS:
            self._tidied_at = moment
            self.sites.forget_expired(now)

    def _look(self, now: datetime) -> None:
        """Read what has changed."""
        assert self._watch is not None  # noqa: S101 - this is its thread
        before = self._state[0] if self._state is not None else None
        self._watch.about_to_read()
        with self._database.reading() as session:
            number = change_stamps.read(session)
            if before is None or number != before.number or now >= before.until:
                snapshot = snapshots.read(session, now)
                if before is not None:
                    self.sites.read_changed(session, before.number, now)
                self._state = snapshot, Answers(snapshot, self._settings)
        self._watch.was_read()

    def _read_next_sites(self, now: datetime) -> None:
        """After the start: all of them, some at a time."""
        if self._next_name is not None:
            with self._database.reading() as session:
                self._next_name = self.sites.read_after(session, self._next_name, now) or None

    def _read_missed(self, now: datetime) -> None:
        missed = {self._missed.popleft() for _ in range(len(self._missed))}
        if missed:
            with self._database.reading() as session:
                self.sites.read(session, missed, now)

    def _write_down(self) -> None:
        for sign in self.signs.flush(self._database):
            if sign.sealed:
                self._hear(sign)

    def _hear(self, sign: Sign) -> None:
        """Another server has heard something else in between, so this is news again."""
        try:
            newest = self._newest(sign.at)
            check_ins.accept(self._database, sign.sealed, self._settings, newest, sign.at)
        except DistributionError as error:
            log.info("%s: %s", sign.known.site_id, error)
        self.missed(sign.known.site_id)
