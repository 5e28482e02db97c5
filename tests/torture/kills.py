"""The agent is killed before each of its steps; the next one ends in the same place.

Each step of a whole update, and of one that is reverted, is the last one once; after that come
random cases, in which the agents that follow are killed as well.
"""

import random
from dataclasses import dataclass

from client_updater.journal import Journal
from manifests.install_report import Phase
from tests.simulators.mortal import Ending, Steps, in_child, killer
from tests.torture.bench import NEW, OLD, Bench, Story, bench
from tests.torture.judge import Expected, judge, whole
from tests.torture.rows import Outcome, Scale
from tests.torture.shares import Share, Tally, in_shares, total

INJECTIONS = {Scale.TEST: 400, Scale.TORTURE: 10_000}
MOST_KILLS = 3


def run(scale: Scale) -> Outcome:
    """Kill and count, in all processes."""
    return in_shares(_share, INJECTIONS[scale])


@dataclass(frozen=True)
class Case:
    """One try: the step at which each agent in a row dies."""

    story: Story
    deaths: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.story.value}, killed before step {', '.join(map(str, self.deaths))}"


def _share(injections: int, share: Share) -> Outcome:
    return total(_story(story, injections // len(Story), share) for story in Story)


def _story(story: Story, injections: int, share: Share) -> Outcome:
    tally, chance = Tally(), random.Random(f"kills {story.value} {share.number}")
    with bench(story) as ready:
        steps = count_steps(ready)
        once = [Case(story, (step,)) for step in range(1, steps + 1) if share.takes(step)]
        mine = sum(share.takes(index) for index in range(injections))
        while tally.tried < mine:
            case = once.pop() if once else _by_chance(story, steps, chance)
            kills, broken = _try(ready, case)
            if kills:
                tally.count(str(case), broken)
    return tally.outcome


def count_steps(ready: Bench) -> int:
    """How many steps the agent makes when nobody stops it."""

    def counted() -> int:
        words: list[str] = []
        Steps(words.append).install(programs=True)
        ready.site.poll()
        return len(words)

    ready.restore()
    ending = in_child(counted)
    assert ending.how == "done", ending.answer
    return int(ending.answer)


def _by_chance(story: Story, steps: int, chance: random.Random) -> Case:
    kills = chance.randint(1, MOST_KILLS)
    return Case(story, tuple(chance.randint(1, steps) for _ in range(kills)))


def _try(ready: Bench, case: Case) -> tuple[int, list[str]]:
    """How many agents were killed, and which promises are broken."""
    ready.restore()
    kills, attempts, broken = 0, set[str](), list[str]()
    for step in case.deaths:
        ending = _die(ready, step)
        if ending.how != "killed":
            broken += [] if ending.how == "done" else [f"{ending.how}: {ending.answer}"]
            break
        kills += 1
        attempts |= noted_attempts(ready)
        broken += _damage(ready)
    broken += judge(ready, ready.settle(), _expected(case.story, kills, attempts))
    return kills, broken


def _die(ready: Bench, step: int) -> Ending:
    def poll() -> None:
        Steps(killer(step)).install(programs=True)
        ready.site.poll()

    return in_child(poll)


def noted_attempts(ready: Bench) -> set[str]:
    """The attempts in the journal, as the disk is now."""
    journal = Journal(ready.site.folder / "journal")
    return {attempt.attempt_id for attempt in journal.unfinished()}


def _damage(ready: Bench) -> list[str]:
    """What is wrong at the very moment of the death."""
    try:
        whole(ready)
    except Exception as error:
        return [f"right after the kill: {error}"]
    return []


def _expected(story: Story, kills: int, attempts: set[str]) -> Expected:
    """A single death changes nothing; after several, 2.0 may have been started too often."""
    if story is Story.REVERT:
        return Expected([OLD], attempts, [Phase.REVERTED])
    if kills < MOST_KILLS:
        return Expected([NEW], attempts, [Phase.CONFIRMED])
    return Expected([NEW, OLD], attempts, [Phase.CONFIRMED, Phase.REVERTED])
