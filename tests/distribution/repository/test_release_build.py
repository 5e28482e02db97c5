"""From what a developer or vendor hands over to one artifact: the same bytes, or a refusal."""

import bz2
import gzip
import io
import lzma
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import textwrap
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from distribution.control.schedules import load_schedule
from distribution.errors import Conflict, Unavailable
from distribution.repository import artifacts
from distribution.repository.artifacts import Built
from distribution.repository.collected import Collected, UnusableInput
from distribution.repository.unpacking import read_input
from manifests.errors import ManifestError
from signing.contents import check_artifact
from tests.simulators.estate import AT_ONCE

ISSUED_AT = datetime(2026, 3, 1, tzinfo=UTC)
FILES = {"bin/serve": b"#!/bin/sh\nexec true\n", "data/prices.json": b"{}", "README": b"read me\n"}


@pytest.fixture
def description(tmp_path: Path) -> Path:
    """A release.toml."""
    file = tmp_path / "release.toml"
    file.write_text('product = "app"\nversion = "1.0"\nseverity = "critical"\n')
    return file


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with an executable, two files and a link to one of them."""
    folder = tmp_path / "tree"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "bin" / "serve").chmod(0o750)
    (folder / "data" / "current.json").symlink_to("prices.json")
    return folder


def build(source: Path, description: Path, out: Path, platform: str = "any") -> Built:
    return artifacts.build(source, description, AT_ONCE, out, ISSUED_AT, platform)


def members(built: Built) -> dict[str, tuple[int, bytes]]:
    """What another program, GNU tar's format through tarfile, finds in the artifact."""
    plain = zstandard.ZstdDecompressor().decompress(built.artifact.read_bytes())
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        return {
            each.name: (each.mode, archive.extractfile(each).read())  # type: ignore[union-attr] # all are files
            for each in archive
        }


EXPECTED = {
    "README": (0o644, b"read me\n"),
    "bin/serve": (0o755, FILES["bin/serve"]),
    "data/current.json": (0o644, b"{}"),
    "data/prices.json": (0o644, b"{}"),
}

# --- packages that stay whole


def described(description: Path, install: str) -> Path:
    """The description with an installation."""
    with description.open("a") as file:
        file.write(f"install = {install}\n")
    return description


def test_a_package_for_dpkg_is_kept_whole(tree: Path, description: Path, tmp_path: Path) -> None:
    content = deb(tree, tmp_path / "kasir_1%3a2.0-1_all.deb").read_bytes()
    (tmp_path / "kasir_1%3a2.0-1_all.deb").rename(tmp_path / "kasir_1:2.0-1_all.deb")
    described(description, '{ kind = "package", packages = ["kasir"] }')
    built = build(tmp_path / "kasir_1:2.0-1_all.deb", description, tmp_path / "out")
    assert members(built) == {"kasir_1-2.0-1_all.deb": (0o644, content)}
    assert built.manifest.install.kind == "package"


