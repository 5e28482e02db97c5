"""What a release may hold, and the one tar it stands for (THREATS section 4, 13, 14, 27, 28)."""

import hashlib
import io
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from manifests.errors import ManifestError
from manifests.file_list import (
    END_OF_TAR,
    MAX_FILES,
    FileEntry,
    FileList,
    check_file_list,
    portable_path,
    tar_header,
    tar_padding,
    tar_size_bytes,
)
from manifests.release import ReleaseManifest


def entry(path: str, content: bytes = b"", mode: Any = "0644") -> FileEntry:
    """The entry of a file with this content."""
    digest = hashlib.sha256(content).hexdigest()
    return FileEntry(path=path, size_bytes=len(content), sha256=digest, mode=mode)


def tar(contents: dict[str, bytes]) -> bytes:
    """The tar of these files."""
    parts = []
    for path, content in contents.items():
        one = entry(path, content)
        parts += [tar_header(one), content, tar_padding(one)]
    return b"".join([*parts, END_OF_TAR])


# Paths.

BAD_PATHS = {
    "climbs out": ["../x", "a/../b", "..", "a/.."],
    "is absolute": ["/x", "//x", "/"],
    "is of Windows": ["C:\\x", "C:/x", "\\\\host\\x", "a\\b", "a:b", "a:b:$DATA"],
    "has an empty or dot part": ["", "a//b", "a/", ".", "./a", "a/./b"],
    "is too long": ["x" * 256, "é" * 128, "/".join(["x" * 63] * 5)],
    "ends in a dot or space": ["a.", "a ", "a./b", "a /b"],
    "is a device": ["CON", "con", "aux.txt", "d/NUL.tar.gz", "com1", "LPT9.x", "COM¹", "con .txt",
                    "CONIN$", "conout$"],
    "has wildcards or quotes": ["a*", "a?", 'a"', "a<b", "a>b", "a|b"],
    "plays with the terminal": ["a\nb", "a\tb", "a\0b", "a\x1b[31mb", "a\x7fb", "a\u202eb",
                                "a\u200fb", "a\u2028b"],
    "is not NFC": ["e\u0301", "A\u030a", "\u212b"],
}  # fmt: skip


@pytest.mark.parametrize(
    "path", [path for paths in BAD_PATHS.values() for path in paths], ids=ascii
)
def test_a_path_that_is_not_safe_everywhere_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        entry(path)


@pytest.mark.parametrize(
    "path",
    ["a", "bin/app", "a b/c d", ".env", "..a", "a..b", "console", "com", "com10", "aux1/nulls",
     "données/été.txt", "日本/語.txt", "x" * 255, "é" * 127, "-rf", "~", "#x", "a'b", "$(x)",
     "a,b;c"],
    ids=ascii,
)  # fmt: skip
def test_an_ordinary_path_is_accepted(path: str) -> None:
    assert portable_path(path) == path


@pytest.mark.parametrize("mode", ["4755", "0777", "0600", "755", 493, "", "u+s"])
def test_a_file_is_plain_or_executable_and_nothing_else(mode: Any) -> None:
    with pytest.raises(ValidationError):
        entry("a", mode=mode)


