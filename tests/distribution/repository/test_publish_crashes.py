"""A crash between any two uploads of a publish: nobody sees half of it, and it can be finished."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from manifests.target_paths import Lane, manifest_path
from signing.store import Content, Store
from tests.simulators.crashing_store import Crash, CrashingStore
from tests.simulators.estate import Estate
from tests.simulators.tuf_reader import TufReader

OLD, NEW = manifest_path(Lane.RELEASES, "app", "1.0"), manifest_path(Lane.RELEASES, "app", "1.1")


WRITES = ["manifest", "artifact", "role", "snapshot", "timestamp"]
CRASHES = [(n + 1, after) for n in range(len(WRITES)) for after in (False, True)]


@pytest.mark.parametrize(
    ("at", "after"),
    CRASHES,
    ids=[f"{'after' if a else 'before'} {WRITES[n - 1]}" for n, a in CRASHES],
)
def test_after_a_crash_everybody_reads_the_old_or_the_new_and_the_same_command_finishes(
    tmp_path: Path, real_store: Store, at: int, after: bool
) -> None:
    estate = Estate.create(tmp_path, store=real_store)
    old = estate.publish("1.0").manifest.to_bytes()
    proposal = estate.propose(estate.build("1.1"))
    estate.sign(proposal, "sari", "joko")
    warm = TufReader(tmp_path / "warm", real_store, estate.root)
    assert warm.read(OLD, NEW) == {OLD: old, NEW: None}

    crashing = CrashingStore(real_store, at, after=after)
    estate.store = crashing
    with pytest.raises(Crash):
        estate.publish_proposal(proposal)

    new = (proposal / "targets" / NEW).read_bytes()
    visible = new if (at, after) == (len(WRITES), True) else None
    cold = TufReader(tmp_path / "cold", real_store, estate.root)
    assert warm.read(OLD, NEW) == {OLD: old, NEW: visible}
    assert cold.read(OLD, NEW) == {OLD: old, NEW: visible}

    estate.store = real_store
    done = estate.publish_proposal(proposal)
    assert done.releases == (NEW,)
    assert done.already is (visible is not None)
    for reader in (warm, cold, TufReader(tmp_path / "later", real_store, estate.root)):
        assert reader.read(OLD, NEW) == {OLD: old, NEW: new}


def test_a_publish_writes_just_these_files_in_this_order(estate: Estate) -> None:
    estate.publish("1.0")
    proposal = estate.propose(estate.build("1.1"))
    estate.sign(proposal, "sari", "joko")
    written: list[str] = []

    class Watching(CrashingStore):
        def create(self, key: str, content: Content) -> None:
            written.append(key)
            super().create(key, content)

        def replace(self, key: str, content: bytes, tag: str | None) -> None:
            written.append(key)
            super().replace(key, content, tag)

    estate.store = Watching(estate.store, 0, after=False)
    estate.publish_proposal(proposal)
    names = [key.rpartition("/")[2] for key in written]
    contents = sorted(name.partition(".")[2] for name in names[:2])
    assert contents == ["app-1.1.tar.zst", "manifest.json"]
    assert names[2:] == ["2.app.json", "4.snapshot.json", "timestamp.json"]


@pytest.mark.parametrize("at", range(1, 9))
def test_the_making_of_a_repository_survives_a_crash_too(tmp_path: Path, at: int) -> None:
    estate = Estate.found(tmp_path)
    proposal = tmp_path / "proposals" / "repository"
    estate.sign(proposal, "ani", "budi")
    store = estate.store
    estate.store = CrashingStore(store, (at + 1) // 2, after=at % 2 == 0)
    try:
        estate.publish_proposal(proposal)
    except Crash:
        estate.store = store
        estate.publish_proposal(proposal)
    estate.store = store
    estate.add_product("app")
    release = estate.publish("1.0")
    assert TufReader(tmp_path / "reader", store, estate.root).read(OLD) == {
        OLD: release.manifest.to_bytes()
    }


def test_killed_in_the_middle_of_any_write_to_the_disk(tmp_path: Path) -> None:
    """SIGKILL at every fsync, link and rename of one publish, each in a process of its own."""
    estate = Estate.create(tmp_path)
    old = estate.publish("1.0").manifest.to_bytes()
    warm = TufReader(tmp_path / "warm", estate.store, estate.root)
    kills = 0
    for number in range(1, 100):
        version = f"1.{number}"
        path = manifest_path(Lane.RELEASES, "app", version)
        proposal = estate.propose(estate.build(version))
        estate.sign(proposal, "sari", "joko")
        child = multiprocessing.get_context("fork").Process(
            target=_publish_and_die, args=(estate, proposal, number)
        )
        child.start()
        child.join(30)
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL
        kills += 1
        assert warm.read(OLD)[OLD] == old
        estate.publish_proposal(proposal)
        assert warm.read(path)[path] == (proposal / "targets" / path).read_bytes()
    assert kills >= 3 * len(WRITES)
    assert not [key for key in estate.store.keys("") if "tmp" in key]


def _publish_and_die(estate: Estate, proposal: Path, at: int) -> None:
    left = at

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*args: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **options)

        return wrapped

    os.fsync = counted(os.fsync)  # type: ignore[assignment] # this process ends here
    os.link = counted(os.link)  # type: ignore[assignment] # this process ends here
    Path.replace = counted(Path.replace)  # type: ignore[method-assign,assignment] # this process ends here
    estate.publish_proposal(proposal)
    os._exit(0)
