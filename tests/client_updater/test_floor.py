"""The trust floor: what a site has seen, kept through everything but the loss of both copies."""

import errno
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client_updater import durable
from client_updater.errors import ClockWrong, DiskError, Rollback, TrustLost, UntrustedMetadata
from client_updater.floor import Floor, FloorFile, Seen

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
SEEN = Seen(
    root_version=3,
    root_sha256="a" * 64,
    keyset="k1",
    timestamp=10,
    snapshot=9,
    roles={"targets": 2, "notes": 4},
)
FLOOR = Floor().raised(SEEN)


@pytest.mark.parametrize(
    "lower",
    [
        replace(SEEN, root_version=2),
        replace(SEEN, timestamp=9),
        replace(SEEN, snapshot=8),
        replace(SEEN, roles={"targets": 1, "notes": 4}),
        replace(SEEN, roles={"targets": 2}),
    ],
    ids=["root", "timestamp", "snapshot", "a role", "a role that has vanished"],
)
def test_anything_older_than_before_is_a_rollback(lower: Seen) -> None:
    with pytest.raises(Rollback):
        FLOOR.raised(lower)


def test_another_root_of_the_same_version_is_refused() -> None:
    with pytest.raises(UntrustedMetadata):
        FLOOR.raised(replace(SEEN, root_sha256="b" * 64))


def test_the_same_again_is_fine_and_changes_nothing() -> None:
    assert FLOOR.raised(SEEN) == FLOOR


def test_a_fast_forward_is_recovered_by_a_newer_root_with_other_online_keys() -> None:
    pushed = FLOOR.raised(replace(SEEN, timestamp=2**31, snapshot=2**31))
    recovered = replace(SEEN, root_version=4, root_sha256="c" * 64, keyset="k2", timestamp=11)
    assert pushed.raised(recovered).timestamp == 11


def test_a_newer_root_with_the_same_online_keys_resets_nothing() -> None:
    with pytest.raises(Rollback):
        FLOOR.raised(replace(SEEN, root_version=4, root_sha256="c" * 64, timestamp=1))


def test_other_online_keys_without_a_newer_root_reset_nothing() -> None:
    with pytest.raises(Rollback):
        FLOOR.raised(replace(SEEN, keyset="k2", timestamp=1))


def test_a_clock_that_was_set_back_is_refused_and_a_small_step_is_not() -> None:
    floor = FLOOR.proven(NOW)
    floor.check_clock(NOW - timedelta(minutes=9))
    with pytest.raises(ClockWrong):
        floor.check_clock(NOW - timedelta(minutes=11))


def test_the_newest_confirmed_version_never_falls() -> None:
    floor = FLOOR.confirmed("notes", "2.0").confirmed("notes", "1.0")
    assert floor.releases == {"notes": "2.0"}


def test_stopped_versions_stay_until_something_newer_was_confirmed() -> None:
    floor = FLOOR.with_stopped("notes", ["2.0", "3.0"]).with_stopped("notes", ["2.0"])
    assert floor.stopped["notes"] == ("2.0", "3.0")
    assert floor.confirmed("notes", "2.5").stopped["notes"] == ("3.0",)


def test_both_copies_are_written_and_either_is_enough(tmp_path: Path) -> None:
    file = FloorFile(tmp_path)
    file.save(FLOOR)
    for lost in ("floor.a", "floor.b"):
        content = (tmp_path / lost).read_bytes()
        (tmp_path / lost).unlink()
        assert file.load() == FLOOR
        (tmp_path / lost).write_bytes(content)
        (tmp_path / lost).chmod(0o600)


def test_the_newer_copy_counts_when_a_power_loss_came_between_the_two(tmp_path: Path) -> None:
    file, older = FloorFile(tmp_path), FLOOR
    file.save(older)
    kept = (tmp_path / "floor.b").read_bytes()
    newer = file.save(older.confirmed("notes", "9.0"))
    (tmp_path / "floor.b").write_bytes(kept)
    assert file.load() == newer


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "delete", "open to others"])
def test_a_damaged_copy_does_not_count_and_two_of_them_are_an_alarm(
    tmp_path: Path, damage: str
) -> None:
    file = FloorFile(tmp_path)
    file.save(FLOOR)
    _damage(tmp_path / "floor.a", damage)
    assert file.load() == FLOOR
    _damage(tmp_path / "floor.b", damage)
    with pytest.raises(TrustLost) as caught:
        file.load()
    assert "rearm --trust" in caught.value.hint


def test_a_damaged_copy_is_mended_by_the_next_save(tmp_path: Path) -> None:
    file = FloorFile(tmp_path)
    file.save(FLOOR)
    _damage(tmp_path / "floor.a", "flip")
    file.save(file.load())
    _damage(tmp_path / "floor.b", "flip")
    assert file.load() == FLOOR


def _damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "flip":
        content[len(content) // 2] ^= 1
    elif how == "truncate":
        del content[len(content) // 2 :]
    elif how == "empty":
        content.clear()
    path.write_bytes(content)
    if how == "delete":
        path.unlink()
    elif how == "open to others":
        path.chmod(0o666)


def test_what_a_killed_process_renamed_is_durable_before_anybody_acts_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = FloorFile(tmp_path)
    assert killed.note(FLOOR), "its folder was never synced"
    synced: list[Path] = []
    monkeypatch.setattr(durable, "sync_folder", synced.append)
    next_one = FloorFile(tmp_path)
    assert next_one.save(next_one.load()) == FLOOR
    assert synced == [tmp_path]
    next_one.save(FLOOR)
    assert synced == [tmp_path], "once is enough"


def test_a_sync_that_failed_is_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = FloorFile(tmp_path)
    file.save(FLOOR)
    newer, fsync = FLOOR.confirmed("notes", "9.0"), durable.disk.fsync
    refusals = iter([False, False, True])

    def refusing(fd: int) -> None:
        if next(refusals, False):
            raise OSError(errno.EIO, "not now")
        fsync(fd)

    monkeypatch.setattr(durable.disk, "fsync", refusing)
    with pytest.raises(DiskError):
        file.save(newer)
    synced: list[Path] = []
    monkeypatch.setattr(durable, "sync_folder", synced.append)
    file.save(newer)
    assert synced == [tmp_path]
