"""The proof that ``crash_states`` sees: an agent that forgets any one of its syncs is found out.

Each sync of the recorded update, and of the one that is reverted, is left out once; the disks that
only such an agent can leave behind are tried until one of them breaks a promise. A mutant that
breaks none counts as wrong: either that sync is of no use, or the harness is blind.

Both stories are the same agent, and up to the checks of its health the same update: a sync in that
part is one mutant, whichever story shows it.
"""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.simulators.power import PLAIN, Loss
from tests.torture.bench import Bench, Story, bench
from tests.torture.power_loss import Harness, State, states, states_by_chance
from tests.torture.recording import Recording, record
from tests.torture.rows import Outcome, Scale
from tests.torture.shares import Share, Tally, in_shares

REORDERINGS = {Scale.TEST: 60, Scale.TORTURE: 1_000}
"""How many disks are tried by chance where the plain models find nothing."""

Name = tuple[str, str, int]
"""A sync: what it syncs, the call before it, and the how-manieth of such it is."""


def run(scale: Scale) -> Outcome:
    """Forget one sync after another, in all processes."""
    return in_shares(_share, REORDERINGS[scale])


@dataclass
class Subject:
    """One story's recording, and the disks that an agent leaves which forgets nothing."""

    ready: Bench
    recording: Recording = field(init=False)
    sound: set[object] = field(init=False)
    positions: dict[Name, int] = field(init=False)

    def __post_init__(self) -> None:
        self.recording = record(self.ready)
        self.sound = {state.key(self.recording) for state in states(self.ready, self.recording)}
        self.positions = dict(_named(self.recording))

    def kills(self, name: Name, reorderings: int) -> bool:
        """Whether this story shows that the sync was forgotten."""
        if name not in self.positions:
            return False
        mutant = self.recording.without(self.positions[name])
        harness = Harness(self.ready, mutant)
        return any(harness.verdict(state) for state in self._only_of(mutant, reorderings))

    def _only_of(self, mutant: Recording, reorderings: int) -> Iterator[State]:
        """States that the agent as it is never leaves, the likeliest to break first."""
        known = set(self.sound)
        for some in (
            _shuffled(states(self.ready, mutant, [Loss.FORGOTTEN])),
            _shuffled(states(self.ready, mutant, PLAIN)),
            _by_chance(self.ready, mutant, reorderings),
        ):
            for state in some:
                key = state.key(mutant)
                if key not in known:
                    known.add(key)
                    yield state


def _named(recording: Recording) -> Iterator[tuple[Name, int]]:
    seen = Counter[tuple[str, str]]()
    for position in recording.fsyncs:
        what = str(recording.calls[position]), str(recording.calls[position - 1])
        seen[what] += 1
        yield (*what, seen[what]), position


def _shuffled(found: Iterator[State]) -> Iterator[State]:
    some = list(found)
    random.Random(len(some)).shuffle(some)
    yield from some


def _by_chance(ready: Bench, mutant: Recording, reorderings: int) -> Iterator[State]:
    chance, most = random.Random(reorderings), len(mutant.calls)
    numbers = sorted(chance.randint(0, most) for _ in range(reorderings))
    yield from states_by_chance(ready, mutant, "mutant", numbers)


def _share(reorderings: int, share: Share) -> Outcome:
    tally = Tally()
    with ExitStack() as stack:
        subjects = [Subject(stack.enter_context(bench(story))) for story in Story]
        names = list(dict.fromkeys(name for each in subjects for name in each.positions))
        for number, name in enumerate(names):
            if share.takes(number):
                killed = any(subject.kills(name, reorderings) for subject in subjects)
                tally.count("{}, after {} ({})".format(*name), [] if killed else ["survives"])
    return tally.outcome
