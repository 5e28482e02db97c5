"""``python -m infra.demo``: play the story from beginning to end."""

import contextlib
import signal
import sys
from pathlib import Path

import click

from infra.demo.cast import LOGINS
from infra.demo.estate import CONSOLE_PASSWORD, Estate
from infra.demo.screen import StoryFailedError, console, fail
from infra.demo.story import play
from tests.simulators.seaweed import Seaweed

BUCKET = "hsp-demo"


def use_s3(estate: Estate, scope: contextlib.ExitStack) -> None:
    """Put the repository on a real S3 server instead of into a directory."""
    server = scope.enter_context(Seaweed(estate.root / "s3"))
    server.make_bucket(BUCKET)
    estate.settings |= server.environment() | {
        "HSP_STORE_URL": f"s3://{BUCKET}",
        "HSP_PUBLIC_METADATA_URL": f"{server.public_url(BUCKET)}/metadata",
        "HSP_PUBLIC_TARGETS_URL": f"{server.public_url(BUCKET)}/targets",
    }


def keep_running(estate: Estate) -> None:
    """Say where everything is, and wait for Ctrl-C."""
    console.print("\nIt keeps running until you press Ctrl-C. Preparing the console's accounts ...")
    estate.open_accounts()
    console.print(f"   the console                 {estate.url}")
    for person, what in LOGINS.items():
        console.print(f"      {person:<8} {what}")
    console.print(f"      the password of each is    {CONSOLE_PASSWORD}")
    console.print(f"   API and its documentation   {estate.url}/docs")
    console.print(f"   staff token                 {estate.root}/home/staff.token")
    for site_id, port in estate.app_ports.items():
        console.print(f"   {site_id:<26}  http://127.0.0.1:{port}/health")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


@click.command()
@click.option("--store", type=click.Choice(["directory", "s3"]), default="directory")
@click.option("--folder", type=click.Path(path_type=Path), default=".demo", show_default=True)
@click.option("--keep", is_flag=True, help="leave everything running at the end")
def main(store: str, folder: Path, *, keep: bool) -> None:
    """Play the story; exit status 1 when it does not go as told."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    estate = Estate.fresh(folder)
    with contextlib.ExitStack() as scope:
        scope.callback(estate.stop)
        if store == "s3":
            use_s3(estate, scope)
        try:
            play(estate)
        except StoryFailedError as error:
            fail(f"{error}\nlook into {estate.root / 'logs'}")
        if keep:
            keep_running(estate)


if __name__ == "__main__":
    main()
