"""What an attacker with the bucket, the line, an online key or the disk cannot do (THREATS 1)."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from client_updater.errors import (
    AgentError,
    ExpiredMetadata,
    Rollback,
    TrustLost,
    Unreachable,
    Untrusted,
    UntrustedMetadata,
)
from client_updater.fetcher import Fetcher
from client_updater.floor import Floor, FloorFile
from client_updater.line_settings import LineSettings
from client_updater.trusted import Place, Trusted, pinned_root
from manifests.target_paths import plan_path
from tests.simulators.repository import SimulatedRepository
from tests.simulators.web import Replaced, Status, Web

PLAN = plan_path("notes")
CONCERNS = ("targets", "notes", "notes.rollouts", "hotfixes", "breakglass")


class Reader:
    """One site's trust: each ``poll`` is a fresh ``Trusted`` on the same folder."""

    def __init__(self, folder: Path, repository: SimulatedRepository, web: Web) -> None:
        self.folder, self.web, self.root = folder, web, repository.root
        self.floors = FloorFile(folder)
        (folder / "metadata/verified").mkdir(parents=True)
        self.floors.save(Floor())

    def poll(self) -> Trusted:
        """Refresh."""
        place = Place(
            root=self.root,
            metadata_url=f"{self.web.url}/metadata/",
            targets_url=f"{self.web.url}/targets/",
            cache=self.folder / "metadata",
            verified=self.folder / "metadata/verified",
        )
        trusted = Trusted(place, Fetcher(LineSettings(tries=1)), self.floors, CONCERNS)
        trusted.refresh()
        return trusted

    def read_plan(self) -> bytes:
        """Refresh and read the plan."""
        trusted = self.poll()
        target = trusted.find(PLAN, "notes.rollouts")
        assert target is not None
        return trusted.read(target, 10_000)

    def lose_cache(self) -> None:
        """As a power loss may."""
        shutil.rmtree(self.folder / "metadata")
        (self.folder / "metadata/verified").mkdir(parents=True)


@pytest.fixture
def reader(tmp_path: Path, repository: SimulatedRepository, web: Web) -> Reader:
    repository.release("notes", "1.0", {"a": b"1"})
    repository.roll_out("notes", "1.0")
    return Reader(tmp_path, repository, web)


def test_what_was_signed_is_read_and_a_poll_without_news_is_two_requests(
    reader: Reader, repository: SimulatedRepository, web: Web
) -> None:
    assert reader.read_plan() == repository.plans["notes"].to_bytes()
    web.requests.clear()
    reader.read_plan()
    assert web.asked() == ["/metadata/2.root.json", "/metadata/timestamp.json"]


@pytest.mark.parametrize("length", [10_001, 2**63])
def test_a_length_that_no_plan_may_have_is_refused_before_anything_is_read(
    reader: Reader, length: int
) -> None:
    reader.read_plan()
    trusted = reader.poll()
    target = trusted.find(PLAN, "notes.rollouts")
    assert target is not None
    with pytest.raises(UntrustedMetadata, match=f"has {length} bytes, over 10000"):
        trusted.read(replace(target, length=length), 10_000)


def test_nobody_has_signed_it_yet_is_no_fault(reader: Reader) -> None:
    trusted = reader.poll()
    assert trusted.find("hotfixes/notes/1.1/manifest.json", "hotfixes") is None
    assert trusted.find("releases/notes/9.9/manifest.json", "notes") is None


def test_rollback_after_the_cache_was_lost_is_refused(
    reader: Reader, repository: SimulatedRepository
) -> None:
    yesterday = dict(repository.files)
    repository.roll_out("notes", "1.0", reason="news")
    today = dict(repository.files)
    reader.poll()
    reader.lose_cache()
    repository.files.update(yesterday)
    with pytest.raises(Rollback):
        reader.poll()
    repository.files.update(today)
    reader.read_plan()


def test_a_stolen_timestamp_key_cannot_point_at_an_older_snapshot(
    reader: Reader, repository: SimulatedRepository
) -> None:
    reader.poll()
    reader.lose_cache()
    repository.versions["snapshot"] -= 1
    repository.sign_timestamp()
    with pytest.raises(Rollback):
        reader.poll()


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "root"])
def test_freeze_expired_metadata_is_not_acted_on(
    tmp_path: Path, repository: SimulatedRepository, web: Web, role: str
) -> None:
    repository.life[role] = timedelta(seconds=-1)
    if role == "root":
        repository.sign_root()
    elif role == "targets":
        repository.sign_targets("targets")
    repository.commit()
    with pytest.raises(ExpiredMetadata):
        Reader(tmp_path, repository, web).poll()


def test_one_expired_role_is_the_problem_of_what_it_signs_alone(
    reader: Reader, repository: SimulatedRepository
) -> None:
    repository.life["notes"] = timedelta(seconds=-1)
    repository.sign_targets("notes")
    repository.commit()
    trusted = reader.poll()
    with pytest.raises(ExpiredMetadata):
        trusted.find("releases/notes/1.0/manifest.json", "notes")
    assert trusted.find(PLAN, "notes.rollouts") is not None


def test_fast_forward_is_recovered_by_rotating_the_online_keys(
    reader: Reader, repository: SimulatedRepository
) -> None:
    honest = dict(repository.versions)
    repository.versions["timestamp"] = 2**31
    repository.versions["snapshot"] = 2**31
    repository.commit()
    reader.poll()
    repository.versions |= {"timestamp": honest["timestamp"], "snapshot": honest["snapshot"]}
    repository.rotate("timestamp", "snapshot")
    reader.read_plan()


