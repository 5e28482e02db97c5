"""``hsp status``: how long what is signed still lives, and who must act."""

import json
from datetime import datetime
from typing import Any

import click

from distribution import aging
from distribution.aging import Age
from distribution.bucket import open_store
from distribution.cli import show
from distribution.settings import Settings
from signing.cli import utc_now
from signing.roles import ROLLOUTS, SNAPSHOT, TIMESTAMP, row_of

_BY_THE_SERVER = (TIMESTAMP, SNAPSHOT, ROLLOUTS)


def register(program: click.Group) -> None:
    """Add this module's command to ``hsp``."""
    program.add_command(status)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Every role that sites depend on, when it expires, and who must renew it.

    It warns of what has a quarter of its life left. Emergencies' roles are left to expire.
    """
    now = utc_now()
    rows = [_row(age, now) for age in aging.ages(open_store(settings))]
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=datetime.isoformat))
        return
    show.table(("role", "version", "expires", "state", "who acts"), (row.values() for row in rows))
    old = [row["role"] for row in rows if row["state"] != "fresh"]
    if old:
        click.echo(f"warning: less than a quarter of its life is left: {', '.join(old)}", err=True)


def _row(age: Age, now: datetime) -> dict[str, Any]:
    return {
        "role": age.role,
        "version": age.version,
        "expires": age.expires,
        "state": _state(age, now),
        "who_acts": _who_acts(age.role),
    }


def _state(age: Age, now: datetime) -> str:
    if age.expires <= now:
        return "expired"
    return "old" if age.is_old(now) else "fresh"


def _who_acts(role: str) -> str:
    if row_of(role) in _BY_THE_SERVER:
        return "the server's scheduler, at half of its life"
    return f"people: hsp renew {role}"
