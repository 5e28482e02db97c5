"""Power is lost behind each call of an update; the agent that starts on such a disk ends well.

Every prefix of a recorded update, and of one that is reverted, is tried under three models of what
a disk forgets, and then thousands of reorderings by chance (in the short form, the second story
only from where it is another one). The same for an update whose first
agent was killed between two steps of the trust floor. Last, the floor itself is damaged as no power
loss can: then nothing is installed until a person has looked.
"""

import random

from tests.torture.bench import Story, alike, bench
from tests.torture.double_faults import double_faults
from tests.torture.lost_trust import lose_trust
from tests.torture.power_loss import Harness, states, states_by_chance
from tests.torture.recording import Recording, record
from tests.torture.rows import Outcome, Scale
from tests.torture.shares import Share, Tally, in_shares, total

REORDERINGS = {Scale.TEST: 60, Scale.TORTURE: 5_000}


def run(scale: Scale) -> Outcome:
    """Lose power and count, in all processes."""
    return in_shares(_share, scale)


def _share(scale: Scale, share: Share) -> Outcome:
    known: list[str] = []
    return total(_story(story, scale, share, known) for story in Story)


def _story(story: Story, scale: Scale, share: Share, known: list[str]) -> Outcome:
    tally, seed = Tally(), f"{story.value} {share.number}"
    reorderings = REORDERINGS[scale] // len(Story)
    with bench(story) as ready:
        recording = record(ready)
        harness, most = Harness(ready, recording), len(recording.calls)
        begin = _begin(recording, known) if scale is Scale.TEST else 0
        for state in states(ready, recording):
            if state.number >= begin and share.takes_part(state.number - begin, most + 1 - begin):
                tally.count(f"{story.value}: {state}", harness.verdict(state))
        chance = random.Random(f"numbers {seed}")
        mine = sum(share.takes(index) for index in range(reorderings))
        numbers = sorted(chance.randint(0, most) for _ in range(mine))
        for state in states_by_chance(ready, recording, seed, numbers):
            tally.count(f"{story.value}: {state}", harness.verdict(state))
        if story is Story.UPDATE:
            double_faults(ready, recording, tally, share)
        if story is Story.UPDATE and share.number == 0:
            lose_trust(ready, tally)
    return tally.outcome


def _begin(recording: Recording, known: list[str]) -> int:
    """The call behind which this story is another one than that before."""
    calls = [call.name for call in recording.calls]
    begin = alike(calls, known)
    known[:] = calls
    return begin
