"""Roots and roles that come near their end, or are past it."""

from collections.abc import Iterator
from functools import partial

from distribution.drills.records import Goal, goal_of
from distribution.drills.steps import Drill, Scene, Step, finished, proposed
from distribution.scheduling import aging
from distribution.scheduling.aging import Age
from signing import propose
from signing.draft import Draft
from signing.proposal import Proposal
from signing.roles import BY_THE_SERVER, row_of

NAME = "expiring"


def drill(scene: Scene) -> Drill:
    """Everything that has less than a quarter of its life left.

    Raises:
        SigningError, DistributionError: the repository cannot be read.
    """
    row = scene.record(NAME, "")
    ages = {age.role: age for age in aging.ages(scene.store)}
    old = {role: age.version for role, age in ages.items() if age.is_old(scene.now)}
    goal = goal_of(row) if row else Goal(newer=old)
    steps = [step for role in goal.newer for step in _steps(scene, role, goal)]
    begun = Drill(
        name=NAME,
        about="",
        title=_title(goal, ages),
        exposure=tuple(row.exposure.splitlines() if row else _comes_to(scene, ages)),
        goal=goal,
        steps=tuple(steps),
    )
    return finished(scene, begun, row) if goal.newer else begun


def _title(goal: Goal, ages: dict[str, Age]) -> str:
    if goal.newer:
        return f"Less than a quarter of its life was left: {', '.join(goal.newer)}"
    first = min(ages.values(), key=lambda age: age.expires - age.life / aging.ALARM_AT)
    return f"Nothing is near its end; next comes {first.role}, until {first.expires:%Y-%m-%d %H:%M}"


def _comes_to(scene: Scene, ages: dict[str, Age]) -> Iterator[str]:
    yield "nobody could have done anything with it: what has expired is believed by no site"
    for role, age in ages.items():
        if age.expires <= scene.now:
            yield f"{role} HAS EXPIRED: what depends on it is installed nowhere, what runs goes on"


def _steps(scene: Scene, role: str, goal: Goal) -> tuple[Step, ...]:
    done = scene.repository.version(role) > goal.newer[role]
    if row_of(role) in BY_THE_SERVER:
        how = "hsp serve signs it anew by itself, and has not: its log says why"
        return (Step(f"{role}: the server signs it anew", done, how=(how,)),)
    make = partial(_renewal, scene, role)
    return proposed(scene, f"{NAME}-{role}", make, f"{role} once more", done=done)


def _renewal(scene: Scene, role: str, draft: Draft) -> Proposal:
    return propose.renewal(scene.repository, role, draft)
