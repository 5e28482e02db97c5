"""``hsp symptoms``: what a customer tells the first line, field by field."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import click

from distribution.cli import acting, show
from distribution.database.sessions import Database
from distribution.desk import symptoms as records
from distribution.desk.symptoms import Channel, Sees, Told, Urgency
from distribution.server import utc_now
from distribution.settings import Settings
from manifests.documents import validated


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(symptoms)


def _choice(kind: type[StrEnum]) -> click.Choice[str]:
    return click.Choice([each.value for each in kind])


@click.group()
def symptoms() -> None:
    """What customers told; kept for 180 days."""


@symptoms.command()
@click.argument("site_id", metavar="SITE")
@click.option("--channel", type=_choice(Channel), required=True)
@click.option("--sees", type=_choice(Sees), multiple=True, required=True)
@click.option("--words", "exact_words", default="", help="The error, letter for letter.")
@click.option("--caller", default="", help="A name to ask for; no number, no address.")
@click.option("--number-on-file", is_flag=True, help="Called back on the number on file.")
@click.option("--began", default="", help="When, in UTC: 2026-11-26T08:00Z.")
@click.option("--places", type=click.IntRange(0, 100_000), help="Work places affected.")
@click.option("--changed", default="", help="What was changed before it began.")
@click.option("--urgency", type=_choice(Urgency), default=Urgency.HINDERS.value)
@click.option(
    "--ticket",
    type=show.NUMBER_OR_NONE,
    default=0,
    help="Else its only open one.",
)
@click.option("--open", "opens", is_flag=True, help="It opens a ticket of its own.")
@click.option("--by", default=show.whoami, help="Who records it.")
@click.pass_obj
def record(
    settings: Settings, /, site_id: str, ticket: int, by: str, began: str, *, opens: bool,
    **fields: Any,
) -> None:  # fmt: skip
    """Write down what a customer at SITE told."""
    plain = {name: value for name, value in fields.items() if value is not None}
    if began:
        plain["began_at"] = _moment(began)
    told = validated(Told, plain, strict=True)
    database = Database.open(settings)
    person = acting.somebody(database, by)
    done = records.record(database, person, site_id, told, utc_now(), ticket=ticket, opens=opens)
    where = f"ticket {done.ticket}" if done.ticket else "no ticket: --ticket N, or --open"
    click.echo(f"record {done.number} of {site_id} goes with {where}")


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise click.UsageError(f"--began {text!r} is no moment; write it as 2026-11-26T08:00Z")
    return found


@symptoms.command("list")
@click.argument("site_id", metavar="SITE")
@click.pass_obj
def list_symptoms(settings: Settings, site_id: str) -> None:
    """What was told of SITE, newest first."""
    with Database.open(settings).reading() as session:
        found = records.of_site(session, site_id)
    columns = (
        "no.", "at", "by", "channel", "sees", "urgency", "places", "began", "changed", "words",
        "caller", "on file", "ticket",
    )  # fmt: skip
    show.table(
        columns,
        (
            (s.number, s.at, s.recorded_by, s.channel, ", ".join(s.sees), s.urgency, s.places,
             s.began_at, s.changed, s.exact_words, s.caller, "yes" if s.number_on_file else "no",
             s.ticket)
            for s in found
        ),
    )  # fmt: skip