def test_a_folder_of_packages_holds_as_many_as_are_named(
    tree: Path, description: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "debs"
    folder.mkdir()
    for name in ("aa", "bb"):
        deb(tree, tmp_path / f"{name}.deb").rename(folder / f"{name}.deb")
    described(description, '{ kind = "package", packages = ["aa", "bb", "cc"] }')
    with pytest.raises(ManifestError, match="2 packages"):
        build(folder, description, tmp_path / "out")
    (folder / "cc.deb").write_bytes(b"no package")
    with pytest.raises(UnusableInput, match="not a Debian package"):
        build(folder, description, tmp_path / "out")


# --- every kind of input


def tarred(tree: Path, target: Path, mode: str = "w") -> Path:
    with tarfile.open(target, mode) as archive:
        archive.add(tree, arcname=".")
    return target


def zipped(tree: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(tree.rglob("*")):
            name = file.relative_to(tree).as_posix()
            if file.is_symlink():
                info = zipfile.ZipInfo(name)
                info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
                archive.writestr(info, os.readlink(file))
            else:
                archive.write(file, name)
    return target


def ar(*parts: tuple[str, bytes]) -> bytes:
    blocks = [b"!<arch>\n"]
    for name, content in parts:
        blocks.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode())
        blocks.append(content + b"\n" * (len(content) % 2))
    return b"".join(blocks)


def deb(tree: Path, target: Path) -> Path:
    data = lzma.compress(tarred(tree, target.with_suffix(".data")).read_bytes())
    control = gzip.compress(b"")
    parts = [("debian-binary", b"2.0\n"), ("control.tar.gz", control + b"x"), ("data.tar.xz", data)]
    target.write_bytes(ar(*parts))
    return target


def zst(tree: Path, target: Path) -> Path:
    tar = tarred(tree, target.with_suffix(".plain")).read_bytes()
    target.write_bytes(zstandard.ZstdCompressor().compress(tar))
    return target


INPUTS: dict[str, Callable[[Path, Path], Path]] = {
    "folder": lambda tree, _: tree,
    "tar": tarred,
    "tar.gz": lambda tree, target: tarred(tree, target, "w:gz"),
    "tar.xz": lambda tree, target: tarred(tree, target, "w:xz"),
    "tar.bz2": lambda tree, target: tarred(tree, target, "w:bz2"),
    "tar.zst": zst,
    "zip": zipped,
    "whl": zipped,
    "deb": deb,
}


@pytest.mark.parametrize("kind", INPUTS)
def test_every_kind_of_input_becomes_the_same_artifact(
    tree: Path, description: Path, tmp_path: Path, kind: str
) -> None:
    built = build(INPUTS[kind](tree, tmp_path / f"input.{kind}"), description, tmp_path / "out")
    assert members(built) == EXPECTED
    check_artifact(built.artifact, built.manifest.artifacts[0])
    reference = build(tree, description, tmp_path / "reference")
    assert built.artifact.read_bytes() == reference.artifact.read_bytes()
    assert (built.folder / "manifest.json").read_bytes() == (
        reference.folder / "manifest.json"
    ).read_bytes()


def test_neither_time_nor_owner_nor_order_changes_a_byte(
    tree: Path, description: Path, tmp_path: Path
) -> None:
    first = build(tree, description, tmp_path / "first")
    shutil.copytree(tree, tmp_path / "copy", symlinks=True)
    for number, file in enumerate(sorted((tmp_path / "copy").rglob("*"), reverse=True)):
        os.utime(file, (number, number), follow_symlinks=False)
    second = build(tmp_path / "copy", description, tmp_path / "second")
    assert first.artifact.read_bytes() == second.artifact.read_bytes()


def test_a_debian_package_that_dpkg_made(tree: Path, description: Path, tmp_path: Path) -> None:
    package = tmp_path / "package"
    shutil.copytree(tree, package / "opt" / "app", symlinks=True)
    (package / "DEBIAN").mkdir()
    (package / "DEBIAN" / "control").write_text(
        "Package: app\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: x\n"
    )
    made = ["dpkg-deb", "--build", "--root-owner-group", str(package), str(tmp_path / "app.deb")]
    subprocess.run(made, check=True, capture_output=True)
    built = build(tmp_path / "app.deb", description, tmp_path / "out")
    assert members(built) == {f"opt/app/{name}": each for name, each in EXPECTED.items()}


def test_hard_links_become_copies(description: Path, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "one").write_bytes(b"same")
    os.link(tmp_path / "tree" / "one", tmp_path / "tree" / "two")
    built = build(tarred(tmp_path / "tree", tmp_path / "x.tar"), description, tmp_path / "out")
    assert members(built) == {"one": (0o644, b"same"), "two": (0o644, b"same")}


def test_the_manifest_says_what_was_described_and_what_was_found(
    tree: Path, description: Path, tmp_path: Path
) -> None:
    manifest = build(tree, description, tmp_path / "out", "linux-x86_64").manifest
    assert (manifest.product, manifest.version, manifest.severity) == ("app", "1.0", "critical")
    assert manifest.issued_at == ISSUED_AT
    assert manifest.pace == AT_ONCE.pace
    artifact = manifest.artifacts[0]
    assert (artifact.name, artifact.platform) == ("app-1.0-linux-x86_64.tar.zst", "linux-x86_64")
    assert [entry.path for entry in artifact.files] == sorted(EXPECTED)


# --- descriptions


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('product = "app"\nversion = "1.0"\nverison = "x"', "verison: unknown field"),
        ('product = "app"\nversion = "01"', "'01' is spelled '1'"),
        ('product = "app"', "version"),
        ('product = "a b"\nversion = "1.0"', "product"),
        ('product = "hotfixes"\nversion = "1.0"', "is the name of a role"),
        ('product = "app"\nversion = "1.0"\n[pace]\nname = "x"', "pace is not for a description"),
        ('product = "app"\nversion = "1.0"\nissued_at = 1', "issued_at is not for a description"),
        ("product = ", "not valid TOML"),
        ('product = "app"\nversion = "1.0"\n[[health.checks]]\nkind = "magic"', "health.checks"),
    ],
)
def test_a_wrong_description_is_refused_before_anything_is_read(
    tmp_path: Path, text: str, match: str
) -> None:
    file = tmp_path / "release.toml"
    file.write_text(text)
    with pytest.raises(ManifestError, match=match):
        build(tmp_path / "not-even-there", file, tmp_path / "out")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["release.toml"]


