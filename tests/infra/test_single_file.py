"""The single file writes what its list names, below its own folder, and nothing else."""

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.single_file.pack import pack

_UNPACKS = re.compile(r"\b(extractall|unpack_archive)\(")
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
FILES = {
    "client_updater/__init__.py": "",
    "client_updater/cli.py": "def main():\n    print('the agent runs')\n",
    "data/deep/er/file": "x" * 1000,
}


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """A small one, packed as the real one is."""
    for name, content in FILES.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    pack(tmp_path / "site", tmp_path / "agent", PYTHON)
    return tmp_path / "agent"


def _run(agent: Path) -> "subprocess.CompletedProcess[str]":
    cache = agent.parent / "cache"
    return subprocess.run(
        [sys.executable, agent],
        env={"HSP_UPDATER_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )


def _repacked(agent: Path, changed: Mapping[str, bytes], about: Mapping[str, Any]) -> None:
    with zipfile.ZipFile(agent) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    said = json.loads(contents["about.json"])
    contents |= {**changed, "about.json": json.dumps({**said, **about}).encode()}
    with zipfile.ZipFile(agent, "w") as new:
        for name, content in contents.items():
            new.writestr(name, content)


def _written(agent: Path) -> dict[str, str]:
    (site,) = (agent.parent / "cache").iterdir()
    files = [path for path in site.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(site)): path.read_text() for path in files}


def test_it_writes_its_files_once_and_becomes_the_agent(agent: Path) -> None:
    for _ in range(2):
        assert _run(agent).stdout == "the agent runs\n"
    assert _written(agent) == FILES


def test_what_is_not_listed_is_not_written(agent: Path) -> None:
    _repacked(agent, {"stowaway": b"x", "../outside": b"x"}, {})
    assert _run(agent).stdout == "the agent runs\n"
    assert _written(agent) == FILES


@pytest.mark.parametrize(
    "files",
    [
        *({"../outside": 1}, {"/srv/outside": 1}, {"a/../../outside": 1}, {"a//b": 1}, {".": 1}),
        *({"a\0b": 1}, {"not/there": 1}, {"data/deep/er/file": 999}),
    ],
)
def test_a_list_that_is_wrong_is_refused_in_a_sentence(agent: Path, files: dict[str, int]) -> None:
    _repacked(
        agent, {"../outside": b"x", "/srv/outside": b"x", "a/../../outside": b"x"}, {"files": files}
    )
    done = _run(agent)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: this hsp-updater is damaged: ")
    assert done.stderr.count("\n") == 1
    assert list((agent.parent / "cache").iterdir()) == []
    assert not (agent.parent / "outside").exists()


def test_a_file_that_was_damaged_on_its_way_is_refused_in_a_sentence(agent: Path) -> None:
    content = bytearray(agent.read_bytes())
    content[content.index(b"data/deep/er/file") + 20] ^= 0x55
    agent.write_bytes(content)
    done = _run(agent)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: this hsp-updater is damaged: ")
    assert list((agent.parent / "cache").iterdir()) == []


def test_no_archive_library_decides_what_is_written() -> None:
    """Whatever unpacks follows a list: an archive's own names and links lead anywhere."""
    root = Path(__file__).parents[2]
    packages = ("client_updater", "distribution", "infra", "manifests", "signing", "tests")
    sources = [path for name in packages for path in (root / name).rglob("*.py")]
    found = [str(p) for p in sources if p != Path(__file__) and _UNPACKS.search(p.read_text())]
    assert found == []
