"""Keep what a release says and how it reads, for all that come after it.

    python -m tests.compatibility.record 0.2.0 [COMMIT]

Run it once, at the commit that is released (``make release`` says so when it was forgotten). It
writes ``released/<version>/``: the programs, the documents that they write, and what those mean.
"""

import io
import json
import lzma
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import NoReturn

from tests.compatibility.reading import MEANING_FILE, read_all
from tests.compatibility.releases import FOLDER, PROGRAMS
from tests.simulators.peers import ROOT

PACKAGES = ("manifests", "signing", "distribution", "client_updater")
_LEFT_OUT = (".ttf",)
"""What only draws, and is large."""


def record(version: str, commit: str) -> Path:
    """Make the folder of a release; it appears whole or not at all."""
    folder = FOLDER / version
    if folder.exists():
        _refuse(f"{folder} is there already: what a release said does not change")
    with tempfile.TemporaryDirectory() as scratch:
        tree, made = Path(scratch) / "tree", Path(scratch) / "made"
        _export(commit, tree)
        is_of = tomllib.loads((tree / "pyproject.toml").read_text())["project"]["version"]
        if is_of != version:
            _refuse(f"{commit} is version {is_of}, not {version}")
        (made / "documents").mkdir(parents=True)
        (made / PROGRAMS).write_bytes(_programs(tree))
        _run(tree, "tests.compatibility.writing", str(made / "documents"))
        said = json.loads(_run(tree, "tests.compatibility.reading", str(made / "documents")))
        if not Path(said.pop("packages")).is_relative_to(tree):
            _refuse("the documents were not read by the release's own code")
        for name, found in said.items():
            if "means" not in found:
                _refuse(f"{version} cannot read its own {name}: {found}")
        meaning = {name: found["means"] for name, found in said.items()}
        text = json.dumps(meaning, indent=1, sort_keys=True, ensure_ascii=False)
        (made / "documents" / MEANING_FILE).write_text(f"{text}\n")
        subprocess.run(["cp", "-r", str(made), str(folder)], check=True)
    assert read_all(folder / "documents")
    return folder


def _export(commit: str, tree: Path) -> None:
    tree.mkdir()
    archive = subprocess.run(
        ["git", "archive", commit], cwd=ROOT, check=True, capture_output=True
    ).stdout
    subprocess.run(["tar", "-x", "-C", str(tree)], input=archive, check=True)


def _programs(tree: Path) -> bytes:
    """The packages as a tar whose bytes follow from the files alone."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for package in PACKAGES:
            for file in sorted((tree / package).rglob("*")):
                if file.is_file() and file.suffix not in _LEFT_OUT:
                    member = tarfile.TarInfo(str(file.relative_to(tree)))
                    member.size = file.stat().st_size
                    tar.addfile(member, io.BytesIO(file.read_bytes()))
    return lzma.compress(raw.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def _run(tree: Path, module: str, *words: str) -> str:
    """A module of these tests over the release's code, with that release's own simulators."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", module, *words],
        env={"PYTHONPATH": f"{tree}:{ROOT}", "PATH": "/usr/bin:/bin"},
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        _refuse(f"{module} failed over {tree}:\n{done.stderr[-3000:]}")
    return done.stdout


def _refuse(why: str) -> NoReturn:
    sys.exit(f"Error: {why}.")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("Usage: python -m tests.compatibility.record VERSION [COMMIT]")
    made = record(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "HEAD")
    size = sum(file.stat().st_size for file in made.rglob("*") if file.is_file())
    print(f"{made}: {size} bytes. Commit it.")
