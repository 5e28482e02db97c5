"""``hsp-updater``: the program of a site's administrator.

Every command answers in sentences, and every error names the next step. ``once`` ends with status
0 when the poll could do its work, whatever it decided; otherwise with the status of what it met.

``run`` stays in memory for months, so it is here alone; the others, with all that they import, are
read when one of them is asked for.
"""

import os
import sys
from pathlib import Path

import click

from client_updater import AGENT_VERSION
from client_updater.agent_log import AGENT_LOG_FILE, TIMED, logged
from client_updater.context import Context
from client_updater.state import DEFAULT_STATE, StateFolder
from client_updater.stop import Stop
from client_updater.watch import ANEW, Watch
from manifests.terminal import Program


class _Commands(Program):
    """Those that are here, and those of ``site_commands``."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        return super().get_command(ctx, cmd_name) or self._others().get(cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return sorted({*super().list_commands(ctx), *self._others()})

    @staticmethod
    def _others() -> dict[str, click.Command]:
        from client_updater.site_commands import COMMANDS  # a third of a second, and much memory

        return COMMANDS


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(AGENT_VERSION, prog_name="hsp-updater")
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_STATE,
    envvar="HSP_UPDATER_STATE",
    show_default=True,
    help="The folder in which everything of this site's agent lies.",
)
@click.pass_context
def main(context: click.Context, state: Path) -> None:
    """Keeps the software of this site up to date, safely."""
    context.obj = Context(StateFolder(state.absolute()), Stop())


@main.command()
@click.pass_obj
def run(context: Context) -> None:
    """Poll until stopped, as often as the server wishes."""
    context.state.check()
    with logged(context.state / AGENT_LOG_FILE, TIMED), context.stop.on_signals():
        status = Watch(context.state, context.stop).run()
    if status == ANEW:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves
    sys.exit(status)


if __name__ == "__main__":
    main()
