"""The commit that is released, and programs that work on it."""

import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from infra.release.errors import NoRelease

ROOT = Path(__file__).parents[2]


def run(
    command: Sequence[str | Path],
    folder: Path,
    what: str,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What a program says.

    Raises:
        NoRelease: it failed.
    """
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NoRelease(f"{what} failed: {(done.stderr or done.stdout).strip()[-3000:]}")
    return done.stdout


@dataclass(frozen=True)
class Commit:
    """A commit of a repository."""

    repository: Path
    name: str = "HEAD"

    def git(self, *words: str) -> str:
        """A command of git."""
        return run(["git", *words], self.repository, f"git {words[0]}")

    @cached_property
    def seconds(self) -> int:
        """When it was made, since 1970: the only moment that is in any file of the release."""
        return int(self.git("log", "-1", "--format=%ct", self.name))

    def export(self, folder: Path) -> "Tree":
        """Its files, and nothing else that lies in the repository."""
        folder.mkdir(parents=True)
        archive = folder / ".archive"
        self.git("archive", "--output", str(archive), self.name)
        run(["tar", "-xf", archive, "-C", folder], folder, "tar")
        archive.unlink()
        return Tree(folder, self.seconds)


@dataclass(frozen=True)
class Tree:
    """The files of a commit, and the moment that stands for it."""

    folder: Path
    seconds: int

    @property
    def version(self) -> str:
        """Of the product."""
        text = (self.folder / "pyproject.toml").read_text()
        return str(tomllib.loads(text)["project"]["version"])
