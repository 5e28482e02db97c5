"""Where a file's content lies in its tar follows from the list, whatever the names."""

import hashlib
import random
from pathlib import Path

import pytest
import zstandard

from distribution.errors import Unavailable
from distribution.repository.delta_coding import Unpacked
from manifests.delta import Stretch
from tests.simulators.repository import pack

FILES = {
    "a": b"first",
    "b" * 100: b"a name that fits",
    "c" * 101: b"one that does not",
    "kopi-é": b"one that is not ASCII",
    "dir/" + "x" * 120: random.Random(1).randbytes(3000),
    "empty": b"",
}


def _compressed(tar: bytes) -> list[bytes]:
    data = zstandard.ZstdCompressor().compress(tar)
    return [data[at : at + 100] for at in range(0, len(data), 100)]


def test_every_part_of_every_file_is_found(tmp_path: Path) -> None:
    entries, tar = pack(FILES)
    reader = Unpacked.write(_compressed(tar), entries, tmp_path / "tar").reader()
    for path, content in FILES.items():
        assert reader.joined([Stretch(path, 0, len(content))]) == content
    parts = [Stretch("a", 1, 3), Stretch("dir/" + "x" * 120, 100, 200)]
    assert reader.joined(parts) == b"irs" + FILES["dir/" + "x" * 120][100:300]


@pytest.mark.parametrize("name", ["longer", "broken"])
def test_what_is_not_such_a_tar_is_refused(tmp_path: Path, name: str) -> None:
    entries, tar = pack({"a": hashlib.sha256(b"a").digest()})
    content = {"longer": _compressed(tar + bytes(4_000_000)), "broken": [b"nonsense"]}[name]
    with pytest.raises(Unavailable):
        Unpacked.write(content, entries, tmp_path / "tar")
