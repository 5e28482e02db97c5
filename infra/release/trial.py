"""What was built is installed as a customer would, without a line, and asked for its version."""

import subprocess
import tarfile
import tempfile
from pathlib import Path

from infra.release.distributions import PYTHON
from infra.release.errors import NoRelease
from infra.release.tree import run
from infra.release.wheelhouse import Extra

PROGRAMS = {"server": ("hsp", "hsp-sign"), "agent": ("hsp-updater",), "signing": ("hsp-sign",)}


def install(archive: Path, extra: Extra, version: str) -> None:
    """Install an extra's archive into a new environment, and start its programs.

    Raises:
        NoRelease: something is missing in it, or a program does not start.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with tarfile.open(archive) as tar:
            for member in tar:
                content = tar.extractfile(member)
                file = folder / "taken" / Path(member.name).name
                file.parent.mkdir(exist_ok=True)
                if content is not None:
                    file.write_bytes(content.read())
        run([PYTHON, "-m", "venv", folder / "venv"], folder, "python3 -m venv")
        pip = [str(folder / "venv/bin/pip"), "--isolated", "install", "--quiet", "--no-compile"]
        offline = ["--no-index", "--find-links", str(folder / "taken"), "--require-hashes"]
        listed = ["-r", str(folder / "taken/requirements.txt")]
        run([*pip, *offline, *listed], folder, f"installing {extra.name}")
        for program in PROGRAMS[extra.name]:
            says_its_version([folder / "venv/bin" / program], version)


def says_its_version(command: list[Path], version: str) -> None:
    """Start a program.

    Raises:
        NoRelease: it does not start, or is another version.
    """
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    if not done.stdout.strip().endswith(version):
        raise NoRelease(f"{command[0].name} --version says {done.stdout + done.stderr!r}")
