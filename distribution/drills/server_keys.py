"""The server's own keys: rotated on a quiet day, or because a thief has them too.

Two changes of the repository on a quiet day, since swapping a key in one makes every agent fail
that polls in between; one change where the old key is a thief's.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from securesystemslib.signer import Key

from distribution import audit, home
from distribution.control import plans
from distribution.drills.records import Goal, goal_of
from distribution.drills.steps import Drill, Scene, Step, finished, proposed
from distribution.repository.online_keys import NAMES, NEXT
from distribution.repository.online_roles import renew
from distribution.scheduling import repair
from distribution.server import online_passphrase, open_online_keys
from signing import assignments, exposure, propose
from signing.draft import Draft
from signing.proposal import Proposal
from signing.propose import Assignment
from signing.signers import read_public

PLANNED, STOLEN = "planned-rotation", "stolen-online-key"
SERVER = "the server"

_TITLES = {
    PLANNED: "The server's own keys are rotated, as once a year: nothing was stolen",
    STOLEN: "The server's own keys are a thief's too; the store may have been in their hands",
}


def drill(scene: Scene, *, stolen: bool) -> Drill:
    """Where the rotation of this server's keys is.

    Raises:
        SigningError, DistributionError: the repository or the keys cannot be read.
    """
    name = STOLEN if stolen else PLANNED
    row = scene.record(name, SERVER)
    goal = goal_of(row) if row else Goal(tuple(sorted(_listed(scene) - _next_ids(scene))))
    reached = row is not None and goal.is_reached(scene.repository)
    begun = Drill(
        name=name,
        about=SERVER,
        title=_TITLES[name],
        exposure=_exposure(scene, stolen=stolen),
        goal=goal,
        steps=tuple(_steps(scene, name, reached=reached, stolen=stolen)),
    )
    return finished(scene, begun, row)


def _exposure(scene: Scene, *, stolen: bool) -> tuple[str, ...]:
    if not stolen:
        return ("nobody has a key that is not theirs",)
    return tuple(exposure.of_server(scene.repository))


def _steps(scene: Scene, name: str, *, reached: bool, stolen: bool) -> Iterator[Step]:
    made = _folder(scene).exists()
    listed = made and _next_ids(scene) <= _listed(scene)
    yield Step("make the next keys beside those in use", made or reached, lambda: _make(scene))
    if not stolen:
        what = "to list the next keys beside the old ones"
        yield from proposed(
            scene,
            f"{name}-beside",
            lambda draft: _propose(scene, draft, beside=True),
            what,
            done=listed or reached,
        )
    yield from proposed(
        scene,
        f"{name}-instead",
        lambda draft: _propose(scene, draft, beside=False),
        "to strike the stolen keys off" if stolen else "to strike the old keys off",
        done=reached,
    )
    what = "put the next keys in the place of the old ones, which are destroyed"
    taken = reached and not made
    yield Step(what, taken, lambda: _take(scene))
    if stolen:
        differing = plans.differing(scene.database, scene.store) if taken else []
        what = "put our own plans in the place of what the thief published"
        yield Step(what, taken and not differing, lambda: _replace_plans(scene, differing))


def _propose(scene: Scene, draft: Draft, *, beside: bool) -> Proposal:
    changed = _roles(scene, _next_keys(scene), beside=beside)
    return propose.people(scene.repository, changed, draft)


def _roles(scene: Scene, keys: Mapping[str, Key], *, beside: bool) -> list[Assignment]:
    return assignments.of_the_server(scene.repository, keys, beside=beside)


def _listed(scene: Scene) -> set[str]:
    """The keys that the repository lists for what the server signs."""
    own = _public_keys(scene, "")
    names = {each.role for each in _roles(scene, own, beside=True)}
    held = [each for each in assignments.holders(scene.repository) if each.role in names]
    return set[str]().union(*map(assignments.keyids_of, held))


def _next_keys(scene: Scene) -> Mapping[str, Key]:
    return _public_keys(scene, NEXT)


def _next_ids(scene: Scene) -> set[str]:
    if not _folder(scene).exists():
        return set()
    return {key.keyid for key in _next_keys(scene).values()}


def _public_keys(scene: Scene, below: str) -> Mapping[str, Key]:
    folder = scene.settings.online_keys_folder / below
    return {name: read_public(folder / f"{name}.pub") for name in NAMES}


def _folder(scene: Scene) -> Path:
    return scene.settings.online_keys_folder / NEXT


def _make(scene: Scene) -> Iterator[str]:
    keys = home.make_next_keys(scene.settings, online_passphrase(scene.settings))
    _note(scene, "keys.make_next", keys)
    yield "The next keys are made."


def _take(scene: Scene) -> Iterator[str]:
    renew(scene.store, open_online_keys(scene.settings), scene.now)
    home.take_next_keys(scene.settings)
    _note(scene, "keys.take_next", _public_keys(scene, ""))
    yield "The old keys are destroyed."
    places = scene.settings.next_online_key_places
    if places:
        lines = ", ".join(f'{name}_key = "{place}"' for name, place in sorted(places.items()))
        yield f"Now set {lines} in hsp.toml, take out next_*, and restart the server."


def _replace_plans(scene: Scene, products: list[str]) -> Iterator[str]:
    online = open_online_keys(scene.settings)
    for product in products:
        serial = repair.replace_stolen(
            scene.database, scene.store, online, product, scene.by, scene.now
        )
        yield f"The plan of {product} is the database's again, with serial {serial}."


def _note(scene: Scene, action: str, keys: Mapping[str, Key]) -> None:
    about = ", ".join(f"{name} {key.keyid}" for name, key in sorted(keys.items()))
    with scene.database.writing() as session:
        audit.note(session, audit.Deed(scene.by, action, about), scene.now)
