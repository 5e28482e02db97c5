"""A delta makes exactly what was signed, or nothing: it is as hostile as any mirror."""

import hashlib
import os
import random
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from client_updater import patching
from client_updater.archive import unpack_tar
from client_updater.deltas import Basis, rebuilt
from client_updater.errors import ArtifactMismatch
from client_updater.patching import Patcher
from client_updater.slots import verify_tree
from distribution.repository.delta_coding import Unpacked, write_delta
from manifests.delta import delta_path
from manifests.delta_frames import MAGIC, Shared, framed
from manifests.release import Artifact
from manifests.target_paths import rollouts_role
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository, pack
from tests.simulators.site import SimulatedSite
from tests.simulators.web import Web

RANDOM = random.Random(7)
SAME, GROWING = RANDOM.randbytes(300_000), RANDOM.randbytes(200_000)
OLD = {"app-1.0/data": GROWING, "empty": b"", "same": SAME, "tool": b"#!/bin/sh\necho old\n"}
NEW = {
    "app-2.0/data": GROWING[:100_000] + b"inserted" + GROWING[100_000:],
    "empty": b"",
    "moved/same": SAME,
    "new": b"brand new",
    "tool": b"#!/bin/sh\necho new\n",
}


def _artifact(files: Mapping[str, bytes]) -> tuple[Artifact, bytes]:
    entries, tar = pack(files)
    digest = hashlib.sha256(tar).hexdigest()
    return (
        Artifact(name="x.tar.zst", tar_size_bytes=len(tar), tar_sha256=digest, files=entries),
        tar,
    )


def _make(folder: Path, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> bytes:
    sides = []
    for name, files in (("old", old), ("new", new)):
        artifact, tar = _artifact(files)
        (folder / f"{name}.tar").write_bytes(tar)
        sides.append(Unpacked(folder / f"{name}.tar", artifact.files))
    write_delta(*sides, folder / "made.delta")
    return (folder / "made.delta").read_bytes()


@pytest.fixture
def basis(tmp_path: Path) -> Basis:
    """The old release, installed."""
    for name, content in OLD.items():
        (tmp_path / "slot" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "slot" / name).write_bytes(content)
    return Basis("1.0", tmp_path / "slot", _artifact(OLD)[0])


@pytest.fixture
def delta(tmp_path: Path) -> Path:
    """The delta from there to the new one."""
    _make(tmp_path, OLD, NEW)
    return tmp_path / "made.delta"


def _apply(delta: Path, basis: Basis, folder: Path) -> None:
    artifact, _ = _artifact(NEW)
    with rebuilt(delta, basis, artifact) as tar:
        unpack_tar(tar, artifact, folder)


def test_a_delta_makes_the_signed_files(delta: Path, basis: Basis, tmp_path: Path) -> None:
    assert delta.stat().st_size < 2000
    _apply(delta, basis, tmp_path / "out")
    verify_tree(tmp_path / "out", _artifact(NEW)[0].files)


def test_damaged_deltas_end_in_one_typed_error(delta: Path, basis: Basis, tmp_path: Path) -> None:
    good, out = delta.read_bytes(), tmp_path / "out"
    damaged = [good[:size] for size in range(0, len(good), len(good) // 8)]
    for _ in range(25):
        bad = bytearray(good)
        for _ in range(RANDOM.randint(1, 8)):
            bad[RANDOM.randrange(len(MAGIC), len(bad))] ^= RANDOM.randint(1, 255)
        damaged.append(bytes(bad))
    for content in damaged:
        delta.write_bytes(content)
        try:
            _apply(delta, basis, out)
        except ArtifactMismatch:
            assert not out.exists(), "and nothing of it is left"
        else:
            verify_tree(out, _artifact(NEW)[0].files)


def test_files_that_changed_at_the_site_are_no_basis(
    delta: Path, basis: Basis, tmp_path: Path
) -> None:
    (basis.folder / "same").write_bytes(bytes(len(SAME)))
    with pytest.raises(ArtifactMismatch, match="moved/same"):
        _apply(delta, basis, tmp_path / "out")
    (basis.folder / "same").unlink()
    os.mkfifo(basis.folder / "same")
    with pytest.raises(ArtifactMismatch):
        _apply(delta, basis, tmp_path / "out")
    (basis.folder / "same").unlink()
    (basis.folder / "same").symlink_to("/etc/hostname")
    with pytest.raises(ArtifactMismatch, match="same"):
        _apply(delta, basis, tmp_path / "out")


def test_a_coder_that_crashes_takes_nothing_with_it() -> None:
    with Patcher() as patcher:
        patcher._child.send_signal(signal.SIGSEGV)
        with pytest.raises(ArtifactMismatch, match="coder"):
            list(patcher.apply([b"a"], 1, [b"b"], 1, 1))


def test_a_coder_gets_so_much_memory_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patching, "MEMORY_BYTES", 80 * 2**20)
    piece = bytes(2**20)
    with Patcher() as patcher, pytest.raises(ArtifactMismatch):
        list(patcher.apply([piece] * 200, 200 * 2**20, [b"x"], 1, 1))


def test_a_coder_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patching, "SILENCE_SECONDS", 0.2)
    with Patcher() as patcher:
        patcher._child.send_signal(signal.SIGSTOP)
        with pytest.raises(ArtifactMismatch):
            list(patcher.apply([b"a"], 1, [b"b"], 1, 1))


# --- a whole update


def _offer(repository: SimulatedRepository, delta: bytes) -> None:
    """1.0 is installed somewhere; 2.0 comes with a delta."""
    repository.release("notes", "2.0", NEW)
    role = rollouts_role("notes")
    repository.add_target(role, delta_path("notes", "1.0", "2.0", "any"), delta)
    repository.roll_out("notes", "2.0")


@pytest.fixture
def at_one(site: SimulatedSite, repository: SimulatedRepository) -> SimulatedSite:
    """It runs 1.0."""
    repository.release("notes", "1.0", OLD)
    repository.roll_out("notes", "1.0")
    site.poll()
    return site


def test_a_site_fetches_the_delta_and_says_what_it_spared(
    at_one: SimulatedSite,
    repository: SimulatedRepository,
    web: Web,
    plane: ControlPlane,
    delta: Path,
) -> None:
    _offer(repository, delta.read_bytes())
    web.requests.clear()
    at_one.poll()
    assert at_one.current() == "2.0"
    assert web.asked(".tar.zst") == []
    report = plane.received[-1]
    assert report.downloaded_bytes == delta.stat().st_size
    assert report.saved_bytes > 400_000
    assert list((at_one.folder / "downloads").iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"nonsense", MAGIC + framed((), b"HDIFF13&lzma2&nonsense")),
        MAGIC + framed([Shared(0, 0, 1000), Shared(0, 10**6, 1000)], b""),
        MAGIC + framed([Shared(0, 0, 200_000)], b""),
    ],
)
def test_a_useless_delta_costs_one_fallback(
    at_one: SimulatedSite,
    repository: SimulatedRepository,
    web: Web,
    plane: ControlPlane,
    content: bytes,
) -> None:
    _offer(repository, content)
    at_one.poll()
    assert at_one.current() == "2.0"
    assert len(web.asked("2.0.tar.zst")) == 1
    assert plane.received[-1].saved_bytes == 0


def test_a_delta_that_is_listed_and_not_there_costs_nothing(
    at_one: SimulatedSite, repository: SimulatedRepository, delta: Path
) -> None:
    _offer(repository, delta.read_bytes())
    for path in [path for path in repository.files if path.endswith(".delta")]:
        del repository.files[path]
    at_one.poll()
    assert at_one.current() == "2.0"
