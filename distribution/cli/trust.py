"""The commands about who may sign: people, and what expires. A theft has commands of its own.

Each writes a proposal; officers sign it offline, and ``hsp publish`` makes it real.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from distribution.cli.drafts import draft_option, new_draft, out_option
from distribution.repository.bucket import open_store
from distribution.repository.store_errors import in_server_words
from distribution.settings import Settings
from signing import assignments, exposure, propose
from signing.cli import show_proposal
from signing.propose import Assignment
from signing.roles import person_of
from signing.signers import read_public
from signing.update_repository import Repository

_key = click.Path(path_type=Path, dir_okay=False)


def register(program: click.Group) -> None:
    """Add this module's commands to ``hsp``."""
    for command in (people, renew):
        program.add_command(command)


@click.group(invoke_without_command=True)
@click.pass_context
def people(context: click.Context) -> None:
    """Who may sign what. Without a command: the list."""
    if context.invoked_subcommand is None:
        with in_server_words():
            repository = Repository.read(open_store(context.obj))
            for each in assignments.holders(repository):
                names = ", ".join(person_of(key) for key in each.keys)
                click.echo(f"{each.role:24} {each.threshold} of {names}")


@people.command(name="add")
@click.argument("key", type=_key)
@click.option("--role", "roles", multiple=True, required=True, help="A role; several if need be.")
@out_option
@draft_option
@click.pass_obj
def add_person(
    settings: Settings, key: Path, roles: tuple[str, ...], out: Path | None, by: str
) -> None:
    """Propose to give roles to the owner of KEY.pub."""
    new = read_public(key)
    repository = _repository(settings)
    _propose(settings, assignments.added(repository, new, roles), f"add-{person_of(new)}", out, by)


@people.command()
@click.argument("person")
@click.option("--role", "roles", multiple=True, help="Only these; by default all that they hold.")
@click.option("--instead", type=_key, multiple=True, help="The .pub of who takes their place.")
@out_option
@draft_option
@click.pass_obj
def revoke(
    settings: Settings,
    person: str,
    roles: tuple[str, ...],
    instead: tuple[Path, ...],
    out: Path | None,
    by: str,
) -> None:
    """Propose to take roles from PERSON, whose key was stolen or lost, or who leaves."""
    keys, repository = [read_public(file) for file in instead], _repository(settings)
    changed = assignments.revoked(repository, person, roles, keys)
    _show_exposure(f"{person}'s key", exposure.of_person(repository, person))
    _propose(settings, changed, f"revoke-{person}", out, by)


@people.command(name="replace")
@click.argument("keys", type=_key, nargs=-1, required=True)
@out_option
@draft_option
@click.pass_obj
def replace_keys(settings: Settings, keys: tuple[Path, ...], out: Path | None, by: str) -> None:
    """Propose each new KEY.pub for all roles of its owner, instead of their old one."""
    new = [read_public(key) for key in keys]
    changed = assignments.replaced(_repository(settings), new)
    _propose(settings, changed, f"replace-{'-'.join(map(person_of, new))}", out, by)


@click.command()
@click.argument("role")
@out_option
@draft_option
@click.pass_obj
def renew(settings: Settings, role: str, out: Path | None, by: str) -> None:
    """Propose the same ROLE once more, so that it does not expire."""
    with in_server_words():
        draft = new_draft(settings, out, f"renew-{role}", by)
        show_proposal(propose.renewal(_repository(settings), role, draft))


def _repository(settings: Settings) -> Repository:
    with in_server_words():
        return Repository.read(open_store(settings))


def _show_exposure(whose: str, sentences: Iterable[str]) -> None:
    click.echo(f"Who has {whose} and nobody else's")
    for sentence in sentences:
        click.echo(f"  {sentence}")
    click.echo()


def _propose(
    settings: Settings, changed: Sequence[Assignment], name: str, out: Path | None, by: str
) -> None:
    with in_server_words():
        draft = new_draft(settings, out, name, by)
        show_proposal(propose.people(_repository(settings), changed, draft))
