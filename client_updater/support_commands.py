"""``hsp-updater diagnostics`` and ``rotate-key``: what a site shows and says of itself."""

from typing import Protocol

import click

from client_updater.agent import Agent
from client_updater.diagnostics import bundle, redaction_of
from client_updater.errors import Refused, Unreachable
from client_updater.key_rotation import KeyChange
from client_updater.server import Rejected


class _Context(Protocol):
    """What the program's commands get."""

    def agent(self) -> Agent: ...


@click.command()
@click.pass_obj
def diagnostics(context: _Context) -> None:
    """Show what would leave this site when support asks for diagnostics. Nothing is sent."""
    agent = context.agent()
    for section in bundle(agent, redaction_of(agent)).sections:
        click.echo(f"== {section.name}\n{section.text}\n")


@click.command("rotate-key")
@click.pass_obj
def rotate_key(context: _Context) -> None:
    """Replace this site's key by a new one; the old key says so, and is believed no more."""
    agent = context.agent()
    with agent.state.at_work():
        agent.state.make()
        agent.read_key_again()
        try:
            key = KeyChange(agent).change()
        except (Rejected, Unreachable) as error:
            raise Refused(error.message, hint="it goes on with the next poll") from error
    click.echo(f"This site speaks with a new key: {key.public_hex}")
