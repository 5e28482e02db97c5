"""Power is lost behind each call of an update; the agent that starts on such a disk ends well.

Every prefix of a recorded update, and of one that is reverted, is tried under three models of what
a disk forgets, and then thousands of reorderings by chance. The same for an update whose first
agent was killed between two steps of the trust floor. Last, the floor itself is damaged as no power
loss can: then nothing is installed until a person has looked.
"""

import random

from tests.torture.bench import Story, bench
from tests.torture.double_faults import double_faults
from tests.torture.lost_trust import lose_trust
from tests.torture.power_loss import Harness, states, states_by_chance
from tests.torture.recording import record
from tests.torture.rows import Outcome, Scale
from tests.torture.shares import Share, Tally, in_shares, total

REORDERINGS = {Scale.TEST: 100, Scale.TORTURE: 5_000}


def run(scale: Scale) -> Outcome:
    """Lose power and count, in all processes."""
    return in_shares(_share, REORDERINGS[scale])


def _share(reorderings: int, share: Share) -> Outcome:
    return total(_story(story, reorderings // len(Story), share) for story in Story)


def _story(story: Story, reorderings: int, share: Share) -> Outcome:
    tally, seed = Tally(), f"{story.value} {share.number}"
    with bench(story) as ready:
        recording = record(ready)
        harness, most = Harness(ready, recording), len(recording.calls)
        for state in states(ready, recording):
            if share.takes_part(state.number, most + 1):
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
