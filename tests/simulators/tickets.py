"""Tickets as tests ask about them."""

from distribution.database.sessions import Database
from distribution.desk.ticket_views import IncidentView, TicketLine
from distribution.desk.tickets import incidents_of


def incidents(database: Database, *lines: TicketLine) -> list[IncidentView]:
    """Every incident of these tickets."""
    with database.reading() as session:
        return [
            each for line in lines for each in incidents_of(session, line.number, limit=100_000)
        ]


def sites(database: Database, *lines: TicketLine) -> list[str]:
    """Which sites these tickets are about."""
    return [incident.site_id for incident in incidents(database, *lines)]
