"""The sdist, the wheel and the agent's single file of a tree, the same bytes every time."""

import gzip
import io
import os
import sys
import tarfile
from pathlib import Path

from infra.release.tree import Tree, run

PYTHON = "/usr/bin/python3"
"""Debian 12's own, 3.11: the agent's single file is for its minor version."""


def environment(tree: Tree) -> dict[str, str]:
    """In which the only moment is the commit's."""
    return {**os.environ, "SOURCE_DATE_EPOCH": str(tree.seconds), "PYTHONHASHSEED": "0"}


def build(tree: Tree, venv: Path, out: Path) -> list[Path]:
    """The sdist and the wheel.

    Raises:
        NoRelease: setuptools does not build them.
    """
    command = [str(venv / "bin/uv"), "build", "--sdist", "--wheel", "--no-build-isolation"]
    options = ["--python", sys.executable, "--out-dir", str(out), "--no-create-gitignore"]
    before = os.umask(0o022)
    try:
        run([*command, *options, "."], tree.folder, "the build", environment(tree))
    finally:
        os.umask(before)
    [sdist], [wheel] = out.glob("*.tar.gz"), out.glob("*.whl")
    sdist.write_bytes(normal(sdist.read_bytes(), tree.seconds))
    return [sdist, wheel]


def normal(sdist: bytes, seconds: int) -> bytes:
    """The same files in a .tar.gz that tells nothing of when, where and by whom it was made."""
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(sdist)) as old,
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=seconds, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old, key=lambda each: each.name):
            plain = tarfile.TarInfo(member.name)
            plain.type, plain.size, plain.mtime = member.type, member.size, seconds
            plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(plain, old.extractfile(member) if member.isreg() else None)
    return packed.getvalue()


def agent(tree: Tree, venv: Path, out: Path) -> Path:
    """The agent as one file, for machines with a python3 and no pip.

    Raises:
        NoRelease: it cannot be built.
    """
    target = out / f"hsp-updater-{tree.version}"
    command = ["infra/agent.sh", str(venv), PYTHON, str(target)]
    run(command, tree.folder, "infra/agent.sh", environment(tree))
    return target
