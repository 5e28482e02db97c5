"""Every command that a page tells a person to type exists, with every option it is given."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from client_updater.cli import main as hsp_updater
from distribution.cli import main as hsp
from signing.cli import main as hsp_sign

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PROGRAMS: dict[str, click.Command] = {
    "hsp": hsp,
    "hsp-sign": hsp_sign,
    "hsp-updater": hsp_updater,
}
_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


def _below(command: click.Group, word: str) -> click.Command | None:
    return command.get_command(click.Context(command), word)


def commands(page: str) -> Iterator[list[str]]:
    """Every command line of ours on a page, as words."""
    blocks = "\n".join(_BLOCK.findall(page)).replace("\\\n", " ")
    lines = [line for line in blocks.splitlines() if line.startswith(tuple(PROGRAMS))]
    spans = [span for span in _SPAN.findall(_BLOCK.sub("", page)) if span.split()[0] in PROGRAMS]
    for line in lines + spans:
        for one in line.split("&&"):
            yield shlex.split(one, comments=True)


def is_known(words: list[str]) -> bool:
    """Whether the program has such a command, and the command such options."""
    command, known = PROGRAMS[words[0]], options(PROGRAMS[words[0]])
    for word in words[1:]:
        if word.startswith("--"):
            if word.split("=")[0] not in known:
                return False
        elif isinstance(command, click.Group) and (below := _below(command, word)):
            command = below
            known |= options(command)
    return words == words[:1] or not (
        isinstance(command, click.Group) and not command.invoke_without_command
    )


def options(command: click.Command) -> set[str]:
    """The names of a command's options."""
    return {name for param in command.params for name in param.opts} | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_the_page_exists(page: Path) -> None:
    unknown = [words for words in commands(page.read_text()) if not is_known(words)]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_on_the_page_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_the_pages_speak_of_commands_at_all() -> None:
    found = {tuple(words[:2]) for page in PAGES for words in commands(page.read_text())}
    assert len(found) > 20


def test_this_test_sees_a_command_that_does_not_exist() -> None:
    assert is_known(["hsp", "rollout", "pause", "kasir", "2.1.0", "--reason", "x"])
    assert not is_known(["hsp", "rollout", "halt", "kasir"])
    assert not is_known(["hsp", "tickets", "--level", "L1"])
    assert not is_known(["hsp-sign", "resign", "proposal"])
