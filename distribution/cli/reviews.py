"""``hsp review``: what one L3 engineer did alone, and what somebody else thought of it."""

from datetime import datetime

import click

from distribution.cli import acting, show
from distribution.database.sessions import Database
from distribution.emergency import break_glass, reviews
from distribution.emergency.reviews import Review
from distribution.people.roles import Permission
from distribution.repository.bucket import open_store
from distribution.server import utc_now
from distribution.settings import Settings


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(review)


@click.group()
def review() -> None:
    """Reviews of break-glass releases, each due within two working days."""


@review.command("list")
@click.option("--all", "also_closed", is_flag=True, help="Those that are closed, too.")
@click.pass_obj
def list_reviews(settings: Settings, *, also_closed: bool) -> None:
    """The open reviews: of what, whose, and by when."""
    database, now = Database.open(settings), utc_now()
    reviews.find(database, open_store(settings), now)
    with database.reading() as session:
        found = reviews.listed(session, also_closed=also_closed)
    columns = (
        "no.", "release", "signed by", "opened", "due", "overdue", "closed by", "closed", "verdict",
    )  # fmt: skip
    show.table(columns, (_row(each, now) for each in found))


def _row(one: Review, now: datetime) -> tuple[object, ...]:
    overdue = "OVERDUE" if one.is_overdue(now) else ""
    return (
        one.number, one.release, one.who, one.opened_at, one.due_at, overdue,
        one.closed_by, one.closed_at, one.verdict,
    )  # fmt: skip


@review.command()
@click.argument("number", type=int)
@click.option("--by", required=True, help="Who has looked at it: never who signed it.")
@click.option("--verdict", required=True, help="What they found, and what follows from it.")
@click.pass_obj
def close(settings: Settings, number: int, by: str, verdict: str) -> None:
    """Close review NUMBER; its signer may publish a break-glass release again."""
    on_call = break_glass.people(open_store(settings))
    database = Database.open(settings)
    by = by.strip().lower()
    role = acting.acting(database, by, Permission.REVIEW_CLOSE).role_for(Permission.REVIEW_CLOSE)
    done = reviews.close(database, number, by, verdict, on_call, utc_now(), role)
    click.echo(f"review {done.number} of {done.what} is closed by {done.closed_by}")