@pytest.mark.parametrize(
    ("paths", "complaint"),
    [
        (["b", "a"], "not sorted"),
        (["a", "a"], "listed twice"),
        (["A", "a"], "same file on some systems"),
        (["STRASSE", "straße"], "same file on some systems"),
        (["Été", "été"], "same file on some systems"),
        (["lib/A.py", "lib/a.py"], "same file on some systems"),
        (["\u0149", "\u02bcn"], "same file on some systems"),
        (["a", "a/b"], "also the folder"),
        (["A", "a/b"], "also the folder"),
        (["A/b", "a"], "also the folder"),
        (["a/b", "a/b/c"], "also the folder"),
    ],
)
def test_files_that_cannot_live_together_are_refused(paths: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_file_list(tuple(entry(path) for path in paths))


def test_a_manifest_holds_its_file_lists_to_it() -> None:
    files = [entry(path).model_dump() for path in ("b", "a")]
    artifact = {"name": "a", "tar_size_bytes": 1024, "tar_sha256": "0" * 64, "files": files}
    with pytest.raises(ManifestError, match=r"artifacts\.0\.files: the files are not sorted"):
        ReleaseManifest.from_plain({"artifacts": [artifact]})


def test_too_many_files_are_refused() -> None:
    files = (entry("a"),) * (MAX_FILES + 1)
    with pytest.raises(ValidationError, match="at most 100000 items"):
        TypeAdapter(FileList).validate_python(files)


def test_a_manifest_of_a_hundred_thousand_files_is_read_in_seconds() -> None:
    files = [
        {"path": f"lib/package-{n // 500:03}/module-{n:06}.py", "size_bytes": n, "sha256": "0" * 64}
        for n in range(MAX_FILES)
    ]
    artifact = {"name": "a", "tar_size_bytes": 1024, "tar_sha256": "0" * 64, "files": files}
    manifest = ReleaseManifest.from_plain(
        {
            "product": "app",
            "version": "1.0",
            "issued_at": "2027-03-02T08:00:00Z",
            "pace": {
                "name": "x",
                "waves": [{"after_seconds": 0, "up_to_basis_points": 10_000}],
            },
            "artifacts": [artifact],
        }
    )
    data = manifest.to_bytes()
    began = time.perf_counter()
    assert len(ReleaseManifest.from_bytes(data).artifacts[0].files) == MAX_FILES
    assert time.perf_counter() - began < 6


# The tar.

CONTENTS = {
    ".hidden": b"",
    "bin/app": b"#!/bin/sh\n",
    "data/511": bytes(511),
    "data/512": bytes(512),
    "data/513": bytes(513),
    "deep/" + "/".join(["folder-of-some-length"] * 10) + "/file": b"deep",
    "long/" + "x" * 250: b"a name of 250 characters",
    "with space/#'$.txt": b"odd",
    "été/" + "é" * 100: b"long and not ASCII",
    "日本/語.txt": b"not Latin",
}


def test_the_standard_library_reads_the_tar() -> None:
    with tarfile.open(fileobj=io.BytesIO(tar(CONTENTS)), mode="r:") as archive:
        read = {member.name: member for member in archive.getmembers()}
        assert list(read) == list(CONTENTS)
        for path, content in CONTENTS.items():
            stream = archive.extractfile(read[path])
            assert stream is not None
            assert stream.read() == content
        assert {member.isfile() for member in read.values()} == {True}
        assert {(m.mode, m.uid, m.gid, m.mtime, m.uname) for m in read.values()} == {
            (0o644, 0, 0, 0, "")
        }


def test_gnu_tar_lists_the_tar_without_a_complaint(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar(CONTENTS))
    listed = subprocess.run(
        ["tar", "--quoting-style=literal", "-tf", tmp_path / "a.tar"],
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert listed.stdout.decode().splitlines() == list(CONTENTS)
    assert listed.stderr == b""


def test_a_file_of_nine_gigabytes_is_within_the_format(tmp_path: Path) -> None:
    # Above 8 GiB the old header has no room for the size. The file is sparse and takes none.
    big = FileEntry(path="big.img", size_bytes=9 * 2**30 + 1, sha256="0" * 64)
    small = entry("small", b"after it")
    with (tmp_path / "a.tar").open("wb") as out:
        out.write(tar_header(big))
        out.seek(big.size_bytes + len(tar_padding(big)), io.SEEK_CUR)
        out.write(tar_header(small) + b"after it" + tar_padding(small) + END_OF_TAR)
        assert out.tell() == tar_size_bytes((big, small))
    listed = subprocess.run(
        ["tar", "-tf", tmp_path / "a.tar"], capture_output=True, check=True, timeout=30
    )
    assert listed.stdout.split() == [b"big.img", b"small"]
    with tarfile.open(tmp_path / "a.tar") as archive:
        assert [member.size for member in archive] == [big.size_bytes, 8]


def test_the_size_of_the_tar_is_known_before_it_is_made() -> None:
    files = tuple(entry(path, content) for path, content in CONTENTS.items())
    assert tar_size_bytes(files) == len(tar(CONTENTS))
    assert tar_size_bytes(()) == len(END_OF_TAR)


def test_an_executable_is_one_in_the_tar() -> None:
    header = tar_header(entry("bin/app", mode="0755"))
    assert tarfile.TarInfo.frombuf(header, "utf-8", "strict").mode == 0o755


def test_the_same_files_make_the_same_bytes_for_ever() -> None:
    # A release signed by one Python is installed by another: if a new version of tarfile ever
    # writes other headers, this test sees it before a site does.
    digest = hashlib.sha256(tar(CONTENTS)).hexdigest()
    assert digest == "af85cdec41a1d112b4edd564551646332243330d4de92cc394882cef23681ea1"
