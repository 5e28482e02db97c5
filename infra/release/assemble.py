"""Everything that a release consists of, in one folder."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from infra.release import distributions, sbom, trial, wheelhouse
from infra.release.errors import NoRelease
from infra.release.notes import notes
from infra.release.tree import Tree

SUMS = "SHA256SUMS"
Say = Callable[[str], object]


def assemble(tree: Tree, venv: Path, target: Path, say: Say, section: str = "") -> Path:
    """Build, try and sum up a release; ``target`` appears when all of it is good.

    Args:
        section: of CHANGELOG.md for the notes; the version's own unless said otherwise.

    Raises:
        NoRelease: with what went wrong.
    """
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "release"
        out.mkdir()
        say("sdist and wheel")
        _, wheel = distributions.build(tree, venv, out)
        say("the agent as one file")
        trial.says_its_version([distributions.agent(tree, venv, out)], tree.version)
        for extra in wheelhouse.EXTRAS:
            say(f"{extra.name}: SBOM, wheels, and an installation without a line")
            needed = wheelhouse.requirements(tree, venv, extra)
            sbom.write(tree, venv, extra.name, needed, out)
            archive = wheelhouse.pack(tree, wheel, extra, needed, out)
            trial.install(archive, extra, tree.version)
        changelog = (tree.folder / "CHANGELOG.md").read_text()
        (out / "NOTES.md").write_text(notes(changelog, section or tree.version))
        (out / SUMS).write_text(sums(out))
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(out, target)
    return target


def sums(folder: Path) -> str:
    """What ``sha256sum --check`` reads."""
    files = sorted(file for file in folder.iterdir() if file.name != SUMS)
    lines = (f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
    return "".join(lines)


def compare(one: Path, other: Path) -> None:
    """Hold two builds of a commit to each other.

    Raises:
        NoRelease: they differ, with the files that do.
    """
    lines = ((folder / SUMS).read_text().splitlines() for folder in (one, other))
    differ = {line.split()[1] for line in set.symmetric_difference(*map(set, lines))}
    if differ:
        raise NoRelease(f"two builds of one commit differ in {', '.join(sorted(differ))}")
