"""The one module that writes: old or new, never half; nothing followed, nothing left behind."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client_updater import durable
from client_updater.durable import Disk
from client_updater.errors import DiskError, DiskFull


class FailingDisk(Disk):
    """Lets the call with one name fail."""

    def __init__(self, name: str, number: int) -> None:
        def fail(*args: Any, **options: Any) -> Any:
            raise OSError(number, os.strerror(number))

        setattr(self, name, fail)


@pytest.fixture(autouse=True)
def _own_disk() -> Iterator[None]:
    before = durable.disk
    yield
    durable.disk = before


@pytest.mark.parametrize("call", ["open", "write", "fsync", "rename"])
@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EIO, DiskError),
        (errno.EROFS, DiskError),
    ],
)
def test_a_write_that_the_disk_refuses_leaves_the_old_file_and_gives_its_space_back(
    tmp_path: Path, call: str, number: int, error: type[Exception]
) -> None:
    path = tmp_path / "note"
    durable.write(path, b"old")
    durable.disk = FailingDisk(call, number)
    with pytest.raises(error):
        durable.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["note"]


def test_a_write_after_a_crash_in_the_middle_of_one_succeeds(tmp_path: Path) -> None:
    (tmp_path / ".note.new").write_bytes(b"half of someth")
    durable.write(tmp_path / "note", b"whole")
    assert os.listdir(tmp_path) == ["note"]


def test_a_link_planted_at_the_temporary_name_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / ".note.new").symlink_to(victim)
    durable.write(tmp_path / "note", b"x")
    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "note").is_symlink()


def test_a_link_moves_in_one_step(tmp_path: Path) -> None:
    link = tmp_path / "current"
    durable.link(link, "1.0")
    durable.link(link, "2.0")
    assert os.readlink(link) == "2.0"
    assert os.listdir(tmp_path) == ["current"]


def test_removing_a_tree_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"x")
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "way-out").symlink_to(outside)
    (tree / "file").write_bytes(b"x")
    durable.remove(tree)
    assert not tree.exists()
    assert (outside / "precious").exists()


def test_removing_what_is_not_there_is_no_mistake(tmp_path: Path) -> None:
    durable.remove(tmp_path / "nothing")


def test_a_new_file_never_replaces_one(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"x")
    with pytest.raises(DiskError):
        durable.create(tmp_path / "there")


def test_a_new_file_has_exactly_the_mode_that_was_signed(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with durable.create(tmp_path / "tool", mode=0o755) as file:
            file.write(b"#!/bin/sh\n")
    finally:
        os.umask(before)
    assert (tmp_path / "tool").stat().st_mode & 0o777 == 0o755


def test_a_log_is_cut_to_its_end_while_somebody_writes_to_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    writer = durable.open_log(path)
    try:
        os.write(writer, b"a" * 1000 + b"the end")
        durable.trim_log(path, most_bytes=500, kept_bytes=7)
        os.write(writer, b" and more")
    finally:
        os.close(writer)
    assert path.read_bytes() == b"the end and more"