def test_schedules_by_name_and_by_file(tmp_path: Path) -> None:
    assert load_schedule("emergency").name == "emergency"
    (tmp_path / "mine.toml").write_text("name = 1")
    with pytest.raises(ManifestError, match="Schedule"):
        load_schedule(str(tmp_path / "mine.toml"))
    with pytest.raises(ManifestError, match="cannot be read") as told:
        load_schedule("fast")
    assert "accelerated, emergency, standard" in told.value.hint


# --- hostile inputs


def one_member(tmp_path: Path, name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> Path:
    """A tar with a good file and one bad member."""
    target = tmp_path / "bad.tar"
    with tarfile.open(target, "w") as archive:
        good = tarfile.TarInfo("good")
        good.size = 4
        archive.addfile(good, io.BytesIO(b"good"))
        bad = tarfile.TarInfo(name)
        bad.type, bad.linkname = kind, link
        archive.addfile(bad)
    return target


BAD_MEMBERS = {
    "upward": (("../x",), "'..' part"),
    "absolute": (("/etc/passwd",), "absolute"),
    "hidden upward": (("a/../../x",), "'..' part"),
    "outside by detour": (("../new/../dest/y",), "'..' part"),
    "windows": (("C:\\x",), "not safe"),
    "device name": (("aux.txt",), "cannot store"),
    "twice": (("good",), "in the input twice"),
    "case twin": (("GOOD",), "are the same file on some systems"),
    "file and folder": (("good/bad",), "also the folder of"),
    "escape": (("a\x1b[31mb",), "not safe"),
    "link upward": (("link", tarfile.SYMTYPE, "../../etc/passwd"), "leads out of the input"),
    "link absolute": (("link", tarfile.SYMTYPE, "/etc/passwd"), "leads out of the input"),
    "link to nothing": (("link", tarfile.SYMTYPE, "missing"), "is no file in the input"),
    "link to itself": (("link", tarfile.SYMTYPE, "link"), "is no file in the input"),
    "link to a folder": (("link", tarfile.SYMTYPE, "."), "is no file in the input"),
    "hard link outside": (("link", tarfile.LNKTYPE, "../x"), "'..' part"),
    "hard link to nothing": (("link", tarfile.LNKTYPE, "missing"), "is no file in the input"),
    "device": (("null", tarfile.CHRTYPE), "is a device"),
    "pipe": (("pipe", tarfile.FIFOTYPE), "is a device"),
    "block device": (("disk", tarfile.BLKTYPE), "is a device"),
}


@pytest.mark.parametrize("case", BAD_MEMBERS)
def test_a_member_that_no_artifact_may_have(description: Path, tmp_path: Path, case: str) -> None:
    arguments, match = BAD_MEMBERS[case]
    source = one_member(tmp_path, *arguments)  # type: ignore[arg-type] # a table of cases
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UnusableInput, match=match) as told:
        build(source, description, tmp_path / "out")
    assert str(source) in told.value.message
    assert sorted(tmp_path.rglob("*")) == before


def test_a_socket_in_a_folder(tree: Path, description: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tree / "s"))
        with pytest.raises(UnusableInput, match="s is a device, a pipe or a socket"):
            build(tree, description, tmp_path / "out")


@pytest.mark.parametrize("target", ["../release.toml", "/etc/passwd", "bin"])
def test_a_link_in_a_folder_that_leads_to_no_file_of_it(
    tree: Path, description: Path, tmp_path: Path, target: str
) -> None:
    (tree / "link").symlink_to(target)
    with pytest.raises(UnusableInput, match="link"):
        build(tree, description, tmp_path / "out")


def test_an_encrypted_zip_and_an_odd_name_in_it(description: Path, tmp_path: Path) -> None:
    plain = zipped_with(tmp_path, "a.txt")
    data = bytearray(plain.read_bytes())
    central = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[central + 8] |= 1
    (tmp_path / "encrypted.zip").write_bytes(data)
    with pytest.raises(UnusableInput, match="is encrypted"):
        build(tmp_path / "encrypted.zip", description, tmp_path / "out")
    for name, match in (("../x", "'..' part"), ("/x", "absolute"), ("a\\..\\x", "not safe")):
        with pytest.raises(UnusableInput, match=match):
            build(zipped_with(tmp_path, name), description, tmp_path / "out")


