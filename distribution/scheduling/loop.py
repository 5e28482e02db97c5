"""The scheduler's loop: its steps again and again, in whichever process holds the lease.

Any number of processes may run it. One leads and the others wait; see ``lease`` for how one takes
over from another, and for why the earlier one can do no harm. Whatever a step wants to know is in
the database, so that a new leader goes on where the old one died.
"""

import logging
import threading
import time
from dataclasses import replace
from datetime import timedelta

from distribution.errors import LostLease
from distribution.scheduling import lease, scheduler
from distribution.scheduling.lease import Held
from distribution.scheduling.scheduler import Step
from distribution.server import Server
from distribution.telemetry import counters, traces
from manifests.errors import UpdateError

log = logging.getLogger(__name__)


class Scheduler:
    """The loop, in a thread of its own, and another one for the slow steps."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._holder = lease.new_holder()
        self._held: Held | None = None
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("scheduler", self._lead), ("slow steps", self._follow))
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = 30) -> None:
        """Let the steps in progress come to their end; nothing is lost if they do not."""
        self._ending.set()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))

    def _lead(self) -> None:
        while not self._ending.is_set():
            self._held = self._taken()
            if self._held is not None:
                self._turn(scheduler.STEPS, self._fenced(self._held, self._life))
            self._ending.wait(self._server.settings.scheduler_seconds)
        self._give_back()

    def _follow(self) -> None:
        """The slow steps, while this process leads. They do not prolong the lease by themselves."""
        while not self._ending.is_set():
            if (held := self._held) is not None:
                self._turn(scheduler.SLOW_STEPS, self._fenced(held, timedelta(0)))
            self._ending.wait(self._server.settings.scheduler_seconds)

    @property
    def _life(self) -> timedelta:
        settings = self._server.settings
        seconds = max(settings.lease_seconds, lease.PERIODS * settings.scheduler_seconds)
        return timedelta(seconds=seconds)

    def _taken(self) -> Held | None:
        server = self._server
        try:
            held = lease.take(server.database, self._holder, self._life, server.clock())
        except UpdateError as error:
            log.warning("the scheduler could not see who leads; it tries again: %s", error)
            return None
        if held is not None and held != self._held:
            log.info("%s leads the scheduling from now on (turn %d)", held.holder, held.fence)
        return held

    def _give_back(self) -> None:
        if self._held is None:
            return
        try:
            lease.give_back(self._server.database, self._held, self._server.clock())
        except UpdateError as error:
            log.warning("the lease was not given back and runs out by itself: %s", error)

    def _fenced(self, held: Held, life: timedelta) -> Server:
        check = lease.fence(held, life, self._server.clock)
        return replace(self._server, database=self._server.database.guarded(check))

    def _turn(self, steps: tuple[Step, ...], server: Server) -> None:
        for step in steps:
            if self._ending.is_set():
                return
            try:
                with traces.span(step.__name__), counters.step(step.__name__):
                    step(server, server.clock())
            except LostLease as error:
                log.warning("the scheduler stops leading: %s", error)
                self._held = None
                return
            except UpdateError as error:
                log.warning("the scheduler could not %s; it tries again: %s", step.__name__, error)
            except Exception:
                log.exception("the scheduler could not %s; it tries again", step.__name__)
