"""Row ``mutated_inputs``: damaged documents through the agent's real readers.

Each input must be read, or refused with an ``UpdateError``, within a second and 100 MiB, and an
archive must change nothing outside of its folder. Two processes share the work. To see one input
again::

    python -m tests.torture.mutated_inputs SEED NUMBER
"""

import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from random import Random
from types import FrameType

from manifests.errors import UpdateError
from tests.torture.readers import Subject, subjects
from tests.torture.rows import Outcome, Scale

INPUTS = {Scale.TEST: 50_000, Scale.TORTURE: 1_000_000}
WORKERS = 2
MOST_SECONDS = 1.0
MOST_BYTES = 100 * 2**20
_BATCH = 200
_HANGS_AFTER_SECONDS = 20
_NOTES = 20


class Hangs(BaseException):
    """A reader that did not come back."""


@dataclass
class Found:
    """What one process found."""

    tried: int = 0
    wrong: list[str] = field(default_factory=list)
    read: dict[str, list[int]] = field(default_factory=dict)
    """Per subject: how many were tried, and how many of them were valid after all."""


def run(scale: Scale) -> Outcome:
    """Read mutated inputs; the seed is new each time under ``make torture`` and printed."""
    seed = int(os.environ.get("HSP_TORTURE_SEED", "1"))
    numbers = INPUTS[scale]
    with get_context("spawn").Pool(WORKERS) as pool:
        jobs = [(seed, first, numbers) for first in range(WORKERS)]
        founds = pool.starmap(share, jobs)
    wrong = [note for found in founds for note in found.wrong]
    tried = sum(found.tried for found in founds)
    return Outcome(tried, len(wrong), (f"seed {seed}", *wrong[:_NOTES]) if wrong else ())


def share(seed: int, first: int, numbers: int) -> Found:
    """Every ``WORKERS``-th input from ``first`` on."""
    found = Found()
    with _workshop() as every:
        mine = range(first, numbers, WORKERS)
        for start in range(0, len(mine), _BATCH):
            _batch(seed, mine[start : start + _BATCH], every, found)
    return found


@contextmanager
def _workshop() -> Iterator[list[Subject]]:
    memory = Path("/dev/shm")  # noqa: S108 - files in memory; a private folder is made in it
    parent = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(dir=parent) as folder, _no_hang():
        every = subjects(Path(folder))
        for subject in every:
            for sample in subject.samples[:1]:
                subject.read(sample)
        yield every


@contextmanager
def _no_hang() -> Iterator[None]:
    def raise_it(number: int, frame: FrameType | None) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, raise_it)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _batch(seed: int, numbers: range, every: list[Subject], found: Found) -> None:
    def all_of_them() -> None:
        for number in numbers:
            _count(seed, number, every, found)

    if _growth(all_of_them) > MOST_BYTES:
        for number in numbers:  # which of them was it?
            grown = _growth(lambda number=number: _try(seed, number, every))  # type: ignore[misc]
            if grown > MOST_BYTES:
                found.wrong.append(f"{_named(seed, number, every)}: {grown >> 20} MiB")


def _count(seed: int, number: int, every: list[Subject], found: Found) -> None:
    subject, problem, valid = _try(seed, number, every)
    found.tried += 1
    tally = found.read.setdefault(subject.name, [0, 0])
    tally[0] += 1
    tally[1] += valid
    if problem:
        found.wrong.append(f"{_named(seed, number, every)}: {problem}")


def drawn(seed: int, number: int, every: list[Subject]) -> tuple[Subject, bytes]:
    """The input with this number: whose it is, and its bytes."""
    random = Random(seed << 32 | number)
    subject = random.choices(every, [each.share for each in every])[0]
    sample = random.choice(subject.samples)
    return subject, subject.mutate(random, sample, subject.samples)


def _try(seed: int, number: int, every: list[Subject]) -> tuple[Subject, str, bool]:
    subject, data = drawn(seed, number, every)
    problem, valid, seconds = _read(subject, data)
    if not problem and seconds > MOST_SECONDS:
        _, _, seconds = _read(subject, data)  # another process may have had the processor
        problem = f"took {seconds:.1f} s" if seconds > MOST_SECONDS else ""
    return subject, problem, valid


def _read(subject: Subject, data: bytes) -> tuple[str, bool, float]:
    signal.alarm(_HANGS_AFTER_SECONDS)
    began = time.perf_counter()
    try:
        subject.read(data)
        return "", True, time.perf_counter() - began
    except UpdateError:
        return "", False, time.perf_counter() - began
    except Hangs:
        return f"not done after {_HANGS_AFTER_SECONDS} s", False, _HANGS_AFTER_SECONDS
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        return f"{type(error).__name__} at {where}: {str(error)[:150]}", False, 0
    finally:
        signal.alarm(0)


def _growth(action: Callable[[], object]) -> int:
    """By how many bytes the process was larger at its largest than before."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the largest size so far
    before = _resident("VmRSS")
    action()
    return _resident("VmHWM") - before


def _resident(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _named(seed: int, number: int, every: list[Subject]) -> str:
    return f"input {seed} {number} ({drawn(seed, number, every)[0].name})"


def show(seed: int, number: int) -> None:
    """Print one input and what its reader says, with the traceback."""
    with _workshop() as every:
        subject, data = drawn(seed, number, every)
        print(subject.name, len(data), "bytes:", data[:2000])
        subject.read(data)


if __name__ == "__main__":
    show(int(sys.argv[1]), int(sys.argv[2]))
