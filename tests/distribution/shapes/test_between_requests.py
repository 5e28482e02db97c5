"""A client is in the middle of a poll while the repository changes, or a thief has been there."""

import hashlib
import itertools
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata

from signing.metadata import TIMESTAMP_KEY, metadata_key, serialised, signed_by, target_key
from signing.roles import SNAPSHOT
from signing.signers import ED25519
from signing.update_repository import next_snapshot, next_targets, next_timestamp
from tests.simulators.every_shape import NAMES
from tests.simulators.hygiene import faults, leftovers
from tests.simulators.recorded_store import Memory
from tests.simulators.served import Served
from tests.simulators.shapes import History, Shape
from tests.simulators.tuf_js import READERS, Reader
from tests.simulators.tuf_reader import TufReader

NewReader = Callable[[], Reader]
PLAN, ROLE = "rollouts/app/plan.json", "app.rollouts"
RETENTION = timedelta(days=7)

NUMBERED = r"metadata/\d+\.{}\.json"
MOMENTS = {
    "the timestamp": r"metadata/timestamp\.json",
    "the snapshot": NUMBERED.format("snapshot"),
    "the targets": NUMBERED.format("targets"),
    "a target": r"targets/.*",
}
KEYS_CHANGE = NAMES[NAMES.index("an_approver_added") : NAMES.index("a_release_withdrawn")]
ONE_STEP = "the_servers_stolen_keys_replaced_in_one_step"
DAYS_PASS = "what_is_superseded_removed"


class Before:
    """Does something once, just before the first request of a kind is answered."""

    def __init__(self, pattern: str, act: Callable[[], object]) -> None:
        self._pattern, self._act = pattern, act
        self.done = False

    def __call__(self, path: str) -> None:
        if not self.done and re.fullmatch(self._pattern, path):
            self.done = True
            self._act()


def changes(history: History, client: str) -> list[tuple[Shape, Shape]]:
    """The shapes of the story with the one that follows at once; tuf-js is too slow for all."""
    first = NAMES.index("a_plan")
    return [
        (before, after)
        for before, after in pairwise(history.shapes[first:])
        if after.name != DAYS_PASS and (client != "tuf-js" or after.name in KEYS_CHANGE)
    ]


@pytest.mark.parametrize("moment", MOMENTS)
def test_whoever_has_a_timestamp_finds_what_it_led_to(
    history: History, served: Served, new_reader: NewReader, client: str, moment: str
) -> None:
    """Only stolen keys are replaced at the cost of who polls in that very moment."""
    for before, after in changes(history, client):
        path = next((path for path in after.news if path in before.listed), PLAN)
        reader, served.folder = new_reader(), before.folder
        publishing = Before(MOMENTS[moment], partial(setattr, served, "folder", after.folder))
        served.before = publishing
        expected = after if moment == "the timestamp" else before
        if after.name == ONE_STEP and moment == "the timestamp":
            with pytest.raises(RepositoryError, match="timestamp was signed by 0/1 keys"):
                reader.read(path)
        assert reader.read(path) == {path: expected.listed[path]}, after.name
        assert publishing.done


def test_after_every_single_write_there_is_a_whole_repository(
    history: History, tmp_path: Path
) -> None:
    """For who follows, and where keys change for who begins. (By python-tuf: there are many.)"""
    first, folders = NAMES.index("a_plan"), map(str, itertools.count())
    stored, failed = Memory(), set()
    stored.files |= history.store.writes[: history.shapes[first].writes]
    warm = TufReader(tmp_path / "warm", stored, history.root)
    for before, after in pairwise(history.shapes[first:]):
        for key, content in history.store.writes[before.writes : after.writes]:
            stored.files[key] = content
            readers = [warm]
            if after.name in KEYS_CHANGE:
                readers.append(TufReader(tmp_path / next(folders), stored, history.root))
            for reader in readers:
                try:
                    assert reader.read(PLAN)[PLAN]
                except RepositoryError:
                    failed.add(after.name)
        assert warm.read(PLAN) == {PLAN: after.listed[PLAN]}
    assert failed == {ONE_STEP}


@pytest.mark.parametrize("moment", ["the snapshot", "the targets", "its role", "a target"])
def test_a_client_between_two_requests_loses_nothing_to_retention(
    history: History, served: Served, new_reader: NewReader, moment: str
) -> None:
    """It may take a minute less than a week; what it wanted is then gone for who comes later."""
    served.folder = history.live
    plan = history.roll_out("1.3", reason=f"before {moment}")

    def days_pass() -> None:
        history.roll_out("1.3", reason=f"after {moment}")
        history.sweep(timedelta(hours=1))
        history.roll_out("1.3", reason=f"long after {moment}")
        history.sweep(RETENTION - timedelta(minutes=1))

    passing = Before({**MOMENTS, "its role": NUMBERED.format(ROLE)}[moment], days_pass)
    served.before = passing
    assert new_reader().read(PLAN) == {PLAN: plan}
    assert passing.done
    assert target_key(PLAN, hashlib.sha256(plan).hexdigest()) in history.sweep(timedelta(hours=1))


# --- a thief's fast-forward


def push(history: History, version: int, *roles: str) -> None:
    """Give snapshot, timestamp and these roles a version, with the server's keys."""
    repository, keys = history.read(), history.estate.online.reread()[0]
    assert repository.snapshot
    assert repository.timestamp_tag
    expires, listed = repository.snapshot.signed.expires, dict.fromkeys(roles, version)
    new: dict[str, Metadata[Any]] = {
        SNAPSHOT: signed_by(
            keys.snapshot, next_snapshot(version, expires, {**repository.listed, **listed})
        )
    }
    for role in roles:
        before = repository.role(role)
        assert before
        new[role] = signed_by(keys.rollouts, next_targets(before.signed, version, expires))
    for role, metadata in new.items():
        history.store.create(metadata_key(role, version), serialised(metadata))
    timestamp = signed_by(keys.timestamp, next_timestamp(version, expires, version))
    history.store.replace(TIMESTAMP_KEY, serialised(timestamp), repository.timestamp_tag)


@pytest.mark.parametrize(
    ("version", "roles"), [(2**31, ()), (2**63 - 1, (ROLE,))], ids=["far", "at the end"]
)
def test_versions_that_a_thief_pushed_are_forgotten_once_other_keys_have_taken_over(
    served: Served, client: str, tmp_path: Path, version: int, roles: tuple[str, ...]
) -> None:
    """JavaScript counts to 2**53: one number above that, anywhere, and tuf-js reads nothing."""
    history = History(tmp_path / "robbed")
    history.add_product("app")
    history.release("1.0")
    history.roll_out("1.0")
    served.folder = history.live
    cold, warm = (READERS[client](tmp_path / n, served.url, history.root) for n in ("c", "w"))
    assert warm.read(PLAN) == {PLAN: history.listed[PLAN]}
    push(history, version, *roles)
    with suppress(RepositoryError):
        warm.read(PLAN)
    history.rotate(history.next_keys(ED25519), beside=False)
    history.roll_out("1.0", reason="the thief is out")
    for reader in (warm, cold):
        assert reader.read(*history.listed) == history.listed
    assert faults(history.live) == []
    history.sweep(timedelta())
    history.sweep(RETENTION + timedelta(hours=1))
    assert leftovers(history.live) == []
    history.house.database.close()
