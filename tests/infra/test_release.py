"""A release: what it refuses, and that two builds of one commit are the same bytes."""

import hashlib
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from infra.release import audit, distributions, sbom
from infra.release.assemble import SUMS, compare, sums
from infra.release.errors import NoRelease
from infra.release.notes import notes
from infra.release.refusals import GOLDENS, require
from infra.release.tree import ROOT, Commit, Tree

VENV = Path(sys.executable).parent.parent
VERSION = "0.1.0"
NEEDED = "tuf==7.0.0\nurllib3==2.8.0 \\\n    --hash=sha256:" + "ab" * 32 + "\n"
CHANGELOG = f"# Changelog\n\n## [Unreleased]\n\n## [{VERSION}] - 2026-11-26\n### Added\n- All.\n"
FILES = {
    "pyproject.toml": f'[project]\nname = "x"\nversion = "{VERSION}"\n',
    "CHANGELOG.md": CHANGELOG,
    "client_updater/__init__.py": f'AGENT_VERSION = "{VERSION}"\n',
    f"{GOLDENS}/{VERSION}/kept": "",
    "requirements.lock": "",
    "Makefile": "lock:\n\t@true\n",
}


def git(folder: Path, *words: str) -> None:
    """As a person would."""
    who = ("-c", "user.name=sari", "-c", "user.email=sari@example.com")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One that could be released, as far as can be seen without a line."""
    folder = tmp_path / "repository"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a release")
    return folder


def refused(repository: Path, scratch: Path) -> str:
    """Why there is no release of what is committed; the audit says which lock it has come to."""
    commit = Commit(repository)
    with pytest.raises(NoRelease) as found:
        require(commit, commit.export(scratch / "tree"), VENV)
    return str(found.value)


def committed(repository: Path, name: str, content: str) -> None:
    """A change."""
    (repository / name).write_text(content)
    git(repository, "commit", "-q", "-a", "-m", "a change")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n- All.\n", "has no section of 0.1.0"),
        ("CHANGELOG.md", "# Changelog\n\n## [0.1.0]\n\n## [0.0.9]\n- x\n", "says nothing of"),
        ("client_updater/__init__.py", 'AGENT_VERSION = "0.0.9"\n', "says another version"),
        ("pyproject.toml", '[project]\nversion = "0.1.1"\n', "says another version than 0.1.1"),
        (
            "Makefile",
            "lock:\n\t@echo new > requirements.lock\n",
            "lock is out of date",
        ),
        ("Makefile", "lock:\n\t@echo no line >&2; exit 1\n", "make lock failed: no line"),
    ],
)
def test_what_is_not_ready_is_no_release(
    repository: Path, tmp_path: Path, name: str, content: str, why: str
) -> None:
    committed(repository, name, content)
    assert why in refused(repository, tmp_path)


def test_a_tree_with_changes_a_tag_and_a_version_that_nobody_kept_are_no_release(
    repository: Path, tmp_path: Path
) -> None:
    git(repository, "tag", "v0.1.0")
    assert "0.1.0 is tagged already" in refused(repository, tmp_path / "tagged")
    git(repository, "tag", "-d", "v0.1.0")
    (repository / "new.py").write_text("")
    assert "1 changes that are not committed, such as '?? new.py'" in refused(
        repository, tmp_path / "changed"
    )
    (repository / "new.py").unlink()
    git(repository, "rm", "-q", "-r", GOLDENS)
    git(repository, "commit", "-q", "-m", "nothing kept")
    assert "python -m tests.compatibility.record 0.1.0" in refused(repository, tmp_path / "kept")


def test_what_pip_audit_finds_and_what_it_could_not_ask_are_no_release() -> None:
    hole = {"id": "PYSEC-2026-1", "fix_versions": ["2.1"], "aliases": [], "description": "bad"}
    clean = {"name": "tuf", "version": "7.0", "vulns": []}
    holed = {"name": "urllib3", "version": "2.0", "vulns": [hole]}
    skipped = {"name": "click", "skip_reason": "Dependency not found on PyPI: click (8.2)"}
    audit.read(json.dumps({"dependencies": [clean]})).require_clean()
    with pytest.raises(NoRelease, match=r"urllib3 2\.0: PYSEC-2026-1, mended in 2\.1"):
        audit.read(json.dumps({"dependencies": [clean, skipped, holed]})).require_clean()
    with pytest.raises(NoRelease, match="could not ask about 1 packages"):
        audit.read(json.dumps({"dependencies": [clean, skipped]})).require_clean()
    with pytest.raises(NoRelease, match=r"any of them .*no line"):
        audit.read("Traceback", "ConnectionError: no line").require_clean()


def test_the_notes_are_the_versions_own_section() -> None:
    assert notes(CHANGELOG, "0.1.0") == "# HSP distribution 0.1.0\n\n### Added\n- All.\n"


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> list[Tree]:
    """Two exports of this commit, on different days and with different modes."""
    made = []
    for name, mode in (("one", 0o644), ("other", 0o600)):
        tree = Commit(ROOT).export(tmp_path_factory.mktemp("release") / name)
        for file in tree.folder.rglob("*.py"):
            file.chmod(mode)
        made.append(tree)
    return made


def test_two_builds_of_a_commit_are_the_same_bytes_and_components(
    trees: list[Tree], tmp_path: Path
) -> None:
    found = []
    for number, tree in enumerate(trees):
        out = tmp_path / str(number)
        out.mkdir()
        distributions.build(tree, VENV, out)
        sbom.write(tree, VENV, "agent", NEEDED, out)
        (out / SUMS).write_text(sums(out))
        found.append(out)
    compare(*found)
    plain = json.loads(next(found[0].glob("*.cdx.json")).read_bytes())
    components = {each["name"]: each["version"] for each in plain["components"]}
    assert components == {"tuf": "7.0.0", "urllib3": "2.8.0"}
    assert plain["metadata"]["component"]["name"] == "hsp-distribution"
    [wheel] = found[0].glob("*.whl")
    [sdist] = found[0].glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    assert {"manifests/schedules/standard.toml", "client_updater/cli.py"} <= names
    with tarfile.open(sdist) as tar:
        assert {member.mtime for member in tar} == {trees[0].seconds}
    with pytest.raises(NoRelease, match=r"differ in hsp_distribution.*\.whl$"):
        (found[1] / SUMS).write_text(sums(found[0]).replace(_sha256(wheel), "0" * 64))
        compare(*found)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
