"""The disk refuses: full, over quota, read-only or broken, at each call of an update.

It refuses once, or from some call on until the poll is over. No damage is done, the temporary
space is given back, the control plane hears the right code, and as soon as the disk is well again
the next polls finish the update.
"""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from client_updater.errors import UpdateError
from client_updater.journal import Journal
from manifests.failures import FailureCode
from manifests.install_report import Phase
from tests.simulators.mortal import Steps, children, in_child
from tests.torture.bench import NEW, OLD, Bench, Story, alike, answer, bench
from tests.torture.judge import Expected, judge, whole
from tests.torture.rows import Outcome, Scale
from tests.torture.shares import Share, Tally, in_shares

CODES = {
    errno.ENOSPC: FailureCode.DISK_FULL,
    errno.EDQUOT: FailureCode.DISK_FULL,
    errno.EIO: FailureCode.DISK_ERROR,
    errno.EROFS: FailureCode.DISK_ERROR,
}
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
GIVES_BACK = frozenset({"unlink", "rmdir", "truncate", "chmod"})
"""Calls that a full disk does not refuse."""
LARGE = 6 * 1024 * 1024
MOST_SPACE = 5 * 1024 * 1024
LATER = timedelta(minutes=3)
"""After the pause that follows a failed attempt."""


def run(scale: Scale) -> Outcome:
    """Refuse and count, in all processes."""
    return in_shares(_share, scale)


@dataclass(frozen=True)
class Refusal:
    """What the disk does: refuse with this number at this call, once or from then on."""

    number: int
    at: int
    lasts: bool

    def __str__(self) -> str:
        once = "from call" if self.lasts else "at call"
        return f"{errno.errorcode[self.number]} {once} {self.at}"

    @property
    def code(self) -> FailureCode:
        """What the control plane is to hear."""
        return CODES[self.number]

    def refuses(self, name: str, flags: int | None) -> bool:
        """Whether such a disk would refuse this kind of call."""
        reads = flags is not None and not flags & (os.O_WRONLY | os.O_RDWR | os.O_EXCL)
        if self.number == errno.EIO:
            return not (reads and self.lasts)
        return not (reads or (self.number in FULL and name in GIVES_BACK))


