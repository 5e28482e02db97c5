"""Row ``mutated_inputs``: damaged documents through the agent's real readers.

Each input must be read, or refused with an ``UpdateError``, within a second and 100 MiB, and an
archive must change nothing outside of its folder. To see one input again::

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
from functools import partial
from pathlib import Path
from random import Random
from types import FrameType

from manifests.errors import UpdateError
from tests.torture.readers import subjects
from tests.torture.rows import Outcome, Scale
from tests.torture.shares import Share, Tally, in_shares
from tests.torture.subject import Subject

INPUTS = {Scale.TEST: 20_000, Scale.TORTURE: 1_000_000}
MOST_SECONDS = 1.0
MOST_BYTES = 100 * 2**20
KEPT = Path("build/mutated_inputs")
"""Where the bytes of wrong ones are kept: the keys of the samples are new each time."""
_BATCH = 200
_HANGS_AFTER_SECONDS = 20


class Hangs(BaseException):
    """A reader that did not come back."""


def run(scale: Scale) -> Outcome:
    """Read mutated inputs, always the same ones unless ``HSP_TORTURE_SEED`` says otherwise."""
    seed = int(os.environ.get("HSP_TORTURE_SEED", "1"))
    return in_shares(_share, seed, INPUTS[scale])


def _share(seed: int, inputs: int, share: Share) -> Outcome:
    tally = Tally()
    with _workshop() as every:
        mine = range(share.number, inputs, share.of)
        for start in range(0, len(mine), _BATCH):
            _batch(seed, mine[start : start + _BATCH], every, tally)
    return tally.outcome


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


def _batch(seed: int, numbers: range, every: list[Subject], tally: Tally) -> None:
    def all_of_them() -> None:
        for number in numbers:
            _count(seed, number, every, tally)

    if _growth(all_of_them) > MOST_BYTES:
        for number in numbers:  # which of them was it?
            grown = _growth(partial(_read, *drawn(seed, number, every)))  # not the making of it
            if grown > MOST_BYTES:
                tally.wrong += 1
                tally.note(f"{_named(seed, number, every)}: {grown >> 20} MiB")


def _count(seed: int, number: int, every: list[Subject], tally: Tally) -> None:
    problem = _try(seed, number, every)
    tally.count(_named(seed, number, every) if problem else "", [problem] if problem else [])
    if problem:
        KEPT.mkdir(parents=True, exist_ok=True)
        (KEPT / f"{seed}-{number}").write_bytes(drawn(seed, number, every)[1])


def drawn(seed: int, number: int, every: list[Subject]) -> tuple[Subject, bytes]:
    """The input with this number: whose it is, and its bytes."""
    random = Random(seed << 32 | number)
    subject = random.choices(every, [each.share for each in every])[0]
    sample = random.choice(subject.samples)
    return subject, subject.mutate(random, sample, subject.samples)


def _try(seed: int, number: int, every: list[Subject]) -> str:
    subject, data = drawn(seed, number, every)
    problem, seconds = _read(subject, data)
    if not problem and seconds > MOST_SECONDS:
        problem, seconds = _read(subject, data)  # another process may have had the processor
        problem = problem or (f"took {seconds:.1f} s" if seconds > MOST_SECONDS else "")
    return problem


def _read(subject: Subject, data: bytes) -> tuple[str, float]:
    """What was wrong with the reading of it, and the seconds that it took."""
    signal.alarm(_HANGS_AFTER_SECONDS)
    began = time.process_time()  # of this reader: what else the machine does is no fault of it
    try:
        subject.read(data)
    except UpdateError:
        pass  # as it should be
    except Hangs:
        return f"not done after {_HANGS_AFTER_SECONDS} s", 0
    except Exception as error:  # whatever else comes out is a fault
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        return f"{type(error).__name__} at {where}: {str(error)[:150]}", 0
    finally:
        signal.alarm(0)
    return "", time.process_time() - began


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