def test_thirteen_months_and_five_root_rotations_later_one_poll_brings_it_back(
    reader: Reader, repository: SimulatedRepository
) -> None:
    reader.poll()
    for _ in range(5):
        repository.rotate("root", "timestamp", "snapshot")
    reader.read_plan()
    assert reader.floors.load().root_version == 6


def test_a_root_that_only_the_new_keys_signed_is_refused(
    reader: Reader, repository: SimulatedRepository
) -> None:
    repository.keys["root"] = [type(repository.keys["root"][0]).generate_ed25519()]
    repository.sign_root()
    with pytest.raises(UntrustedMetadata):
        reader.poll()


def test_hiding_the_newer_root_after_it_was_seen_is_a_rollback(
    reader: Reader, repository: SimulatedRepository
) -> None:
    repository.rotate("root")
    reader.poll()
    reader.lose_cache()
    del repository.files["/metadata/2.root.json"]
    with pytest.raises(Rollback):
        reader.poll()


def test_a_lost_floor_is_an_alarm_and_not_a_first_use(reader: Reader) -> None:
    reader.poll()
    for name in ("floor.a", "floor.b"):
        (reader.folder / name).unlink()
    with pytest.raises(TrustLost):
        reader.poll()


def test_the_floor_is_raised_before_anything_is_handed_out(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: FloorFile, floor: Floor) -> Floor:
        raise TrustLost("no")

    monkeypatch.setattr(FloorFile, "save", refuse)
    with pytest.raises(TrustLost):
        reader.read_plan()


@pytest.mark.parametrize("damage", ["lost", "empty", "another"])
def test_without_its_pinned_root_nothing_is_run_unverified(
    tmp_path: Path, repository: SimulatedRepository, damage: str
) -> None:
    import hashlib

    path = tmp_path / "root.json"
    if damage != "lost":
        path.write_bytes(b"" if damage == "empty" else SimulatedRepository().root)
    with pytest.raises(TrustLost):
        pinned_root(path, hashlib.sha256(repository.root).hexdigest())


@pytest.mark.parametrize("name", ["root", "timestamp", "snapshot", "targets", "notes.rollouts"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"[" * 16_000, b"\xff\xfe"], ids=repr)
def test_a_corrupt_cache_is_fetched_again(reader: Reader, name: str, damage: bytes) -> None:
    plan = reader.read_plan()
    path = reader.folder / f"metadata/{name}.json"
    path.unlink()
    path.write_bytes(damage)
    assert reader.read_plan() == plan


def test_folders_planted_in_the_cache_are_removed(reader: Reader) -> None:
    plan = reader.read_plan()
    for name in ("timestamp", "root"):
        (reader.folder / f"metadata/{name}.json").unlink()
        (reader.folder / f"metadata/{name}.json").mkdir()
    assert reader.read_plan() == plan


def test_a_corrupt_verified_file_is_fetched_again(reader: Reader) -> None:
    plan = reader.read_plan()
    (kept,) = (reader.folder / "metadata/verified").iterdir()
    kept.write_bytes(bytes(len(plan)))
    assert reader.read_plan() == plan


@pytest.mark.parametrize("status", [403, 404, 500])
def test_withheld_files_are_unreachable_and_the_next_honest_poll_succeeds(
    reader: Reader, web: Web, status: int
) -> None:
    reader.read_plan()
    for path in [path for path in web._files if "timestamp" in path or "snapshot" in path]:  # type: ignore[union-attr]
        web.faults[path] = [Status(status=status)]
    with pytest.raises(Unreachable):
        reader.poll()
    web.faults.clear()
    reader.read_plan()


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _resign_nothing(data: bytes) -> bytes:
    plain = json.loads(data)
    plain["signatures"] = []
    return json.dumps(plain).encode()


def _newer(data: bytes) -> bytes:
    plain = json.loads(data)
    plain.get("signed", plain)["version"] = 1000
    return json.dumps(plain).encode()


MUTATIONS: dict[str, Callable[[bytes], bytes]] = {
    "a flipped bit": _flip,
    "cut in half": lambda data: data[: len(data) // 2],
    "nothing": lambda data: b"",
    "no signatures": _resign_nothing,
    "a higher version": _newer,
    "twice": lambda data: data + data,
}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
@pytest.mark.parametrize(
    "part", ["timestamp", "snapshot", "targets", "rollouts", "plan", "2.root"], ids=str
)
def test_whoever_owns_the_bucket_can_change_nothing(
    reader: Reader, repository: SimulatedRepository, web: Web, part: str, mutation: str
) -> None:
    if part == "2.root":
        repository.rotate("root")
    wanted = repository.plans["notes"].to_bytes()
    suffix = "plan.json" if part == "plan" else f"{part}.json"
    (*_, path) = sorted(name for name in web._files if name.endswith(suffix))  # type: ignore[union-attr]
    web.faults[path] = [Replaced(body=MUTATIONS[mutation](repository.files[path]))]
    with pytest.raises((Untrusted, Unreachable)) as caught:
        reader.read_plan()
    assert isinstance(caught.value, AgentError)
    web.faults.clear()
    assert reader.read_plan() == wanted
