"""How the three programs tell a person that something went wrong: one sentence, one next step."""

import sys
from typing import Any

import click

from manifests.errors import UpdateError


class Program(click.Group):
    """A command group whose errors are sentences and exit statuses, never tracebacks."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an ``UpdateError`` becomes its message and its exit status."""
        try:
            return super().invoke(ctx)
        except UpdateError as error:
            click.secho(f"error: {shown(error.message)}", err=True, fg="red")
            if error.hint:
                click.echo(f"       next: {shown(error.hint)}", err=True)
            sys.exit(error.exit_status)


def shown(text: str, *, keep: str = "\n") -> str:
    """``text`` without what could steer a terminal; ``keep`` stays as it is.

    It may be a stranger's: names in a proposal, a site's words, a server's answer.
    """
    return "".join(c if c.isprintable() or c in keep else "\N{REPLACEMENT CHARACTER}" for c in text)
