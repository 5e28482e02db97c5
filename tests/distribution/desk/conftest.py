"""A house with a first line of its own, and a site that tells it things."""

from collections.abc import Callable

import pytest

from distribution.database.tables import Incident
from distribution.desk.news import News, after
from distribution.desk.ticket_views import TicketLine, Which
from distribution.desk.tickets import failures_unexplained, queue
from distribution.people import accounts
from distribution.people.roles import Person, Role
from tests.simulators.house import House, Talker
from tests.simulators.staff import hire

Tickets = Callable[..., list[TicketLine]]
OnlyTicket = Callable[..., TicketLine]


@pytest.fixture(autouse=True)
def first_line(house: House) -> None:
    """Lia answers the telephone."""
    hire(house.database, house.clock.now, {"lia": (Role.L1,)})


@pytest.fixture
def site(house: House) -> Talker:
    """A site of the client Warung."""
    return house.site()


@pytest.fixture
def person(house: House) -> Callable[[str], Person]:
    """Somebody with the roles that they hold."""

    def named(name: str) -> Person:
        with house.database.reading() as session:
            found = accounts.person(session, name)
        assert found is not None
        return found

    return named


@pytest.fixture
def tickets(house: House) -> Tickets:
    """The tickets of a state; no failure is without one."""

    def found(which: Which = Which.OPEN) -> list[TicketLine]:
        with house.database.reading() as session:
            assert failures_unexplained(session) == 0
            return queue(session, which)

    return found


@pytest.fixture
def only_ticket(tickets: Tickets) -> OnlyTicket:
    """The one that there is."""

    def found(which: Which = Which.OPEN) -> TicketLine:
        (ticket,) = tickets(which)
        return ticket

    return found


@pytest.fixture
def told(house: House) -> Callable[[], list[tuple[News, str]]]:
    """What was told so far: the kind, and the site where it is about one."""

    def lines() -> list[tuple[News, str]]:
        with house.database.reading() as session:
            return [
                (News(row.kind), session.get_one(Incident, row.incident_id).site_id)
                if row.incident_id
                else (News(row.kind), "")
                for row in after(session, 0)
            ]

    return lines
