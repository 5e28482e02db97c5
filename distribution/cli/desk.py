"""``hsp tickets``: the queue of each tier."""

import click

from distribution.cli import show
from distribution.database import Database
from distribution.desk import tickets
from distribution.desk.tickets import IncidentView, Ticket, Which
from distribution.settings import Settings
from manifests.failures import Tier


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(tickets_command)


@click.command("tickets")
@click.option("--tier", type=click.Choice([tier.value for tier in Tier]), help="Only this tier's.")
@click.option(
    "--state", type=click.Choice([w.value for w in Which]), default="open", show_default=True
)
@click.option("--sites", is_flag=True, help="Show the sites under each.")
@click.pass_obj
def tickets_command(settings: Settings, tier: str | None, state: str, *, sites: bool) -> None:
    """Problems and the sites that have them, those due first in front."""
    with Database.open(settings).reading() as session:
        found = tickets.queue(session, Which(state), Tier(tier) if tier else None)
        unexplained = tickets.failures_unexplained(session)
    show.table(
        ("no.", "tier", "state", "code", "release", "sites", "clients", "due", "what"),
        (_row(ticket) for ticket in found),
    )
    if sites:
        for ticket in found:
            _show_sites(ticket)
    click.echo(f"failures without a ticket: {unexplained}")


def _row(ticket: Ticket) -> tuple[object, ...]:
    release = f"{ticket.product} {ticket.version}".strip()
    clients = {incident.client_id for incident in ticket.incidents}
    sites = {incident.site_id for incident in ticket.incidents}
    what = show.first_line(ticket.detail)
    part = f" (part of {ticket.part_of})" if ticket.part_of else ""
    return (
        ticket.number, ticket.tier, ticket.state, ticket.code, release, len(sites), len(clients),
        ticket.due_at, what + part,
    )  # fmt: skip


def _show_sites(ticket: Ticket) -> None:
    columns = ("site", "client", "tier", "state", "times", "since", "what")
    title = f"{ticket.number}: {ticket.sentence} ({ticket.runbook})"
    show.table(columns, (_site_row(incident) for incident in ticket.incidents), title)


def _site_row(incident: IncidentView) -> tuple[object, ...]:
    what = show.first_line(incident.detail)
    return (
        incident.site_id, incident.client_id, incident.tier, incident.state, incident.occurrences,
        incident.opened_at, what,
    )  # fmt: skip