@dataclass
class RefusingDisk(Steps):
    """Counts its calls, and refuses some of them."""

    refusal: Refusal | None = None
    calls: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        Steps.__init__(self, lambda name: None)

    def _told(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def told(*args: Any, **options: Any) -> Any:
            self.calls.append(name)
            if self._is_refused(name, args[1] if name == "open" else None):
                self.refused.append(f"{name} {_named(args[0])}")
                raise OSError(self.refusal.number, os.strerror(self.refusal.number))
            return call(*args, **options)

        return told

    def _is_refused(self, name: str, flags: int | None) -> bool:
        refusal = self.refusal
        if refusal is None or not refusal.refuses(name, flags):
            return False
        reached = len(self.calls) >= refusal.at
        return reached if refusal.lasts else reached and not self.refused


def _named(path: Any) -> str:
    return os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else str(path)


def _share(scale: Scale, share: Share) -> Outcome:
    tally, known = Tally(), list[str]()
    for story in Story:
        with bench(story) as ready:
            calls = _calls(ready)
            begin = alike(calls, known) if scale is Scale.TEST else 0
            for index, refusal in enumerate(_refusals(calls, begin, scale)):
                if share.takes(index):
                    tally.count(f"{story.value}, {refusal}", _try(ready, refusal))
            known = calls
    with bench(Story.UPDATE, extra_bytes=LARGE) as ready:
        every = 10 if scale is Scale.TEST else 1
        for index, at in enumerate(range(1, len(_calls(ready)) + 1, every)):
            if share.takes(index):
                refusal = Refusal(list(CODES)[index % len(CODES)], at, lasts=bool(index % 2))
                tally.count(f"large update, {refusal}", _try(ready, refusal))
    return tally.outcome


def _refusals(calls: list[str], begin: int, scale: Scale) -> Iterator[Refusal]:
    """Each number at each call, once and lasting.

    In the short form the numbers at each call by turns, and lasting refusals at every sixth call;
    none before ``begin``.
    """
    numbers = list(CODES)
    for at in range(begin + 1, len(calls) + 1):
        some = [numbers[at % len(numbers)]]
        once = numbers if scale is Scale.TORTURE else some
        yield from (Refusal(each, at, lasts=False) for each in once)
        lasting = numbers if scale is Scale.TORTURE else some if at % 6 == 0 else []
        yield from (Refusal(each, at, lasts=True) for each in lasting)


def _poll(ready: Bench, refusal: Refusal | None) -> tuple[list[str], list[str], str]:
    """A poll on such a disk: its calls, the refused ones, and what was said."""
    disk = RefusingDisk(refusal)
    disk.install(programs=False)
    try:
        last = ready.site.poll()
    except UpdateError as error:
        return disk.calls, disk.refused, f"no poll: {getattr(error, 'code', '')} {error}"
    said = [last.problem, last.server_problem]
    return disk.calls, disk.refused, " ".join(word for word in said if word)


def _calls(ready: Bench) -> list[str]:
    ready.restore()
    ending = in_child(lambda: _poll(ready, None))
    assert ending.how == "done", ending.answer
    calls: list[str] = ending.answer[0]
    return calls


def _try(ready: Bench, refusal: Refusal) -> list[str]:
    ready.restore()
    before = _space(ready.site.folder)
    ending = in_child(lambda: _poll(ready, refusal))
    if ending.how != "done":
        return [f"the agent {ending.how}: {ending.answer}"]
    _, refused, said = ending.answer
    if refused and "last-poll" in refused[0]:
        said = f"no poll: {said}"  # all was said and done by then
    broken = [
        *_damage(ready, polled=not any("work.lock" in each for each in refused), refusal=refusal),
        *_not_told(ready, refusal, said),
        *_not_given_back(ready, refusal, before),
    ]
    broken += judge(ready, ready.settle(later=LATER), _expected(ready.story))
    return [*broken, f"refused: {refused[:2]}", f"said: {said}"] if broken else []


def _expected(story: Story) -> Expected:
    version = NEW if story is Story.UPDATE else OLD
    finals = [Phase.CONFIRMED, Phase.REVERTED, Phase.FAILED]
    return Expected([version], (), finals, repeated=[Phase.DOWNLOADING], most_attempts=3)


def _damage(ready: Bench, *, polled: bool, refusal: Refusal) -> Iterator[str]:
    """Nothing runs before the poll; without one, nothing runs after it."""
    try:
        version = whole(ready)
    except UpdateError as error:
        yield f"no whole version: {error}"
        return
    if polled and not refusal.lasts:
        said = answer(ready.site) if list(children()) else {}
        if said != {"version": version, "content": version}:
            yield f"right after it the program of {version} says {said}"


def _not_told(ready: Bench, refusal: Refusal, said: str) -> Iterator[str]:
    """A refusal that did not keep the update from its end need not be told."""
    told = {report.code for report in ready.plane.received if report.code}
    told |= {each.problem for each in ready.plane.check_ins if each.problem}
    if told - {refusal.code, *([FailureCode.UNHEALTHY] if ready.story is Story.REVERT else [])}:
        yield f"the control plane hears of {told}"
    harmless = whole(ready) == ready.story.ends_with and not refusal.lasts
    if refusal.code not in told and not harmless and not said.startswith("no poll"):
        yield "the control plane does not hear of it"


def _not_given_back(ready: Bench, refusal: Refusal, before: int) -> Iterator[str]:
    """Where nothing goes on, nothing is kept that the next poll would have to remove."""
    unfinished = Journal(ready.site.folder / "journal").unfinished()
    gives_back = not refusal.lasts or refusal.number in FULL
    taken = _space(ready.site.folder) - before
    done = whole(ready) == NEW
    if gives_back and not unfinished and not done and taken > MOST_SPACE:
        yield f"{taken} bytes are not given back"


def _space(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
