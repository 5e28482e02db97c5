"""Runs that two versions share are real, in order, and found where one would look."""

import random

import pytest

from distribution.repository.shared_runs import rest, shared_runs
from manifests.delta_frames import MIN_SHARED_BYTES, Shared

CHANCE = random.Random(3)
DATA = CHANCE.randbytes(200_000)


def _edited(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(0, 12)):
        at = chance.randrange(len(data) + 1)
        data = data[:at] + chance.randbytes(chance.choice([0, 1, 40, 5000])) + data[at + 30 :]
    return data


def _rebuilt(old: bytes, gaps: bytes, runs: list[Shared]) -> bytes:
    made, old_at, gap_at = b"", 0, 0
    for run in runs:
        made += gaps[gap_at : gap_at + run.new_gap]
        old_at += run.old_gap
        made += old[old_at : old_at + run.size_bytes]
        old_at, gap_at = old_at + run.size_bytes, gap_at + run.new_gap
    return made + gaps[gap_at:]


@pytest.mark.parametrize("seed", range(40))
def test_the_new_bytes_are_the_gaps_and_the_runs(seed: int) -> None:
    chance = random.Random(seed)
    old = DATA[: chance.choice([0, 20, 300, 30_000, 200_000])]
    if chance.random() < 0.3:
        old = old[:50] * (len(old) // 50)  # everything is everywhere
    new = _edited(old, chance)
    beside = [(0, 0), (len(new) // 2, chance.randrange(len(old) + 1))]
    runs = list(shared_runs(old, new, beside))
    old_gaps, new_gaps = rest(old, new, runs)
    assert all(run.size_bytes >= MIN_SHARED_BYTES for run in runs)
    assert _rebuilt(old, new_gaps, runs) == new
    assert len(old_gaps) + sum(run.size_bytes for run in runs) == len(old)


def test_little_is_left_of_what_was_edited_a_little() -> None:
    new = b"x" + DATA[:70_000] + b"inserted" * 100 + DATA[71_000:150_000] + DATA[155_000:]
    runs = list(shared_runs(DATA, new, [(0, 0)]))
    old_gaps, new_gaps = rest(DATA, new, runs)
    assert len(runs) == 3
    assert len(new_gaps) <= 1 + 800
    assert len(old_gaps) <= 1000 + 5000


def test_it_is_looked_for_beside_what_is_told() -> None:
    far = CHANCE.randbytes(500_000) + DATA
    assert list(shared_runs(far, DATA, [(0, 0)])) == []
    assert list(shared_runs(far, DATA, [(0, 490_000)])) == [Shared(0, 500_000, len(DATA))]


def test_versions_that_share_nothing_are_given_up_on_soon() -> None:
    old, new = CHANCE.randbytes(4_000_000), CHANCE.randbytes(4_000_000)
    assert list(shared_runs(old, new, [(0, 0)])) == []
