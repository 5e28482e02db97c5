"""The Containerfile: linted, one base, no root at its end, and the versions that tests ran with."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "infra" / "containers"
FILE = (FOLDER / "Containerfile").read_text()


def pinned(lock: Path) -> dict[str, str]:
    """Each package with its version."""
    lines = re.findall(r"^([a-z0-9-]+)==([^ \\]+)", lock.read_text(), re.MULTILINE)
    return dict(lines)


def test_the_linter_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, FOLDER / "Containerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", ["server", "agent", "build"])
def test_an_image_has_the_versions_that_the_tests_ran_with(name: str) -> None:
    ours, tested = pinned(FOLDER / f"{name}.lock"), pinned(ROOT / "requirements.lock")
    assert ours
    assert {package: tested.get(package) for package in ours} == ours


def test_every_stage_comes_from_the_base_that_is_given_or_from_another_stage() -> None:
    stages = re.findall(r"^FROM (\S+) AS (\S+)", FILE, re.MULTILINE)
    assert len(stages) == len(re.findall(r"^FROM ", FILE, re.MULTILINE))
    named = {name for _, name in stages}
    assert all(base == "${BASE}" or base in named for base, _ in stages)
    assert re.search(r"^ARG BASE$", FILE, re.MULTILINE), "a default would be a tag that moves"


@pytest.mark.parametrize("stage", ["server", "agent"])
def test_no_image_runs_as_root_or_fetches_what_is_not_pinned(stage: str) -> None:
    text = FILE.partition(f" AS {stage}\n")[2].partition("\nFROM ")[0]
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["10001:10001"]
    assert "pip" not in text
    assert ("/healthz" in text) == (stage == "server")


def test_what_is_copied_is_there_and_is_let_through_to_the_builder() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", FILE, re.MULTILINE)
    paths = {path for line in copied for path in line.split()}
    let_through = (FOLDER / "Containerfile.dockerignore").read_text().splitlines()
    for path in paths:
        assert (ROOT / path).exists(), path
        pattern = "infra/containers/*.lock" if path.endswith(".lock") else path
        assert f"!{pattern}" in let_through, path
