"""``hsp tickets``, ``hsp ticket`` and ``hsp desk queue``: what each tier works from."""

from datetime import datetime

import click

from distribution.cli import acting, show
from distribution.database.sessions import Database
from distribution.desk import queue, ticket_work, tickets
from distribution.desk.ticket_views import IncidentView, Ticket, TicketLine, Which
from distribution.languages import Language
from distribution.repository import catalogue
from distribution.repository.bucket import open_store
from distribution.server import utc_now
from distribution.settings import Settings
from manifests.failures import Tier
from manifests.terminal import shown

TIERS = click.Choice([tier.value for tier in Tier])
LANGUAGES = click.Choice([language.value for language in Language])


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(tickets_command)
    program.add_command(ticket)
    program.add_command(desk)


# --- the lists


@click.command("tickets")
@click.option("--tier", type=TIERS, help="Only this tier's.")
@click.option(
    "--state", type=click.Choice([w.value for w in Which]), default="open", show_default=True
)
@click.option("--sites", is_flag=True, help="Show the sites under each.")
@click.option("--page", type=click.IntRange(1, 10**6), default=1, help=f"{tickets.PAGE} a page.")
@click.pass_obj
def tickets_command(
    settings: Settings, tier: str | None, state: str, page: int, *, sites: bool
) -> None:
    """Problems, those due first in front; --sites shows who has them."""
    with Database.open(settings).reading() as session:
        only, offset = Tier(tier) if tier else None, (page - 1) * tickets.PAGE
        found = tickets.queue(session, Which(state), only, offset=offset)
        unexplained = tickets.failures_unexplained(session)
        under = {t.number: tickets.incidents_of(session, t.number) for t in found if sites}
    _show_lines(found)
    for line in found if sites else ():
        title = f"{line.number}: {line.sentence} ({line.runbook})"
        _show_sites(under[line.number], line.sites, title)
    if len(found) == tickets.PAGE:
        click.echo(f"there may be more: --page {page + 1}")
    click.echo(f"failures without a ticket: {unexplained}")


def _show_lines(found: list[TicketLine] | tuple[TicketLine, ...], title: str = "") -> None:
    show.table(
        ("no.", "tier", "state", "code", "release", "sites", "open", "clients", "due", "owner",
         "what"),
        (_row(line) for line in found),
        title,
    )  # fmt: skip


def _row(line: TicketLine) -> tuple[object, ...]:
    release = f"{line.product} {line.version}".strip()
    known = f"{line.known_issue}: " if line.known_issue else ""
    part = f" (part of {line.part_of})" if line.part_of else ""
    return (
        line.number, line.tier, line.state, line.code, release, line.sites, line.sites_open,
        line.clients, _clock(line), line.owner, known + show.first_line(line.detail) + part,
    )  # fmt: skip


def _clock(line: TicketLine) -> datetime | str:
    return "answered" if line.answered_at is not None else line.due_at


def _show_sites(found: tuple[IncidentView, ...], total: int, title: str) -> None:
    columns = ("site", "client", "tier", "state", "times", "since", "what")
    show.table(columns, (_site_row(incident) for incident in found), title)
    if total > len(found):
        click.echo(f"... the first {len(found)} of {total} sites")


def _site_row(incident: IncidentView) -> tuple[object, ...]:
    what = show.first_line(incident.detail)
    return (
        incident.site_id, incident.client_id, incident.tier, incident.state, incident.occurrences,
        incident.opened_at, what,
    )  # fmt: skip


# --- one ticket


@click.group()
def ticket() -> None:
    """Look at one ticket, take it, raise it, write on it, close it."""


@ticket.command("show")
@click.argument("number", type=show.NUMBER)
@click.option("--language", type=LANGUAGES, default=Language.ENGLISH.value, show_default=True)
@click.pass_obj
def show_ticket(settings: Settings, number: int, language: str) -> None:
    """Everything about ticket NUMBER: what to say, its clock, its sites, what was done and told."""
    with Database.open(settings).reading() as session:
        found = tickets.one(session, number, Language(language))
    for name, value in _head(found):
        click.echo(f"{name + ':':14} {shown(str(value))}")
    if found.parts:
        _show_lines(found.parts, "gathers")
    _show_sites(found.incidents, found.line.sites, "sites")
    _show_the_rest(found)


def _head(found: Ticket) -> list[tuple[str, object]]:
    line, known = found.line, found.known_issue
    release = f"{line.product} {line.version}".strip()
    clock = show.moment(line.due_at)
    if line.answered_at is not None:
        clock = f"answered at {show.moment(line.answered_at)} by {line.owner or 'a known issue'}"
    rows: list[tuple[str, object]] = [
        ("ticket", f"{line.number}, {line.tier}, {line.state}"),
        ("what", f"{line.code} {release}".strip()),
        ("detail", line.detail),
        ("say", line.sentence),
        ("page", line.runbook),
        ("due", clock),
        ("mended", line.progress),
        ("known issue", f"{known.number}: {known.workaround}" if known else ""),
        ("cause", found.cause),
        ("hotfix", line.hotfix),
        ("part of", line.part_of or ""),
        ("log", found.log_tail),
    ]
    return [(name, value) for name, value in rows if value]


