"""Fetch the three real releases of the program that the demo rolls out, by version and hash."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from distribution.repository.collected import Collected
from distribution.repository.unpacking import read_input

FOLDER = Path(".demo/packages")

HASHES = {
    "0.13.2": "27569ab8d1332fbba3e400b3baab2227ab4efb4882ff147af05a7c00ed73409c",
    "0.13.3": "551709073d750d2e88ade05915f0d5dbbbcb8e1d82573fbe85a0635eb842ab07",
    "0.13.4": "045684fbd2764eac9cdeb824861d1551d113e8b683d8d26e296898d3dd99a12e",
}
"""sha256 of bottle's wheel, by version."""


def wheel(version: str) -> Path:
    """Where the wheel of ``version`` lies once it is fetched."""
    return FOLDER / f"bottle-{version}-py2.py3-none-any.whl"


def unpack(version: str, folder: Path) -> None:
    """Write the files of a wheel, as the release builder reads them."""
    with tempfile.TemporaryDirectory() as kept:
        for file in read_input(wheel(version), Collected(Path(kept))):
            path = folder / file.entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.content, path)


def fetch(version: str) -> None:
    """Download one wheel with pip, which refuses any other content than the hash's.

    Raises:
        SystemExit: pip could not get it.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(f"bottle=={version} --hash=sha256:{HASHES[version]}\n")
        wanted.flush()
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        done = subprocess.run([*pip, "--dest", FOLDER, "-r", wanted.name], check=False)
    if done.returncode:
        sys.exit(f"demo: pip could not fetch bottle {version}; is the package index reachable?")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for each in HASHES:
        if not wheel(each).exists():
            fetch(each)
