"""Poll after poll, the whole way each, until somebody says stop or there is nothing to do any more.

``hsp-updater run`` has this in a process of its own, which ends when the site is quiet and gives
back what it took; ``watch`` then sees whether it still is, and starts another one. A start is half
a second of a processor, so where a site polls often, one process stays for a while
(``linger_seconds``): the next news is likely to come soon after the last.

This is the one place of the agent that catches every exception: a mistake of ours in one poll must
not end the agent at a machine that nobody visits. It is logged with its traceback and the next
poll comes after a pause.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from random import Random, SystemRandom
from typing import TypeVar

from client_updater.aftermath import is_as_opened
from client_updater.agent import Agent
from client_updater.errors import AgentError, AlreadyRunning, Stopping
from client_updater.pace import Outlook, next_delay
from client_updater.poll import poll
from client_updater.quiet import read_quiet
from client_updater.settings import last_policy
from client_updater.status import LastPoll
from client_updater.stop import Stop
from manifests.errors import UpdateError

TICK_SECONDS = 5.0
_LONGEST_RESTART_PAUSE = 300.0

T = TypeVar("T")

log = logging.getLogger("hsp-updater")


@dataclass
class Loop:
    """One agent that runs until it is stopped."""

    agent: Agent
    stop: Stop
    random: Random = field(default_factory=SystemRandom)
    _restarts: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Per product, the pause after its last restart and the moment when that ends."""
    _heard: tuple[object, ...] = ()
    _news_at: float = field(default_factory=time.monotonic)
    """The last poll that there was something to do for; the first one is one."""

    def run(self) -> None:
        """Poll until stopped, replaced, or quiet. Somebody holds the agent's lock meanwhile.

        It ends as well where it was opened with what is not so any more: another begins anew.

        Raises:
            StateUnusable: the folder is no longer fit to be trusted.
        """
        while not self.stop():
            delay = self._poll()
            if self.agent.ourselves.is_replaced or not is_as_opened(self.agent):
                return
            if delay >= self._stays_for():
                return  # whoever watches waits in less than half of the memory
            log.info("next poll in %.0f s", delay)
            self._wait(delay)

    def _stays_for(self) -> float:
        """Seconds until this process may end: it may not before a poll has left its note, and no
        program was restarted for a while."""
        now, quiet = time.monotonic(), read_quiet(self.agent.state)
        ends = (until + _LONGEST_RESTART_PAUSE for _, until in self._restarts.values())
        if quiet is None or any(now <= end for end in ends):
            self._news_at = now
            return inf
        if quiet.heard != self._heard:
            self._heard, self._news_at = quiet.heard, now
        return self._news_at + self.agent.settings.linger_seconds - now

    def _poll(self) -> float:
        began = time.monotonic()
        try:
            last = self._safely(lambda: poll(self.agent))
        except Stopping:
            return 0
        except (AlreadyRunning, AgentError) as error:
            log.warning("%s", error)
            last = None
        took = time.monotonic() - began
        return next_delay(self.outlook(last or LastPoll(failures=1), took), self.random)

    def _safely(self, action: Callable[[], T]) -> T | None:
        try:
            return action()
        except (Stopping, UpdateError):
            raise
        except Exception:
            log.exception("a mistake in hsp-updater; the programs go on, and so does the next poll")
            return None

    def outlook(self, last: LastPoll, took: float) -> Outlook:
        """What the next delay depends on; ``took``: how long this poll was, in seconds."""
        now = self.agent.clock()
        wished = last.answer.poll_seconds if last.answer else self.agent.enrolment.poll_seconds
        openings = [
            (status.until - now).total_seconds() for status in last.products if status.until
        ]
        return Outlook(
            poll_seconds=wished,
            failures=last.failures,
            retry_after=last.retry_after,
            took=took,
            opens_in=min((left for left in openings if left > 0), default=None),
        )

    def _wait(self, seconds: float) -> None:
        """Sleep until the next poll, with an eye on the programs."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self.stop.wait(
            min(left, TICK_SECONDS)
        ):
            if left > TICK_SECONDS:
                self._safely(self._look_at_programs)

    def _look_at_programs(self) -> None:
        agent = self.agent
        try:
            with agent.state.at_work(wait_seconds=0):
                for product in agent.enrolment.profile.products:
                    self._look_at_program(product)
        except AlreadyRunning:
            return  # a command is at work on them; the next look is soon

    def _look_at_program(self, product: str) -> None:
        pause, until = self._restarts.get(product, (TICK_SECONDS, 0.0))
        attempt = self.agent.journal.read(product)
        in_change = attempt is not None and not attempt.step.is_preparation
        if time.monotonic() < until or in_change:
            return
        if time.monotonic() > until + _LONGEST_RESTART_PAUSE:
            pause = TICK_SECONDS
        installer = self.agent.installer(last_policy(self.agent.state))
        try:
            if self.agent.keep_running(product, installer):
                pause = min(pause * 2, _LONGEST_RESTART_PAUSE)
                self._restarts[product] = (pause, time.monotonic() + pause)
        except AgentError as error:
            log.warning("%s", error)
            self._restarts[product] = (pause, time.monotonic() + pause)
