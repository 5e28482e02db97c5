"""A client's data: kept before a version may change it, and back, to the byte, when it goes."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client_updater import durable
from client_updater.data_folders import data_folders
from client_updater.errors import DiskFull, Incompatible, RevertFailed
from client_updater.restoring import restore
from client_updater.snapshots import Snapshots
from manifests.site import SitePolicy
from tests.simulators.control_plane import ControlPlane
from tests.simulators.data import picture
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import PROGRAM, SimulatedSite, program_fields

SPOILING = b"""\
import pathlib, sys
data = pathlib.Path(sys.argv[2])
(data / "orders.db").write_bytes(b"migrated to the new format")
(data / "old.txt").unlink()
(data / "deep").mkdir()
(data / "deep/new.txt").write_text("new")
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "orders.db").write_bytes(os.urandom(300_000))
    (folder / "old.txt").write_text("old")
    (folder / "old.txt").chmod(0o640)
    (folder / "sub/link").symlink_to("../old.txt")
    (folder / "sub/empty").mkdir()
    os.utime(folder / "old.txt", ns=(10**18, 10**18))
    return folder


def spoil(folder: Path) -> None:
    (folder / "orders.db").write_bytes(b"other")
    (folder / "old.txt").unlink()
    (folder / "old.txt").mkdir()
    (folder / "old.txt/inside").write_text("x")
    (folder / "sub/link").unlink()
    (folder / "sub/link").write_text("no link any more")
    (folder / "sub/empty").rmdir()
    (folder / "new").mkdir()
    (folder / "new/file").write_text("x")
    (folder / "sub").chmod(0o700)


def snapshots(tmp_path: Path) -> Snapshots:
    (tmp_path / "state/snapshots").mkdir(parents=True, exist_ok=True)
    return Snapshots(tmp_path / "state/snapshots/app")


def test_what_a_version_did_to_the_data_is_undone_to_the_byte(tmp_path: Path, data: Path) -> None:
    kept, before = snapshots(tmp_path), picture(data)
    kept.take("a1", [data])
    spoil(data)
    restore(kept, "a1")
    assert picture(data) == before
    restore(kept, "a1")
    assert picture(data) == before, "it can be done twice"
    kept.forget("a1")
    assert not kept.folder.exists()


def test_blocks_are_shared_where_the_file_system_can(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = []

    def clone(fd: int, source: int) -> None:
        shared.append(os.fstat(source).st_size)
        os.sendfile(fd, source, 0, 1 << 30)

    monkeypatch.setattr(durable.disk, "clone", clone)
    kept, before = snapshots(tmp_path), picture(data)
    kept.take("a1", [data])
    assert sorted(shared) == [3, 300_000]
    spoil(data)
    restore(kept, "a1")
    assert picture(data) == before


def test_a_second_snapshot_of_the_same_attempt_is_the_first(tmp_path: Path, data: Path) -> None:
    kept, before = snapshots(tmp_path), picture(data)
    kept.take("a1", [data])
    spoil(data)
    kept.take("a1", [data])
    restore(kept, "a1")
    assert picture(data) == before


def test_a_folder_that_was_not_there_goes_again(tmp_path: Path) -> None:
    kept = snapshots(tmp_path)
    kept.take("a1", [tmp_path / "later"])
    (tmp_path / "later").mkdir()
    (tmp_path / "later/file").write_text("x")
    restore(kept, "a1")
    assert not (tmp_path / "later").exists()


def test_a_damaged_copy_is_never_put_in_the_place_of_data(tmp_path: Path, data: Path) -> None:
    kept = snapshots(tmp_path)
    kept.take("a1", [data])
    number = next(
        entry.number
        for folder in (kept.read("a1") or pytest.fail("no record")).folders
        for entry in folder.entries
        if entry.path == "orders.db"
    )
    (kept.path("a1") / str(number)).write_bytes(b"rotten")
    (data / "orders.db").write_bytes(b"other")
    with pytest.raises(RevertFailed, match="damaged"):
        restore(kept, "a1")
    assert (data / "orders.db").read_bytes() == b"other"


def test_what_is_no_data_is_left_alone_and_odd_names_are_kept(tmp_path: Path, data: Path) -> None:
    kept = snapshots(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(data / "socket"))
        os.mkfifo(data / "pipe")
        odd = os.path.join(os.fsencode(data), b"caf\xe9 %41\n.txt")
        with open(odd, "wb") as file:
            file.write(b"odd")
        kept.take("a1", [data])
        os.unlink(odd)
        restore(kept, "a1")
        assert Path(os.fsdecode(odd)).read_bytes() == b"odd"
        assert (data / "socket").exists() and (data / "pipe").exists()


def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path: Path, data: Path) -> None:
    kept, before = snapshots(tmp_path), picture(data)
    kept.take("a1", [data])
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("mine")
    (data / "sub/link").unlink()
    (data / "sub/empty").rmdir()
    (data / "sub").rmdir()
    (data / "sub").symlink_to(victim)
    restore(kept, "a1")
    assert (victim / "precious").read_text() == "mine"
    assert list(victim.iterdir()) == [victim / "precious"]
    assert picture(data) == before


