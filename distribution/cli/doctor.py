"""``hsp doctor``: looks at a deployment from all sides and says how to mend what it finds."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict

import click

from distribution.database.sessions import DATABASE_FILE
from distribution.doctor.checks import ALL
from distribution.doctor.findings import Context, Finding, Level, exit_status, run
from distribution.errors import Misconfigured
from distribution.server import utc_now
from distribution.settings import Settings
from manifests.terminal import shown

_COLOURS = {Level.BROKEN: "red", Level.WARNING: "yellow", Level.UNKNOWN: "magenta"}


def register(program: click.Group) -> None:
    """Add this command to ``hsp``."""
    program.add_command(doctor)


@click.command()
@click.option("--only", multiple=True, metavar="CHECK", help="Such as 'bucket' or 'keys.modes'.")
@click.option("--send-to", default="", metavar="ADDRESS", help="Send a mail there, too.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def doctor(settings: Settings, only: tuple[str, ...], send_to: str, as_json: bool) -> None:
    """Look at everything that a deployment needs, and say how to mend what is wrong.

    Run it as the user of the server and with its environment. It changes nothing, but for a file of
    its own in the store, which it removes again. Ends with 0 (well), 1 (warnings), 2 (something is
    broken) or 3 (something could not be looked at).
    """
    is_embedded = not settings.database_url
    if is_embedded and not (settings.home / DATABASE_FILE).is_file():  # looking must not make one
        raise Misconfigured(f"there is no server at {settings.home}", hint="run 'hsp init'")
    chosen = [
        (name, check)
        for name, check in ALL
        if not only or any(name == each or name.startswith(f"{each}.") for each in only)
    ]
    if not chosen:
        names = ", ".join(sorted({name.partition(".")[0] for name, _ in ALL}))
        raise click.UsageError(f"there is no such check; there are {names}")
    found = list(run(chosen, Context(settings, utc_now, send_to)))
    if as_json:
        said = {"checks": [name for name, _ in chosen], "findings": [asdict(one) for one in found]}
        click.echo(json.dumps(said, indent=2))
    else:
        for (level, says, mend), checks in _once_each(found).items():
            click.secho(f"{level:8} {', '.join(checks)}", fg=_COLOURS[level], bold=True)
            click.echo(f"         {shown(says)}")
            click.echo(f"         mend: {shown(mend)}")
        click.echo(f"{len(chosen)} checks, {len(found)} findings")
    sys.exit(exit_status(found))


def _once_each(found: Iterable[Finding]) -> dict[tuple[Level, str, str], list[str]]:
    """The worst in front; what many checks say, such as that the database is away, once."""
    told: dict[tuple[Level, str, str], list[str]] = {}
    for one in sorted(found, key=lambda one: list(Level).index(one.level)):
        told.setdefault((one.level, one.says, one.mend), []).append(one.check)
    return {words: list(dict.fromkeys(names)) for words, names in told.items()}