def zipped_with(tmp_path: Path, name: str) -> Path:
    target = tmp_path / "one.zip"
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"content")
    return target


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")  # zipfile, while we make the case
def test_a_name_twice_in_a_zip(description: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("a", b"one")
        archive.writestr("a", b"two")
    with pytest.raises(UnusableInput, match="a is in the input twice"):
        build(tmp_path / "twice.zip", description, tmp_path / "out")


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.xz", "tar.bz2", "tar.zst", "zip", "deb"])
def test_an_input_that_is_cut_off(tree: Path, description: Path, tmp_path: Path, kind: str) -> None:
    (tree / "big").write_bytes(os.urandom(100_000))
    whole = INPUTS[kind](tree, tmp_path / f"whole.{kind}").read_bytes()
    for share in (0.3, 0.6, 0.9):
        cut = tmp_path / f"cut.{kind}"
        cut.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UnusableInput):
            build(cut, description, tmp_path / "out")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"!<arch>\n", b"PK\x03\x04", gzip.compress(b"no tar"), bz2.compress(b"")],
    ids=["empty", "text", "deb", "zip", "gzip", "bzip2"],
)
def test_what_is_none_of_the_kinds(description: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "input").write_bytes(content)
    with pytest.raises(UnusableInput):
        build(tmp_path / "input", description, tmp_path / "out")


def test_an_empty_folder_and_a_missing_one(description: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnusableInput, match="no file in the input"):
        build(tmp_path / "empty", description, tmp_path / "out")
    with pytest.raises(UnusableInput, match="No such file"):
        build(tmp_path / "missing", description, tmp_path / "out")


def test_a_bomb_is_stopped_at_the_limit(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))
    (tmp_path / "kept").mkdir()
    with pytest.raises(UnusableInput, match="unpacks to more than 10,000,000 bytes"):
        read_input(tmp_path / "bomb.zip", Collected(tmp_path / "kept", max_bytes=10_000_000))
    assert sum(file.stat().st_size for file in (tmp_path / "kept").iterdir()) <= 11_000_000


def test_a_header_that_claims_to_be_huge_is_not_read(description: Path, tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 3 * 1024**3
    (tmp_path / "huge.tar").write_bytes(header.tobuf(tarfile.USTAR_FORMAT) + bytes(10_240))
    with pytest.raises(UnusableInput, match="claims to be 3,221,225,472 bytes"):
        build(tmp_path / "huge.tar", description, tmp_path / "out")


def test_memory_stays_bounded_whatever_the_size(tmp_path: Path, description: Path) -> None:
    """A build of 300 MB in a process of its own, from the most compressed tar there is."""
    with (
        bz2.open(tmp_path / "big.tar.bz2", "wb") as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        member = tarfile.TarInfo("big")
        member.size = 300_000_000
        archive.addfile(member, io.BufferedReader(Zeros(member.size)))
    program = f"""
        import resource
        from datetime import UTC, datetime
        from pathlib import Path
        from distribution import artifacts
        from distribution.control.schedules import load_schedule
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        artifacts.build(
            Path({str(tmp_path / "big.tar.bz2")!r}), Path({str(description)!r}),
            load_schedule("standard"), Path({str(tmp_path / "out")!r}), datetime.now(UTC),
        )
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, check=True, text=True
    )
    assert int(done.stdout) < 100 * 1024, f"{done.stdout} KiB more"


class Zeros(io.RawIOBase):
    """So many zero bytes, without holding them."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # bytes-like is enough here
        count = min(len(buffer), self._left)
        buffer[:count] = bytes(count)
        self._left -= count
        return count


# --- the disk


def test_an_existing_folder_is_left_alone(tree: Path, description: Path, tmp_path: Path) -> None:
    build(tree, description, tmp_path / "out")
    with pytest.raises(Conflict, match="exists already"):
        build(tree, description, tmp_path / "out")


def test_a_full_disk_leaves_nothing(description: Path, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "big").write_bytes(os.urandom(2_000_000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(Unavailable, match=r"no room to unpack .*: File too large"):
            build(tmp_path / "tree", description, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["release.toml", "tree"]
