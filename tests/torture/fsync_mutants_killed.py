"""The proof that ``crash_states`` sees: an agent that forgets any one of its syncs is found out.

Each sync of the recorded update, and of the one that is reverted, is left out once; the disks that
only such an agent can leave behind are tried until one of them breaks a promise. A mutant that
breaks none counts as wrong: either that sync is of no use, or the harness is blind.
"""

import random
from collections.abc import Iterator

from tests.torture.bench import Bench, Story, bench
from tests.torture.power_loss import Harness, Recording, State, record, states, states_by_chance
from tests.torture.rows import Outcome, Scale
from tests.torture.shares import Share, Tally, in_shares, total

REORDERINGS = {Scale.TEST: 200, Scale.TORTURE: 1_000}
"""How many disks are tried by chance where the plain models find nothing."""


def run(scale: Scale) -> Outcome:
    """Forget one sync after another, in all processes."""
    return in_shares(_share, REORDERINGS[scale])


def _share(reorderings: int, share: Share) -> Outcome:
    return total(_story(story, reorderings, share) for story in Story)


def _story(story: Story, reorderings: int, share: Share) -> Outcome:
    tally = Tally()
    with bench(story) as ready:
        recording = record(ready)
        sound = {state.key(recording) for state in states(ready, recording)}
        for number, position in enumerate(recording.fsyncs):
            if share.takes(number):
                mutant = recording.without(position)
                killed = _is_killed(ready, mutant, sound, reorderings)
                survivor = f"nothing shows that {recording.calls[position]} was forgotten"
                before = [str(call) for call in recording.calls[max(position - 2, 0) : position]]
                tally.count(
                    f"{story.value}, call {position}, after {' and '.join(before)}",
                    [] if killed else [survivor],
                )
    return tally.outcome


def _is_killed(ready: Bench, mutant: Recording, sound: set[object], reorderings: int) -> bool:
    harness = Harness(ready, mutant)
    tried = _only_of(mutant, states(ready, mutant), sound)
    return any(harness.verdict(state) for state in tried) or any(
        harness.verdict(state) for state in _by_chance(ready, mutant, reorderings)
    )


def _only_of(mutant: Recording, found: Iterator[State], sound: set[object]) -> Iterator[State]:
    """The states that the agent as it is never leaves behind."""
    known = set(sound)
    for state in found:
        key = state.key(mutant)
        if key not in known:
            known.add(key)
            yield state


def _by_chance(ready: Bench, mutant: Recording, reorderings: int) -> Iterator[State]:
    chance, most = random.Random(reorderings), len(mutant.calls)
    numbers = sorted(chance.randint(0, most) for _ in range(reorderings))
    return states_by_chance(ready, mutant, "mutant", numbers)
