"""The agent dies before any one of its disk operations: the next one ends in the same place.

Each case runs a whole update from 1.0 to 2.0 with the real agent, lets it die at one operation of
``durable.disk``, and starts a new agent on what is left. (Power losses, where unsynced data is lost
too, have a harness of their own.)
"""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from client_updater import durable
from client_updater.durable import Disk
from client_updater.slots import verify_tree
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite

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
            setattr(self, name, self._counted(getattr(os_calls, name), last))

    def _counted(self, call: Callable[..., Any], last: int) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == last:
                raise Died(f"before operation {last}: {call.__name__}{args}")
            return call(*args, **options)

        return counted


os_calls = Disk()


class Update:
    """A site with 1.0, and 2.0 on offer, copied for each case."""

    def __init__(self, site: SimulatedSite, folder: Path) -> None:
        self.site, self.plane = site, site.plane
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
        durable.disk = DyingDisk(operation)
        try:
            self.site.poll()
        except Died:
            return True
        finally:
            durable.disk = os_calls
        return False

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
def update(
    site: SimulatedSite, repository: SimulatedRepository, tmp_path: Path
) -> Iterator[Update]:
    repository.release("notes", "1.0", OLD)
    repository.roll_out("notes", "1.0")
    site.poll()
    repository.release("notes", "2.0", NEW)
    repository.roll_out("notes", "2.0")
    yield Update(site, tmp_path)
    durable.disk = os_calls


def test_wherever_the_agent_dies_the_next_one_finishes_and_tells_it_once(update: Update) -> None:
    deaths = 0
    for operation in itertools.count(1):
        update.fresh()
        if not update.die_at(operation):
            break
        deaths += 1
        update.check_whole()
        update.site.poll()
        update.check_done("downloading", "activating", "confirmed")
    assert deaths > 100, "an update has many operations, and each of them was the last one once"


def test_an_agent_that_dies_again_and_again_still_gets_there(update: Update) -> None:
    deaths = 0
    while update.die_at(23):
        deaths += 1
        update.check_whole()
        assert deaths < 50
    update.check_done("downloading", "activating", "confirmed")
    assert deaths > 3


@pytest.mark.parametrize("number", [28, 5, 30, 122], ids=["ENOSPC", "EIO", "EROFS", "EDQUOT"])
def test_a_disk_that_refuses_any_one_operation_does_no_damage(update: Update, number: int) -> None:
    for operation in range(1, 400, 7):
        update.fresh()
        disk = DyingDisk(operation)
        _refuse_instead(disk, number, operation)
        durable.disk = disk
        last = update.site.poll()
        durable.disk = os_calls
        if disk.count < operation:
            break
        update.check_whole()
        update.site.poll()
        assert update.site.current() in ("1.0", "2.0"), last
        assert [r.sequence for r in update.plane.received] == list(
            range(1, 1 + len(update.plane.received))
        )
        assert _content(update.site, "staging") == []


def _refuse_instead(disk: DyingDisk, number: int, operation: int) -> None:
    for name in CALLS:
        real = getattr(os_calls, name)

        def refusing(*args: Any, real: Callable[..., Any] = real, **options: Any) -> Any:
            disk.count += 1
            if disk.count == operation:
                raise OSError(number, "refused")
            return real(*args, **options)

        setattr(disk, name, refusing)
