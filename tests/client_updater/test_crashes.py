"""The agent dies before any one of its disk operations: the next one ends in the same place.

Each case runs a whole update from 1.0 to 2.0 with the real agent, lets it die at one operation of
``durable.disk``, and starts a new agent on what is left. (Power losses, where unsynced data is lost
too, have a harness of their own.)
"""

import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from client_updater import durable
from client_updater.durable import Disk
from client_updater.errors import AgentError
from client_updater.journal import Attempt, Journal, Step
from client_updater.poll import poll
from client_updater.slots import verify_tree
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import CRASHING_PROGRAM, PROGRAM, SimulatedSite, program_fields

OLD = {"app": b"one", "data/a.bin": bytes(3000)}
NEW = {"app": b"two", "data/a.bin": bytes(3000), "data/b.bin": b"more"}
CALLS = ("open", "write", "truncate", "chmod", "fsync", "rename", "symlink", "mkdir", "unlink")


class Died(BaseException):
    """The process is gone. Nothing in the product catches it."""


class DyingDisk(Disk):
    """Ends the process before its operation number ``last``; 0 for never."""

    def __init__(self, last: int) -> None:
        self.count = 0
        for name in CALLS:
            setattr(self, name, self._counted(getattr(durable.disk, name), last))

    def _counted(self, call: Callable[..., Any], last: int) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == last:
                raise self.end()
            return call(*args, **options)

        return counted

    def end(self) -> BaseException:
        """What happens instead of that operation."""
        return Died()


class RefusingDisk(DyingDisk):
    """Refuses that one operation, and goes on."""

    def __init__(self, operation: int, number: int) -> None:
        super().__init__(operation)
        self.number = number

    def end(self) -> BaseException:
        """As the kernel says it."""
        return OSError(self.number, "refused")


class Update:
    """A site with 1.0, and 2.0 on offer, copied for each case."""

    def __init__(self, site: SimulatedSite, folder: Path) -> None:
        self.site, self.plane = site, site.plane
        self.disk = durable.disk
        self.base = folder / "base"
        shutil.copytree(site.folder, self.base, symlinks=True)
        self.base.chmod(0o700)
        self.reports = dict(self.plane.reports)
        self.received = list(self.plane.received)

    def fresh(self) -> None:
        """Back to 1.0."""
        shutil.rmtree(self.site.folder)
        shutil.copytree(self.base, self.site.folder, symlinks=True)
        self.plane.reports = dict(self.reports)
        self.plane.received = list(self.received)

    def die_at(self, operation: int) -> bool:
        """Poll; False when the poll ended before that many operations."""
        try:
            with self.on(DyingDisk(operation)):
                self.site.poll()
        except Died:
            return True
        return False

    @contextmanager
    def on(self, disk: Disk) -> Iterator[None]:
        """With another disk."""
        durable.disk = disk
        try:
            yield
        finally:
            durable.disk = self.disk

    def check_whole(self) -> None:
        """What the link points at is a whole version."""
        slots = self.site.agent().slots
        version = slots.current("notes")
        assert version in ("1.0", "2.0")
        (artifact,) = slots.release("notes", version).manifest.artifacts
        verify_tree(slots.path("notes", version), artifact.files)

    def check_done(self, *phases: str) -> None:
        """2.0 is there, told once, and nothing is left over."""
        assert self.site.current() == "2.0"
        assert self.plane.phases("2.0") == list(phases)
        assert [r.sequence for r in self.plane.received] == list(range(1, 4 + len(phases)))
        left = [name for name in ("staging", "journal", "downloads") if _content(self.site, name)]
        assert left == []


def _content(site: SimulatedSite, name: str) -> list[Path]:
    return list((site.folder / name).iterdir())


@pytest.fixture
def update(site: SimulatedSite, repository: SimulatedRepository, tmp_path: Path) -> Update:
    repository.release("notes", "1.0", OLD)
    repository.roll_out("notes", "1.0")
    site.poll()
    repository.release("notes", "2.0", NEW)
    repository.roll_out("notes", "2.0")
    return Update(site, tmp_path)


