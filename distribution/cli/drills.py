"""``hsp drill``: rotation and theft, each walked through step by step.

Every drill is the same command again and again: it says what could have been done, which steps are
behind us and which one is next; with ``--yes`` it does that one. Only the first ``--yes`` begins.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from distribution.cli import acting, show
from distribution.control.control_tables import DrillRow
from distribution.database.sessions import Database
from distribution.drills import expiring, left_behind, people, records, server_keys
from distribution.drills.people import COMPROMISED, THEFTS, Theft
from distribution.drills.steps import Drill, Scene
from distribution.people.roles import Permission
from distribution.repository.store_errors import in_server_words
from distribution.settings import Settings
from manifests.terminal import shown
from signing.cli import utc_now
from signing.signers import read_public

_LISTED = 20

_key = click.Path(path_type=Path, dir_okay=False)
_yes = click.option("--yes", is_flag=True, help="Do the next step, instead of saying what it is.")
_by = click.option("--by", default=show.whoami, help="Who does it, for the record.")


def register(program: click.Group) -> None:
    """Add this module's command to ``hsp``."""
    program.add_command(drill)


@click.group(invoke_without_command=True)
@click.pass_context
def drill(context: click.Context) -> None:
    """Rotation and theft, step by step; nothing is done without --yes. Alone: what was drilled."""
    if context.invoked_subcommand is None:
        _list(context.obj)


@drill.command(server_keys.PLANNED)
@click.option("--key", "keys", type=_key, multiple=True, help="A person's new .pub; several.")
@_yes
@_by
@click.pass_obj
def planned_rotation(settings: Settings, keys: tuple[Path, ...], yes: bool, by: str) -> None:
    """On a quiet day: the server's own keys, or with --key those of people."""
    new = [read_public(file) for file in keys]

    def at(scene: Scene) -> Drill:
        return people.rotated(scene, new) if new else server_keys.drill(scene, stolen=False)

    _walk(settings, at, by, yes=yes)


@drill.command(server_keys.STOLEN)
@_yes
@_by
@click.pass_obj
def stolen_online_key(settings: Settings, yes: bool, by: str) -> None:
    """One of the server's keys, or the whole server, is in a thief's hands."""

    def at(scene: Scene) -> Drill:
        return server_keys.drill(scene, stolen=True)

    _walk(settings, at, by, yes=yes, distrust=True)


@drill.command(COMPROMISED)
@click.option("--officer", "officers", type=_key, multiple=True, help="A new officer's .pub.")
@click.option(
    "--left-behind",
    "old_home",
    type=click.Path(path_type=Path, file_okay=False),
    help="The old server's home: its sites are to move to this one.",
)
@_yes
@_by
@click.pass_obj
def compromised_root(
    settings: Settings, officers: tuple[Path, ...], old_home: Path | None, yes: bool, by: str
) -> None:
    """As many officers' keys as sign a root: hand over (--officer), or leave it (--left-behind)."""
    if (old_home is None) == (not officers):
        raise click.UsageError(
            "either the new officers by --officer, if nobody else has signed a root yet, or "
            "--left-behind with the old server's home, from the home of a new one"
        )
    new = [read_public(file) for file in officers]

    def at(scene: Scene) -> Drill:
        if old_home is not None:
            return left_behind.drill(scene, old_home)
        return people.all_officers(scene, new)

    _walk(settings, at, by, yes=yes)


@drill.command(expiring.NAME)
@_yes
@_by
@click.pass_obj
def expiring_command(settings: Settings, yes: bool, by: str) -> None:
    """Roots and roles with less than a quarter of their life left, or none."""
    _walk(settings, expiring.drill, by, yes=yes)


def _add_theft(theft: Theft) -> None:
    @drill.command(theft.name, help=f"The key of {theft.whose} is stolen or lost.")
    @click.argument("person")
    @click.option("--instead", type=_key, multiple=True, help="The .pub that takes its place.")
    @_yes
    @_by
    @click.pass_obj
    def command(
        settings: Settings, person: str, instead: tuple[Path, ...], yes: bool, by: str
    ) -> None:
        new = [read_public(file) for file in instead]
        _walk(settings, lambda scene: people.stolen(scene, theft, person, new), by, yes=yes)


for _theft in THEFTS:
    _add_theft(_theft)


# --- walking


def _walk(
    settings: Settings,
    at: Callable[[Scene], Drill],
    by: str,
    *,
    yes: bool,
    distrust: bool = False,
) -> None:
    with in_server_words():
        scene = Scene.open(settings, by, utc_now(), distrust=distrust)
        records.look(scene.database, scene.store, scene.now)
        found = at(scene)
        _show(found)
        step = found.next
        if step is None:
            return
        if step.act is None:
            click.echo("\nThis step is for people:")
            _lines(step.how)
        elif yes:
            acting.acting(scene.database, scene.by, Permission.DRILL)
            _begin(scene, found)
            click.echo(f"\nStep {found.steps.index(step) + 1}:")
            _lines(step.act())
            if step is not found.steps[-1]:
                click.echo("\nDone. The same command again says what comes next.")
        else:
            if step.preview:
                click.echo("\nIt would be:")
                _lines(step.preview())
            click.echo("\nNothing was done. With --yes the next step is.")


def _show(found: Drill) -> None:
    click.echo(f"{found.title}\n\nWhat could have been done, and what not:")
    _lines(found.exposure)
    if found.steps:
        click.echo("\nSteps:")
    for number, step in enumerate(found.steps, 1):
        mark = "done" if step.done else "next" if step is found.next else ""
        click.echo(f"  {mark:4}  {number}. {step.what}")
    if found.noticed:
        click.echo("\nThe sites:")
        _lines(found.noticed)


def _begin(scene: Scene, found: Drill) -> None:
    row = DrillRow(
        name=found.name,
        about=found.about,
        exposure="\n".join(found.exposure),
        by=scene.by,
        began_at=scene.now,
    )
    records.begin(scene.database, row, found.goal)


def _list(settings: Settings) -> None:
    online_since = utc_now() - timedelta(seconds=settings.silent_after_seconds)
    with Database.open(settings).reading() as session:
        rows = [
            (row, records.noticed(session, row, online_since))
            for row in records.listed(session, _LISTED)
        ]
        table = [_row(row, noticed.failed_polls, noticed.notice) for row, noticed in rows]
    columns = ("drill", "about", "began", "by", "closed", "blind s", "failed polls")
    show.table(columns, table)
    click.echo("\nhsp drill --help lists what can be drilled.")


def _row(row: DrillRow, failed_polls: int, notice: Any) -> tuple[object, ...]:
    blind = f"{notice.seconds:.1f}" if notice is not None and notice.seconds is not None else ""
    ended = row.ended_at or "open"
    return row.name, row.about, row.began_at, row.by, ended, blind, failed_polls


def _lines(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(f"  {shown(line)}")
