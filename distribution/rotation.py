"""Rotating the server's own keys: where a rotation has come to, read off the repository itself.

There is no record of it elsewhere, so a rotation that was begun weeks ago, on another machine or
before a crash, goes on by the same command. Two steps, since swapping a key in one makes every
agent fail that polls in between; one step where the old key is a thief's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from securesystemslib.signer import Key

from distribution import home
from distribution.bucket import open_store
from distribution.online_keys import NAMES, NEXT
from distribution.online_roles import renew
from distribution.server import online_passphrase, open_online_keys
from distribution.settings import Settings
from signing import assignments
from signing.propose import Assignment
from signing.signers import read_public
from signing.update_repository import Repository


class Proposes(StrEnum):
    """What the officers are asked to sign."""

    BESIDE = "add"
    INSTEAD = "remove"


@dataclass(frozen=True)
class Step:
    """Where a rotation is, and what comes next.

    Attributes:
        proposes: the proposal that comes next; None where the server itself acts.
        act: what the server does then.
    """

    now: str
    next: str
    proposes: Proposes | None = None
    act: Callable[[Settings, datetime], None] = lambda settings, now: None


def next_keys(settings: Settings) -> Mapping[str, Key]:
    """The public halves of the keys that come next."""
    folder = settings.online_keys_folder / NEXT
    return {name: read_public(folder / f"{name}.pub") for name in NAMES}


def next_step(settings: Settings, *, stolen: bool) -> Step:
    """Where the rotation of this server's keys is.

    Args:
        stolen: whether the present keys are a thief's too.

    Raises:
        SigningError, DistributionError: the repository or the keys cannot be read.
    """
    if not (settings.online_keys_folder / NEXT).exists():
        return Step("no rotation has begun", "make the next keys beside those in use", act=_make)
    repository = Repository.read(open_store(settings))
    listed, old = _listed(repository, next_keys(settings))
    if not listed and stolen:
        instead = "propose them instead of the stolen ones; officers sign, then hsp publish"
        return Step("the next keys are made, the repository lists none", instead, Proposes.INSTEAD)
    if not listed:
        beside = "propose them beside the old ones; officers sign, then hsp publish"
        return Step("the next keys are made, the repository lists none", beside, Proposes.BESIDE)
    if old:
        return Step(
            "the repository lists the old keys and the next ones; the next ones sign",
            "propose to strike off the old ones; officers sign, then hsp publish",
            Proposes.INSTEAD,
        )
    taken = "put them in the place of the old ones, which are destroyed"
    places = settings.next_online_key_places
    if places:
        lines = ", ".join(f'{name}_key = "{place}"' for name, place in sorted(places.items()))
        taken += f"; then set {lines} in hsp.toml, take out next_*, and restart the server"
    return Step("the repository lists the next keys only", taken, act=_take)


def _listed(repository: Repository, keys: Mapping[str, Key]) -> tuple[bool, bool]:
    """Whether every online role lists its next key, and whether any lists another one as well."""
    roles = assignments.of_the_server(repository, keys, beside=True)
    own = {key.keyid for key in keys.values()}
    before = [each for each in assignments.holders(repository) if each.role in _names(roles)]
    listed = all(own & {key.keyid for key in each.keys} for each in before)
    return listed, any({key.keyid for key in each.keys} - own for each in before)


def _names(roles: list[Assignment]) -> set[str]:
    return {each.role for each in roles}


def _make(settings: Settings, _: datetime) -> None:
    home.make_next_keys(settings, online_passphrase(settings))


def _take(settings: Settings, now: datetime) -> None:
    renew(open_store(settings), open_online_keys(settings), now)
    home.take_next_keys(settings)
