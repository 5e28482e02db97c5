"""``hsp status``: how long what is signed still lives, and who must act."""

import json
from datetime import datetime
from typing import Any

import click

from distribution.cli import show
from distribution.repository.bucket import open_store
from distribution.scheduling import aging
from distribution.scheduling.aging import Age, Emergency
from distribution.settings import Settings
from signing import wording
from signing.cli import utc_now
from signing.roles import BY_THE_SERVER, row_of


def register(program: click.Group) -> None:
    """Add this module's command to ``hsp``."""
    program.add_command(status)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Every role of the repository, when it expires, and who must act.

    It warns of what has a quarter of its life left. The roles of emergencies are left to expire
    on purpose, since the next emergency signs its own anew; it warns if too few people are left to.
    """
    now, store = utc_now(), open_store(settings)
    found, urgent = aging.ages(store), aging.emergencies(store)
    rows = [*(_row(age, now) for age in found), *(_emergency_row(each) for each in urgent)]
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=datetime.isoformat))
        return
    show.table(("role", "version", "expires", "state", "who acts"), (row.values() for row in rows))
    _warn("less than a quarter of its life is left", [a.role for a in found if a.is_old(now)])
    _warn("too few people are left to sign", [each.role for each in urgent if each.is_unusable])


def _warn(what: str, roles: list[str]) -> None:
    if roles:
        click.echo(f"warning: {what}: {', '.join(roles)}", err=True)


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
    if row_of(role) in BY_THE_SERVER:
        return "the server's scheduler, at half of its life"
    return f"people: hsp renew {role}"


def _emergency_row(found: Emergency) -> dict[str, Any]:
    return {
        "role": found.role,
        "version": found.version,
        "expires": found.expires,
        "state": _emergency_state(found),
        "who_acts": _who_signs(found),
    }


def _emergency_state(found: Emergency) -> str:
    if found.holders is None:
        return "nobody has it"
    if found.is_unusable:
        return "unusable"
    return "left to expire" if found.version else "not used yet"


def _who_signs(found: Emergency) -> str:
    if found.holders is None:
        return "nobody can: the repository was made without it"
    people = wording.people_of(found.holders)
    if found.is_unusable:
        return f"officers: hsp people add; it needs {people}"
    return f"nobody now; the next emergency is signed by {people}"