@pytest.mark.parametrize("first", [1, 2, 3, 4])
def test_wherever_the_agent_dies_the_next_one_finishes_and_tells_it_once(
    update: Update, first: int
) -> None:
    deaths = 0
    for operation in itertools.count(first, 4):  # a quarter each, for the sake of the clock
        update.fresh()
        if not update.die_at(operation):
            break
        deaths += 1
        update.check_whole()
        update.site.poll()
        update.check_done("downloading", "activating", "confirmed")
    assert deaths > 25, "an update has many operations, and each of them was the last one once"


def test_an_agent_that_dies_again_and_again_still_gets_there(update: Update) -> None:
    dice = random.Random(3)
    for _ in range(8):
        update.fresh()
        deaths = 0
        while update.die_at(dice.randint(1, 90)):
            deaths += 1
            update.check_whole()
        update.site.poll()
        update.check_done("downloading", "activating", "confirmed")
        assert deaths > 0


@pytest.mark.parametrize("number", [28, 5, 30, 122], ids=["ENOSPC", "EIO", "EROFS", "EDQUOT"])
def test_a_disk_that_refuses_any_one_operation_does_no_damage(update: Update, number: int) -> None:
    for operation in range(1, 400, 11):
        update.fresh()
        disk = RefusingDisk(operation, number)
        with update.on(disk), suppress(AgentError):  # no lock, no poll
            update.site.poll()
        if disk.count < operation:
            break
        update.check_whole()
        update.site.poll()
        assert update.site.current() in ("1.0", "2.0")
        assert [r.sequence for r in update.plane.received] == list(
            range(1, 1 + len(update.plane.received))
        )
        assert _content(update.site, "staging") == []


HEALTHY = ["download", "stage", "activate", "confirm", "keep"]
UNHEALTHY = ["activate", "confirm", "revert", "fail"]


@pytest.mark.parametrize(
    ("step", "healthy"),
    [(step, True) for step in HEALTHY] + [(step, False) for step in UNHEALTHY],
)
def test_an_agent_that_dies_after_noting_a_step_leaves_a_site_that_serves_in_the_end(
    site: SimulatedSite,
    repository: SimulatedRepository,
    plane: ControlPlane,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    healthy: bool,
) -> None:
    repository.release("notes", "1.0", {"app.py": PROGRAM}, **program_fields())
    repository.roll_out("notes", "1.0")
    site.poll()
    content = PROGRAM + b"#\n" if healthy else CRASHING_PROGRAM
    repository.release("notes", "2.0", {"app.py": content}, **program_fields(attempts=3))
    repository.roll_out("notes", "2.0")

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(Journal, "note", _dying_after(Step(step)))
        site.poll()
    site.poll()

    wanted = "2.0" if healthy else "1.0"
    assert site.current() == wanted
    assert site.answer()["version"] == wanted
    last = "confirmed" if healthy else "reverted"
    assert plane.phases("2.0") == ["downloading", "activating", last]
    assert [report.sequence for report in plane.received] == list(range(1, 7))


def _dying_after(step: Step) -> Callable[[Journal, Attempt], Attempt]:
    note = Journal.note

    def noting(journal: Journal, attempt: Attempt) -> Attempt:
        note(journal, attempt)
        if attempt.step is step:
            raise Died
        return attempt

    return noting


def test_a_version_that_takes_the_agent_down_with_it_is_put_back_after_three_starts(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    repository.release("notes", "1.0", {"app.py": PROGRAM}, **program_fields())
    repository.roll_out("notes", "1.0")
    site.poll()
    repository.release("notes", "2.0", {"app.py": PROGRAM + b"#"}, **program_fields())
    repository.roll_out("notes", "2.0")

    starts = 0
    for _ in range(6):
        agent = site.agent()
        start = agent.services.programs.start

        def deadly(product: str, version: str, *more: Any, start: Any = start) -> None:
            nonlocal starts
            if version != "2.0":
                return start(product, version, *more)
            starts += 1
            raise Died

        object.__setattr__(agent.services.programs, "start", deadly)
        with suppress(Died):
            poll(agent)
    assert starts == 3
    assert site.current() == "1.0"
    assert site.answer()["version"] == "1.0"
    assert plane.received[-1].code == "start_failed"