def test_a_disk_without_room_for_a_copy_is_found_out_before(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = snapshots(tmp_path)
    kept.check_room([data])
    with (data / "huge").open("wb") as file:
        file.truncate(2**50) if os.statvfs(data).f_blocks > 2**50 else file.truncate(2**42)
    with pytest.raises(DiskFull, match="copy of the data"):
        kept.check_room([data])


Allowed = Callable[[str, str], tuple[Path, ...]]


@pytest.fixture
def allowed(repository: SimulatedRepository) -> Allowed:
    def found(folder: str, listed: str) -> tuple[Path, ...]:
        manifest = repository.release(
            "notes", "1.0", {"a": b""}, data_folders=(folder,), variables=("data",)
        )
        return data_folders(
            manifest, SitePolicy(data_folders={"notes": (listed,)}), {"data": "/x/y"}
        )

    return found


@pytest.mark.parametrize(
    ("folder", "listed"), [("/srv/app", "/srv/app"), ("/srv/app/db", "/srv/app"), ("{data}", "/x")]
)
def test_a_release_may_change_what_the_policy_lists(
    allowed: Allowed, folder: str, listed: str
) -> None:
    assert allowed(folder, listed)


@pytest.mark.parametrize(
    ("folder", "listed"),
    [("/etc", "/srv/app"), ("/srv/application", "/srv/app"), ("/srv", "/srv/a")],
)
def test_a_release_may_not_touch_anything_else(allowed: Allowed, folder: str, listed: str) -> None:
    with pytest.raises(Incompatible, match="does not allow"):
        allowed(folder, listed)


def _fields(**more: Any) -> dict[str, Any]:
    plain = program_fields(**more)
    return {**plain, "variables": ("port", "data"), "data_folders": ("{data}",)}


def test_a_revert_brings_the_data_back_and_a_confirmed_version_frees_the_copy(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane, data: Path
) -> None:
    def policy(extra: str) -> None:
        site.write_policy(extra)
        with (site.folder / "site.toml").open("a") as file:
            file.write(f'data = "{data}"\n')

    policy("")
    before = picture(data)
    repository.release("notes", "1.0", {"app.py": PROGRAM}, **_fields())
    repository.roll_out("notes", "1.0")
    site.poll()
    assert site.current() is None, "the site has not allowed it"
    assert plane.received[-1].phase == "refused"

    policy(f'[data_folders]\nnotes = ["{data}"]')
    site.poll()
    assert (site.current(), picture(data)) == ("1.0", before)
    assert not (site.folder / "snapshots/notes").exists()

    fields = _fields(attempts=1)
    fields["install"] = fields["install"].model_copy(
        update={
            "service": fields["install"].service.model_copy(
                update={"command": ("python3", "-S", "app.py", "{port}", "{data}")}
            )
        }
    )
    repository.release("notes", "2.0", {"app.py": SPOILING}, **fields)
    repository.roll_out("notes", "2.0")
    site.poll()
    assert plane.phases("2.0")[-1] == "reverted"
    assert (site.current(), site.answer()["version"]) == ("1.0", "1.0")
    assert picture(data) == before
    assert not (site.folder / "snapshots/notes").exists()
