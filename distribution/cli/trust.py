"""The commands about who may sign: people, what expires, and the server's own keys.

Each writes a proposal; officers sign it offline, and ``hsp publish`` makes it real.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from distribution import rotation
from distribution.bucket import open_store
from distribution.cli.drafts import draft_option, new_draft, out_option
from distribution.settings import Settings
from distribution.store_errors import in_server_words
from signing import assignments, exposure, propose
from signing.cli import show_proposal, utc_now
from signing.propose import Assignment
from signing.roles import person_of
from signing.signers import read_public
from signing.update_repository import Repository

_key = click.Path(path_type=Path, dir_okay=False)


def register(program: click.Group) -> None:
    """Add this module's commands to ``hsp``."""
    for command in (people, renew, rotate):
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
@click.argument("key", type=_key)
@out_option
@draft_option
@click.pass_obj
def replace_key(settings: Settings, key: Path, out: Path | None, by: str) -> None:
    """Propose the new KEY.pub for all roles of its owner, instead of the old one."""
    new = read_public(key)
    changed = assignments.revoked(_repository(settings), person_of(new), (), [new])
    _propose(settings, changed, f"replace-{person_of(new)}", out, by)


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


@click.command()
@click.option("--stolen", is_flag=True, help="In one step: the old keys lose everything at once.")
@click.option("--yes", is_flag=True, help="Do the step, instead of saying what it would be.")
@out_option
@draft_option
@click.pass_obj
def rotate(settings: Settings, stolen: bool, yes: bool, out: Path | None, by: str) -> None:
    """Rotate the server's own keys, step by step: the same command again goes on.

    Planned: new keys are listed beside the old ones, sign everything, and then the old ones are
    struck off; no poll fails. With --stolen the new ones take the place of the old ones at once.
    """
    with in_server_words():
        step = rotation.next_step(settings, stolen=stolen)
    if stolen:
        _show_exposure("the server's keys", exposure.of_server(_repository(settings)))
    click.echo(f"Now: {step.now}\nNext: {step.next}")
    if not yes:
        click.echo("Nothing was done. With --yes it is.")
        return
    with in_server_words():
        if step.proposes is None:
            step.act(settings, utc_now())
            click.echo("Done.")
            return
        keys = rotation.next_keys(settings)
        beside = step.proposes is rotation.Proposes.BESIDE
        changed = assignments.of_the_server(_repository(settings), keys, beside=beside)
        _propose(settings, changed, f"rotate-{step.proposes.value}", out, by)


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
