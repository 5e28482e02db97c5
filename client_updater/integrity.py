"""``hsp-updater verify`` and ``repair``: the commands about files that are not what was signed."""

import sys
from typing import Protocol

import click

from client_updater.agent import Agent
from client_updater.drift import Drift
from client_updater.errors import Refused


class _Context(Protocol):
    """What the program's commands get."""

    def agent(self) -> Agent: ...


@click.command()
@click.argument("product", required=False)
@click.pass_obj
def verify(context: _Context, product: str | None) -> None:
    """Say which installed files differ from what was signed; ends with 1 if any does."""
    found = False
    for drift in _drifts(context.agent(), product):
        different = [each.what for each in drift.differences()]
        found = found or bool(different)
        state = "differs from what was signed:" if different else "is what was signed."
        click.echo("\n  ".join([f"{drift.product} {drift.version} {state}", *different]))
    if found:
        sys.exit(1)


@click.command()
@click.argument("product", required=False)
@click.pass_obj
def repair(context: _Context, product: str | None) -> None:
    """Mend installed files that differ from what was signed, and start the product again."""
    agent = context.agent()
    with agent.state.at_work():
        agent.state.make()
        for drift in _drifts(agent, product):
            mended = [each for each in drift.repair() if each.entry is not None]
            left = [each.what for each in drift.differences()]
            click.echo(f"{drift.product} {drift.version}: mended files: {len(mended)}")
            click.echo("".join(f"  left alone: {what}\n" for what in left), nl=False)


def _drifts(agent: Agent, product: str | None) -> list[Drift]:
    names = agent.enrolment.profile.products if product is None else (agent.known(product),)
    versions = {name: agent.slots.current(name) for name in names}
    drifts = [Drift(agent, name, version) for name, version in versions.items() if version]
    if not drifts:
        raise Refused(
            "nothing is installed here", hint="'hsp-updater status' says what it waits for"
        )
    return drifts
