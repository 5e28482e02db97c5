"""Where a command puts the proposal that it writes, and in whose name."""

from pathlib import Path

import click

from distribution import home
from distribution.settings import Settings
from signing import propose
from signing.cli import this_user, utc_now

draft_option = click.option(
    "--by", default="", help="Who proposes it; by default, this machine's user."
)
out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="The new folder for the proposal (default: in the home).",
)


def new_draft(settings: Settings, out: Path | None, name: str, by: str) -> propose.Draft:
    """A draft in ``out``, or in the home under a name of its own."""
    folder = out or settings.home / home.PROPOSALS / name
    return propose.Draft(folder, by or this_user(), utc_now())
