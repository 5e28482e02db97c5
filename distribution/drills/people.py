"""People's keys: one that was stolen or lost, all of them in turn, all of the officers'."""

from collections.abc import Sequence
from dataclasses import dataclass

from tuf.api.metadata import Key

from distribution.drills.records import Goal, goal_of
from distribution.drills.server_keys import PLANNED
from distribution.drills.steps import Drill, Scene, Step, finished, proposed
from distribution.emergency.break_glass import published as published_break_glass
from signing import assignments, exposure, propose
from signing.draft import Draft
from signing.errors import UnknownRole
from signing.proposal import Proposal
from signing.propose import Assignment
from signing.roles import BREAKGLASS, HOTFIXES, PRODUCT, ROOT, TARGETS, person_of, row_of
from signing.wording import fingerprint

COMPROMISED = "compromised-root"


@dataclass(frozen=True)
class Theft:
    """One kind of key that a person may lose.

    Attributes:
        whose: who has such a key, in words.
        rows: the rows of the role table that it signs.
    """

    name: str
    whose: str
    rows: frozenset[str]


THEFTS = (
    Theft("stolen-release-key", "who signs releases", frozenset({PRODUCT})),
    Theft("stolen-l3-laptop", "an L3 engineer on call", frozenset({HOTFIXES, BREAKGLASS})),
    Theft("lost-root-key", "an officer", frozenset({ROOT, TARGETS})),
)


def stolen(scene: Scene, theft: Theft, person: str, instead: Sequence[Key]) -> Drill:
    """One person's key of that kind is stolen or lost.

    Args:
        instead: who takes their place: another key of theirs, or of somebody else.

    Raises:
        UnknownRole: the person holds no such role.
    """
    row = scene.record(theft.name, person)
    goal = goal_of(row) if row else Goal(_keys_of(scene, theft, person, instead))
    told = tuple(row.exposure.splitlines()) if row else _exposure(scene, theft, person)
    changed = assignments.struck_off(scene.repository, goal.without, instead)
    key = ", ".join(keyid[:16] for keyid in goal.without)
    begun = Drill(
        name=theft.name,
        about=person,
        title=f"The key {key} of {person}, {theft.whose}, is stolen or lost",
        exposure=told,
        goal=goal,
        steps=_one_change(scene, f"{theft.name}-{person}", _off(person, instead), changed, goal),
    )
    return finished(scene, begun, row)


def _keys_of(scene: Scene, theft: Theft, person: str, instead: Sequence[Key]) -> tuple[str, ...]:
    new = {key.keyid for key in instead}
    held = [each for each in assignments.holders(scene.repository) if _is_theirs(each, person)]
    rows = {row_of(each.role) for each in held}
    if rows.isdisjoint(theft.rows):
        others = [other.name for other in THEFTS if not rows.isdisjoint(other.rows)]
        raise UnknownRole(
            f"{person} is not {theft.whose}",
            hint=f"hsp drill {others[0]} {person}" if others else "hsp people lists who holds what",
        )
    found = {
        key.keyid
        for each in held
        for key in each.keys
        if row_of(each.role) in theft.rows and person_of(key) == person
    }
    return tuple(sorted(found - new))


def _off(person: str, instead: Sequence[Key]) -> str:
    others = f", and put in {', '.join(map(fingerprint, instead))}" if instead else ""
    return f"to strike {person}'s key off{others}"


def _is_theirs(held: Assignment, person: str) -> bool:
    return person in map(person_of, held.keys)


def _exposure(scene: Scene, theft: Theft, person: str) -> tuple[str, ...]:
    told = list(exposure.of_person(scene.repository, person))
    if BREAKGLASS in theft.rows:
        paths = sorted(published_break_glass(scene.store))
        told += [f"look at {path}: is it theirs?" for path in paths]
    return tuple(told)


def rotated(scene: Scene, new: Sequence[Key]) -> Drill:
    """These people get other keys, on a quiet day, wherever they hold a role.

    Raises:
        UnknownRole: one of them holds no role.
    """
    about = ", ".join(sorted(map(person_of, new)))
    row = scene.record(PLANNED, about)
    changed = assignments.replaced(scene.repository, new)
    goal = goal_of(row) if row else Goal(_leaving(scene, changed))
    begun = Drill(
        name=PLANNED,
        about=about,
        title=f"New keys for {about}: nothing was stolen",
        exposure=("nobody has a key that is not theirs",),
        goal=goal,
        steps=_one_change(scene, f"{PLANNED}-people", f"the new keys of {about}", changed, goal),
    )
    return finished(scene, begun, row)


def all_officers(scene: Scene, officers: Sequence[Key]) -> Drill:
    """As many officers' keys as the threshold are stolen, and the officers are the first to act.

    Raises:
        UnknownRole: there is no root.
    """
    row = scene.record(COMPROMISED, "")
    changed = assignments.handed_over(scene.repository, officers)
    goal = goal_of(row) if row else Goal(_leaving(scene, changed))
    begun = Drill(
        name=COMPROMISED,
        about="",
        title=f"As many officers' keys as sign a root are stolen; the new officers: "
        f"{', '.join(map(fingerprint, officers))}",
        exposure=tuple(exposure.of_officers(scene.repository)),
        goal=goal,
        steps=_one_change(scene, COMPROMISED, "the new officers, all at once", changed, goal),
    )
    return finished(scene, begun, row)


def _leaving(scene: Scene, changed: Sequence[Assignment]) -> tuple[str, ...]:
    """The keys that these roles list now and will not list any more."""
    names = {each.role for each in changed}
    held = [each for each in assignments.holders(scene.repository) if each.role in names]
    before = set[str]().union(*map(assignments.keyids_of, held))
    return tuple(sorted(before.difference(*map(assignments.keyids_of, changed))))


def _one_change(
    scene: Scene, name: str, what: str, changed: Sequence[Assignment], goal: Goal
) -> tuple[Step, ...]:
    """All of it in one proposal."""

    def make(draft: Draft) -> Proposal:
        return propose.people(scene.repository, changed, draft)

    return proposed(scene, name, make, what, done=goal.is_reached(scene.repository))
