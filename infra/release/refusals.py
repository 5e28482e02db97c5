"""Why there can be no release yet."""

from collections.abc import Iterator
from pathlib import Path

from infra.release.audit import audit
from infra.release.errors import NoRelease
from infra.release.notes import notes
from infra.release.tree import Commit, Tree, run

GOLDENS = "tests/compatibility/released"


def require(commit: Commit, tree: Tree, venv: Path) -> None:
    """Hold a commit to everything that a release needs, the quick things first.

    Raises:
        NoRelease: with the first thing that is missing.
    """
    for why in _at_once(commit, tree):
        raise NoRelease(why)
    notes((tree.folder / "CHANGELOG.md").read_text(), tree.version)
    _lock_is_current(tree, venv)
    audit(tree.folder / "requirements.lock").require_clean()


def _at_once(commit: Commit, tree: Tree) -> Iterator[str]:
    changed = commit.git("status", "--porcelain").splitlines()
    if changed:
        yield f"the tree has {len(changed)} changes that are not committed, such as {changed[0]!r}"
    version = tree.version
    if commit.git("tag", "--list", f"v{version}").strip():
        yield f"{version} is tagged already; choose the next version in pyproject.toml"
    said = (tree.folder / "client_updater/__init__.py").read_text()
    if f'AGENT_VERSION = "{version}"' not in said:
        yield f"client_updater says another version than {version}"
    if not (tree.folder / GOLDENS / version).exists():
        yield (
            f"what {version} says was not kept for the releases after it; "
            f"run python -m tests.compatibility.record {version}, and commit it"
        )


def _lock_is_current(tree: Tree, venv: Path) -> None:
    """Lock the dependencies anew beside the committed ones, and compare."""
    locks = {file: file.read_bytes() for file in tree.folder.rglob("*.lock")}
    ready = f"{venv}/.ready"
    run(["make", "lock", f"VENV={venv}", "-o", ready], tree.folder, "make lock")
    for file, before in locks.items():
        if file.read_bytes() != before:
            name = file.relative_to(tree.folder)
            raise NoRelease(f"{name} is out of date; run make lock, and test what it brings")