def _show_the_rest(found: Ticket) -> None:
    if found.symptoms:
        show.table(
            ("site", "at", "by", "sees", "places", "began", "changed", "words"),
            (
                (s.site_id, s.at, s.channel, ", ".join(s.sees), s.places, s.began_at, s.changed,
                 show.first_line(s.exact_words))
                for s in found.symptoms
            ),
            "what customers told",
        )  # fmt: skip
    if found.runs:
        show.table(
            ("client", "runs it", "gets it next"),
            ((each.client_id, len(each.runs), len(each.next_in_line)) for each in found.runs),
            "who runs it (hsp problem sites shows each)",
        )
    if found.entries:
        rows = ((e.at, e.by, e.role, e.kind, e.text) for e in found.entries)
        show.table(("at", "who", "as", "what", "words"), rows, "what people did")
    rows_of_news = ((n.at, n.kind, n.tier, n.site_id) for n in found.news)
    show.table(("at", "what", "tier", "site"), rows_of_news, "what was told, newest first")


@ticket.command()
@click.argument("number", type=show.NUMBER)
@click.option("--by", default=show.whoami, help="Who takes it.")
@click.pass_obj
def take(settings: Settings, number: int, by: str) -> None:
    """Answer ticket NUMBER: its clock stands still, and everybody sees who has it."""
    database = Database.open(settings)
    ticket_work.take(database, acting.somebody(database, by), number, utc_now())
    click.echo(f"ticket {number} is {by}'s; its clock stands still")


@ticket.command("raise")
@click.argument("number", type=show.NUMBER)
@click.option("--reason", required=True, help="What the next tier should know.")
@click.option("--by", default=show.whoami, help="Who raises it.")
@click.pass_obj
def raise_ticket(settings: Settings, number: int, reason: str, by: str) -> None:
    """Give ticket NUMBER to the next tier, which gets a clock of its own."""
    database = Database.open(settings)
    tier = ticket_work.raise_one(
        database, acting.somebody(database, by), number, reason, utc_now()
    )  # fmt: skip
    click.echo(f"ticket {number} is {tier}'s now")


@ticket.command()
@click.argument("number", type=show.NUMBER)
@click.argument("text")
@click.option("--by", default=show.whoami, help="Who writes it.")
@click.pass_obj
def note(settings: Settings, number: int, text: str, by: str) -> None:
    """Write TEXT on ticket NUMBER, for the next one who reads it; name no customers' people."""
    database = Database.open(settings)
    ticket_work.write_note(database, acting.somebody(database, by), number, text, utc_now())
    click.echo(f"written on ticket {number}")


@ticket.command()
@click.argument("number", type=show.NUMBER)
@click.option("--reason", required=True, help="Why it is over.")
@click.option("--by", default=show.whoami, help="Who closes it: somebody of its tier.")
@click.pass_obj
def close(settings: Settings, number: int, reason: str, by: str) -> None:
    """End what no report ends: security's tickets, and what a customer told."""
    database = Database.open(settings)
    ticket_work.close(database, acting.somebody(database, by), number, reason, utc_now())
    click.echo(f"ticket {number} is closed")


# --- the queue


@click.group()
def desk() -> None:
    """The queue of a tier, site by site."""


@desk.command("queue")
@click.option("--tier", type=TIERS, default=Tier.L1.value, show_default=True)
@click.option("--language", type=LANGUAGES, default=Language.ENGLISH.value, show_default=True)
@click.option("--page", type=click.IntRange(1, 10**6), default=1, help=f"{queue.PAGE} a page.")
@click.pass_obj
def queue_command(settings: Settings, tier: str, language: str, page: int) -> None:
    """Why each site is in it, what to say, and who can lift what holds it."""
    releases, now = catalogue.releases(open_store(settings)), utc_now()
    with Database.open(settings).reading() as session:
        found = queue.queue(
            session, Tier(tier), releases, now,
            offset=(page - 1) * queue.PAGE, language=Language(language),
        )  # fmt: skip
        size = queue.size(session, Tier(tier), now)
    show.table(
        ("site", "client", "why", "since", "due", "ticket", "what", "say", "about", "explained",
         "who lifts it"),
        (
            (q.site_id, q.client_id, q.kind, q.since, q.due_at, q.ticket, q.what, q.say, q.release,
             q.reason, q.lifted_by)
            for q in found
        ),
    )  # fmt: skip
    counts = ", ".join(f"{kind} {count}" for kind, count in size.items() if count)
    click.echo(f"in the queue: {counts or 'nothing'}")
