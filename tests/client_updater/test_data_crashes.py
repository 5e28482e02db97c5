"""The agent dies before any of its disk operations while a version spoils a client's data.

Wherever that is, the data is what it was when the version is reverted, and nothing is left over.
"""

import itertools
import shutil
from pathlib import Path

import pytest

from client_updater import durable
from client_updater.durable import Disk
from manifests.release import CommandCheck, Health
from tests.simulators.control_plane import ControlPlane
from tests.simulators.data import picture
from tests.simulators.mortal import Steps
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite

SPOIL = (
    'cd "$0" && echo spoiled > a.txt && rm -rf sub && mkdir new && echo x > new/x; '
    "ln -sfn / link; exit 1"
)


class Died(BaseException):
    """The process is gone. Nothing in the product catches it."""


def dying_at(operation: int) -> Disk:
    left = [operation]

    def before(name: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Died

    return Steps(before)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("one order")
    (folder / "sub/b.txt").write_text("another")
    (folder / "link").symlink_to("a.txt")
    return folder


def test_wherever_the_agent_dies_the_data_comes_back_with_the_old_version(
    site: SimulatedSite,
    repository: SimulatedRepository,
    plane: ControlPlane,
    data: Path,
    tmp_path: Path,
) -> None:
    site.write_policy(f'[data_folders]\nnotes = ["{data}"]')
    repository.release("notes", "1.0", {"a": b"1"})
    repository.roll_out("notes", "1.0")
    site.poll()
    check = CommandCheck(command=("/bin/sh", "-c", SPOIL, str(data)))
    health = Health(checks=(check,), attempts=1)
    repository.release("notes", "2.0", {"a": b"2"}, data_folders=(str(data),), health=health)
    repository.roll_out("notes", "2.0")
    shutil.copytree(site.folder, tmp_path / "base", symlinks=True)
    (tmp_path / "base").chmod(0o700)
    before, quick, received = picture(data), durable.disk, list(plane.received)
    deaths = 0
    for operation in itertools.count(1, 3):
        shutil.rmtree(site.folder)
        shutil.copytree(tmp_path / "base", site.folder, symlinks=True)
        plane.received, plane.reports = list(received), {}
        durable.disk = dying_at(operation)
        try:
            site.poll()
        except Died:
            deaths += 1
        else:
            break
        finally:
            durable.disk = quick
        site.poll()
        assert picture(data) == before, f"operation {operation}"
        assert site.current() == "1.0"
        assert plane.phases("2.0")[-1] == "reverted"
        assert not list((site.folder / "snapshots").iterdir())
    assert deaths > 40
