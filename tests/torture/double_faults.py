"""An agent is killed before it syncs the trust floor, the next one goes on, then power is lost.

What a killed agent renamed is there for the next one to read, and to act on; only the power loss
shows whether anybody has made it durable.
"""

from typing import Any

from tests.simulators.power import PLAIN, Loss, Recorder
from tests.torture.bench import Bench
from tests.torture.power_loss import Harness, states
from tests.torture.recording import Died, Recording, record
from tests.torture.shares import Share, Tally

FLOOR = "trust"
LOSSES = (*PLAIN, Loss.FORGOTTEN)


def double_faults(ready: Bench, recording: Recording, tally: Tally, share: Share) -> None:
    """Try each sync of the floor in turn, with every power loss behind it."""
    syncs = [n for n in recording.fsyncs if recording.calls[n].path == FLOOR]
    for number in range(len(syncs)):
        if share.takes(number):
            _killed_before(ready, number, tally)


def _killed_before(ready: Bench, number: int, tally: Tally) -> None:
    twice = record(ready, _dies_before(number))
    (killed,) = [n for n, call in enumerate(twice.calls) if call.name == "forget"]
    harness = Harness(ready, twice)
    for state in states(ready, twice, LOSSES):
        if state.number > killed:
            words = f"{ready.story.value}: killed before call {killed}, {state}"
            tally.count(words, harness.verdict(state))


def _dies_before(number: int) -> type[Recorder]:
    """The recorder of an agent that is killed before this sync of the floor's folder, from 0."""

    class Doomed(Recorder):
        """Lets nothing happen any more after its agent's time."""

        left, dead = number, False

        def _begin(self) -> int:
            if self.dead:
                raise Died
            return super()._begin()

        def fsync(self, fd: Any) -> None:
            super().fsync(fd)
            last = self.calls[-1]
            if (last.name, last.path) == ("fsync", FLOOR):
                if self.left == 0:
                    self.calls[-1], self.dead = last.forgotten, True
                    raise Died
                self.left -= 1

    return Doomed
