"""Releases that sites and officers may still run: their own programs, and documents they wrote.

    for release in RELEASES:
        release.run("hsp-updater", "--version")

``released/<version>/programs.tar.xz`` are the four packages as they were released, without what
only draws (fonts). Their dependencies are this environment's. ``record`` adds a release.
"""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.simulators.peers import peer

HERE = Path(__file__).parent
FOLDER = HERE / "released"
PROGRAMS = "programs.tar.xz"
ENTRY_POINTS = {
    "hsp": "distribution.cli",
    "hsp-sign": "signing.cli",
    "hsp-updater": "client_updater.cli",
}


@dataclass(frozen=True)
class Released:
    """One release."""

    version: str

    @property
    def documents(self) -> Path:
        """The folder with what it wrote."""
        return FOLDER / self.version / "documents"

    @property
    def packages(self) -> Path:
        """Its packages, unpacked once for all tests."""
        archive = FOLDER / self.version / PROGRAMS
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:12]
        return peer(f"released-{self.version}-{digest}", lambda folder: unpack(archive, folder))

    def command(self, program: str, *words: str) -> list[str]:
        """A command line of one of its programs; it needs ``environment``."""
        start = f"from {ENTRY_POINTS[program]} import main; main()"
        return [sys.executable, "-c", start, *words]

    def commands(self, program: str, *commands: Sequence[str]) -> list[str]:
        """Several command lines of one of its programs, one after the other in one process."""
        start = (
            f"import json, sys; from {ENTRY_POINTS[program]} import main\n"
            "for words in json.loads(sys.argv[1]): main(words, standalone_mode=False)"
        )
        return [sys.executable, "-c", start, json.dumps(commands)]

    @property
    def environment(self) -> dict[str, str]:
        """In which its packages are found, and never this tree's."""
        return {**os.environ, "PYTHONPATH": str(self.packages), "PYTHONSAFEPATH": "1"}

    def run(
        self, program: str, *words: str, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """One of its programs, to its end."""
        return self.finish(self.command(program, *words), **environment)

    def finish(self, command: list[str], **environment: str) -> "subprocess.CompletedProcess[str]":
        """What ``command`` or ``commands`` made, to its end."""
        return subprocess.run(
            command,
            env={**self.environment, **environment},
            cwd=self.packages,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def reads(self, folder: Path) -> dict[str, Any]:
        """What the documents in ``folder`` mean to it; see ``reading.read_all``."""
        command = [sys.executable, str(HERE / "reading.py"), str(folder)]
        done = subprocess.run(
            command, env=self.environment, cwd=folder, capture_output=True, text=True, check=True
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        where = Path(answer.pop("packages"))
        assert where.is_relative_to(self.packages), f"{where} is not {self.version}'s code"
        return answer


def unpack(archive: Path, folder: Path) -> None:
    """Write the files of ``archive`` and nothing else that it may hold."""
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            path = folder / member.name
            if content is not None and path.resolve().is_relative_to(folder.resolve()):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())


def _newest_last() -> Sequence[Released]:
    found = (folder.name for folder in FOLDER.iterdir() if (folder / PROGRAMS).exists())
    return tuple(
        Released(name) for name in sorted(found, key=lambda v: [int(part) for part in v.split(".")])
    )


RELEASES = _newest_last()
