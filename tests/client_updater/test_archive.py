"""Archives that are not what was signed (THREATS 4, 21 to 29): refused, and nothing is left."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest
import zstandard

from client_updater.archive import unpack
from client_updater.errors import ArtifactMismatch
from client_updater.slots import verify_tree
from manifests.release import Artifact
from tests.simulators.repository import pack

FILES = {"app.py": b"print('hello')\n", "bin/tool": b"#!/bin/sh\n", "data/a/b.bin": bytes(70_000)}
ENTRIES, TAR = pack(FILES)
ARTIFACT = Artifact(
    name="app-1.0.tar.zst",
    tar_size_bytes=len(TAR),
    tar_sha256=hashlib.sha256(TAR).hexdigest(),
    files=ENTRIES,
)


def _unpack(folder: Path, tar: bytes, *, raw: bool = False) -> Path:
    archive = folder / "archive.zst"
    archive.write_bytes(tar if raw else zstandard.ZstdCompressor().compress(tar))
    unpack(archive, ARTIFACT, folder / "out")
    return folder / "out"


def test_the_signed_files_come_out_with_their_modes(tmp_path: Path) -> None:
    out = _unpack(tmp_path, TAR)
    verify_tree(out, ENTRIES)
    assert (out / "app.py").read_bytes() == FILES["app.py"]
    assert (out / "bin/tool").stat().st_mode & 0o7777 == 0o755


def test_tar_reads_our_archives_too(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(TAR)) as tar:
        assert tar.getnames() == sorted(FILES)


def _member(name: str, content: bytes = b"", **fields: object) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.PAX_FORMAT) + content + bytes(-len(content) % 512)


END = bytes(1024)
HOSTILE = {
    "up and out": _member("../evil", b"x") + TAR,
    "absolute": _member("/tmp/evil", b"x") + TAR,  # noqa: S108 - what an attacker would write
    "a link": _member("link", type=tarfile.SYMTYPE, linkname="/etc") + TAR,
    "through a link": _member("data", type=tarfile.SYMTYPE, linkname="..") + TAR,
    "a hard link": _member("app.py", type=tarfile.LNKTYPE, linkname="/etc/passwd") + TAR,
    "a device": _member("app.py", type=tarfile.CHRTYPE) + TAR,
    "a fifo": _member("app.py", type=tarfile.FIFOTYPE) + TAR,
    "setuid": _member("app.py", FILES["app.py"], mode=0o4755) + TAR[1024:],
    "another owner": _member("app.py", FILES["app.py"], uid=1000) + TAR[1024:],
    "a pax header": _member("x", pax_headers={"path": "../../evil"}) + TAR,
    "the same file twice": TAR[:1024] + TAR,
    "a file that is not listed": TAR[: -len(END)] + _member("extra", b"x") + END,
    "a listed file that is missing": TAR[1024:],
    "other content": TAR.replace(b"hello", b"hallo"),
    "cut in a file": TAR[:40_000],
    "cut at its end": TAR[:-512],
    "nothing": b"",
    "data after its end": TAR + b"more",
    "zeros after its end": TAR + bytes(512),
    "a second archive": TAR + TAR,
    "padding that is not zero": TAR[: 512 + 100] + b"?" + TAR[512 + 101 :],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_anything_else_than_the_signed_tar_is_refused_and_wiped(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtifactMismatch):
        _unpack(tmp_path, HOSTILE[name])
    assert os.listdir(tmp_path) == ["archive.zst"]


def test_a_second_frame_is_refused(tmp_path: Path) -> None:
    compress = zstandard.ZstdCompressor().compress
    with pytest.raises(ArtifactMismatch):
        _unpack(tmp_path, compress(TAR) + compress(b"more"), raw=True)


@pytest.mark.parametrize("junk", [b"not zstd at all", b"\x28\xb5\x2f\xfd", os.urandom(1000)])
def test_what_is_no_zstd_is_refused(tmp_path: Path, junk: bytes) -> None:
    with pytest.raises(ArtifactMismatch):
        _unpack(tmp_path, junk, raw=True)


def test_a_bomb_is_refused_after_its_first_wrong_byte(tmp_path: Path) -> None:
    with pytest.raises(ArtifactMismatch):
        _unpack(tmp_path, bytes(200_000_000))
    assert os.listdir(tmp_path) == ["archive.zst"]


def test_a_frame_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
    greedy = zstandard.ZstdCompressor(compression_params=parameters)
    stream = greedy.compressobj()
    with pytest.raises(ArtifactMismatch, match="cannot be decompressed"):
        _unpack(tmp_path, stream.compress(TAR) + stream.flush(), raw=True)


@pytest.mark.parametrize("link", [True, False], ids=["a link", "nothing"])
def test_an_archive_that_is_taken_away_before_it_is_read_is_refused(
    tmp_path: Path, link: bool
) -> None:
    archive = tmp_path / "archive.zst"
    if link:
        archive.symlink_to("/etc/hostname")
    with pytest.raises(ArtifactMismatch, match="taken away"):
        unpack(archive, ARTIFACT, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_was_in_the_staging_folder_before_is_gone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "left over").write_bytes(b"x")
    verify_tree(_unpack(tmp_path, TAR), ENTRIES)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda out: (out / "app.py").write_bytes(b"print('hallo')\n"),
        lambda out: (out / "app.py").chmod(0o755),
        lambda out: (out / "app.py").unlink(),
        lambda out: (out / "more.py").write_bytes(b"x"),
        lambda out: (out / "data/link").symlink_to("/etc"),
        lambda out: ((out / "app.py").unlink(), (out / "app.py").symlink_to("/etc/hostname")),
        lambda out: ((out / "app.py").unlink(), os.mkfifo(out / "app.py")),
    ],
)
def test_a_staged_tree_that_was_touched_is_noticed(tmp_path: Path, tamper: object) -> None:
    out = _unpack(tmp_path, TAR)
    tamper(out)  # type: ignore[operator]
    with pytest.raises(ArtifactMismatch):
        verify_tree(out, ENTRIES)
