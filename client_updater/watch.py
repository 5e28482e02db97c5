"""``hsp-updater run``: a small process that watches, and a large one while there is work.

``light_poll`` sees at each poll whether everything is as the last full poll has left it. Whatever
is not, and any doubt, ends the watch: a child, which is ``loop``, polls the whole way until the
site is quiet again, and gives its memory back by ending. So nothing is decided here.

The child holds the agent's lock as well, and stops when this process is gone: whoever is killed,
there is never a second one at work.
"""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from random import Random, SystemRandom

from client_updater import processes
from client_updater.errors import Stopping
from client_updater.light_poll import LightPoll
from client_updater.pace import Outlook, next_delay
from client_updater.quiet import Changed, Quiet, read_quiet
from client_updater.replacement import current_agent, started_from
from client_updater.state import StateFolder
from client_updater.stop import Stop
from manifests.errors import UpdateError

TICK_SECONDS = 5.0
"""So often the programs are looked at between polls."""
ANEW = -1
"""The child left no note that this process can read: another agent may lie there by now, so this
one starts itself anew."""
_ANEW_SECONDS = 5.0
_CHILD = """\
import sys
sys.path[:] = {path!r}
sys.argv[0] = "hsp-updater"
from client_updater.cli import main
main()
"""

log = logging.getLogger("hsp-updater")


def system_clock() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass
class Watch:
    """One agent that runs until it is stopped."""

    state: StateFolder
    stop: Stop
    clock: Callable[[], datetime] = system_clock
    random: Random = field(default_factory=SystemRandom)

    def run(self) -> int:
        """Watch and work until stopped or replaced; the status to end with, or ``ANEW``.

        Raises:
            AlreadyRunning: another agent runs in this folder.
            StateUnusable: the folder is not fit to be trusted.
        """
        self.state.check()
        with self.state.as_the_agent() as lock:
            quiet, delay = read_quiet(self.state), 0.0
            while not self.stop():
                if quiet is not None:
                    self._watch(quiet, delay)
                status = 0 if self.stop() else self._work(lock)
                if self.stop():
                    break
                if status != 0 or self._is_replaced():
                    return status
                quiet = read_quiet(self.state)
                if quiet is None:
                    return 0 if self.stop.wait(_ANEW_SECONDS) else ANEW
                delay = self._delay(quiet, 0)
                log.info("nothing is to be done; next poll in %.0f s", delay)
        return 0

    def _watch(self, quiet: Quiet, delay: float) -> None:
        """Look at a quiet site again and again, for the first time after ``delay`` seconds; until
        it is not quiet any more, or the order to stop is given."""
        try:
            look = LightPoll(self.state, quiet, self.clock, self.stop)
        except UpdateError as error:
            log.info("%s", error)
            return
        while self._rest(look, delay):
            began = time.monotonic()
            change = self._seen(look.look)
            if change is not None:
                wait = Outlook(quiet.poll_seconds, retry_after=change.retry_after)
                if change.retry_after:
                    self._rest(look, next_delay(wait, self.random))
                return
            delay = self._delay(look.quiet, time.monotonic() - began)
            log.info("nothing has changed; next poll in %.0f s", delay)

    def _seen(self, look: Callable[[], None]) -> Changed | None:
        """What a look has found; None for nothing."""
        try:
            look()
        except Stopping:
            return Changed("the order to stop")
        except Changed as change:
            log.info("%s", change)
            return change
        except UpdateError as error:
            log.info("%s", error)
            return Changed(error.message, getattr(error, "retry_after", 0))
        except Exception:
            log.exception("a mistake in hsp-updater; a full poll follows")
            return Changed("a mistake")
        return None

    def _rest(self, look: LightPoll, seconds: float) -> bool:
        """Sleep with an eye on the programs; False when one is down, or at the order to stop."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            processes.reap_orphans()
            if self.stop.wait(min(left, TICK_SECONDS) if look.quiet.services else left):
                return False
            if left > TICK_SECONDS and self._seen(look.glance) is not None:
                return False
        return not self.stop()

    def _delay(self, quiet: Quiet, took: float) -> float:
        """Seconds until the next look: no later than time itself changes something."""
        delay = next_delay(Outlook(quiet.poll_seconds, took=took), self.random)
        left = (quiet.end - self.clock()).total_seconds()
        return max(min(delay, left), 0)

    def _is_replaced(self) -> bool:
        ours = started_from()
        if ours is None or current_agent(self.state / "slots") == ours:
            return False
        log.info("another version of hsp-updater takes over")
        return True

    def _work(self, lock: int) -> int:
        """Have a child poll the whole way until the site is quiet; its status.

        It is told of an order to stop by a signal, and of our end by the pipe that it reads from.
        """
        words = ["--state", str(self.state.path), "work", "--lock", str(lock)]
        with (
            subprocess.Popen(
                [sys.executable, "-I", "-c", _CHILD.format(path=sys.path), *words],
                stdin=subprocess.PIPE,
                pass_fds=(lock,),
            ) as child,
            self.stop.heard_by(partial(child.send_signal, signal.SIGTERM)),
        ):
            status = child.wait()
        return status if status >= 0 else 128 - status
