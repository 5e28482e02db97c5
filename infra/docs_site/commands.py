"""The help of every command of the three programs, a page for each command of the first level."""

from collections.abc import Iterator

import click

from client_updater.cli import main as hsp_updater
from distribution.cli import main as hsp
from signing.cli import main as hsp_sign

PROGRAMS: dict[str, click.Command] = {
    "hsp": hsp,
    "hsp-sign": hsp_sign,
    "hsp-updater": hsp_updater,
}
_WIDTH = 84


def pages() -> Iterator[tuple[str, str, str]]:
    """For each page: its title, its file on the site, its text."""
    for name, program in PROGRAMS.items():
        context = _context(program, name, None)
        commands = below(program)
        text = [f"# {name}", _help(program, context)]
        if commands:
            text.append("\n".join(f"- [{name} {each}]({each}.md)" for each in sorted(commands)))
        yield name, f"commands/{name}/index.md", "\n\n".join(text) + "\n"
        for each, command in sorted(commands.items()):
            text = list(_sections(command, f"{name} {each}", _context(command, each, context)))
            yield f"{name} {each}", f"commands/{name}/{each}.md", "\n\n".join(text) + "\n"


def _sections(
    command: click.Command, title: str, context: click.Context, level: int = 1
) -> Iterator[str]:
    yield f"{'#' * level} {title}"
    yield _help(command, context)
    for name, each in sorted(below(command).items()):
        yield from _sections(each, f"{title} {name}", _context(each, name, context), level + 1)


def below(command: click.Command) -> dict[str, click.Command]:
    """The commands of a group that a person may use, hidden ones left out."""
    if not isinstance(command, click.Group):
        return {}
    context = click.Context(command)
    found = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return {name: each for name, each in found.items() if each is not None and not each.hidden}


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    settings = {"terminal_width": _WIDTH, "max_content_width": _WIDTH, "color": False}
    return click.Context(
        command, info_name=name, parent=parent, **{**command.context_settings, **settings}
    )


def _help(command: click.Command, context: click.Context) -> str:
    return f"```text\n{command.get_help(context)}\n```"
