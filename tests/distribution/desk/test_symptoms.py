"""What customers tell the first line: kept in fields, with a ticket or without, not for ever."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from distribution.audit import log
from distribution.desk import symptoms, ticket_work, tickets
from distribution.desk.symptoms import Channel, Sees, SymptomsView, Told, Urgency
from distribution.desk.ticket_views import Which
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound
from distribution.people.roles import Person
from manifests.failures import FailureCode, Tier
from tests.distribution.desk.conftest import OnlyTicket, Tickets
from tests.simulators.house import BEGIN, House, Talker

People = Callable[[str], Person]

PRINTING = Told(
    channel=Channel.TELEPHONE,
    sees=(Sees.PRINTING, Sees.SLOW),
    caller="Ibu Rina",
    number_on_file=True,
    began_at=BEGIN,
    exact_words="Printer queue is full (17)",
    places=3,
    changed="a new printer",
    urgency=Urgency.STANDSTILL,
)


def record(house: House, by: Person, site: Talker, **how: int | bool) -> SymptomsView:
    ticket, opens = int(how.get("ticket", 0)), bool(how.get("opens", False))
    args = house.database, by, site.site_id, PRINTING, house.clock.now
    return symptoms.record(*args, ticket=ticket, opens=opens)


def test_without_a_ticket_it_is_kept_with_the_site_and_opens_nothing(
    house: House, site: Talker, tickets: Tickets, person: People
) -> None:
    assert record(house, person("lia"), site).ticket is None
    house.tick()
    assert tickets() == []
    with house.database.reading() as session:
        [kept] = symptoms.of_site(session, site.site_id)
    assert (kept.caller, kept.sees, kept.places, kept.recorded_by) == (
        "Ibu Rina", (Sees.PRINTING, Sees.SLOW), 3, "lia",
    )  # fmt: skip


def test_it_goes_with_the_sites_only_ticket_and_stands_on_its_page(
    house: House, site: Talker, only_ticket: OnlyTicket, person: People
) -> None:
    site.fails()
    house.tick()
    number = only_ticket().number
    assert record(house, person("lia"), site).ticket == number
    assert record(house, person("joko"), site, ticket=number).ticket == number
    with house.database.reading() as session:
        page = tickets.one(session, number)
    assert [s.exact_words for s in page.symptoms] == ["Printer queue is full (17)"] * 2
    assert [entry.text for entry in page.entries] == [
        "the customer says by telephone: printing, slow, at 3 places (standstill)"
    ] * 2, "with nothing of what a person said or is called"


def test_with_two_open_tickets_somebody_says_which(
    house: House, site: Talker, tickets: Tickets, person: People
) -> None:
    site.fails()
    site.fails(code=FailureCode.START_FAILED)
    house.site(client_id="apotek").fails(detail="the stock is missing")
    house.tick()
    assert record(house, person("lia"), site).ticket is None
    one, _, foreign = tickets(Which.OPEN)
    assert record(house, person("lia"), site, ticket=one.number).ticket == one.number
    with pytest.raises(Conflict, match="is not about site"):
        record(house, person("lia"), site, ticket=foreign.number)


def test_it_opens_a_ticket_of_its_own_only_if_somebody_says_so(
    house: House, site: Talker, only_ticket: OnlyTicket, person: People
) -> None:
    lia = person("lia")
    done = record(house, lia, site, opens=True)
    house.clock.forward(60)
    site.check_in()
    site.confirms()
    house.tick()
    line = only_ticket()
    assert (line.number, line.code) == (done.ticket, FailureCode.REPORTED_BY_CUSTOMER)
    assert (line.tier, line.runbook) == (Tier.L1, "docs/runbooks/reported_by_customer.md")
    assert record(house, lia, site).ticket == line.number
    ticket_work.close(house.database, lia, line.number, "it prints", house.clock.now)
    assert only_ticket(Which.CLOSED).sites_open == 0
    record(house, lia, site, opens=True)
    again = only_ticket()
    assert (again.reopened, again.tier) == (1, Tier.L2), "a repeat at one site"


def test_what_cannot_be_is_refused(house: House, site: Talker, person: People) -> None:
    lia, now = person("lia"), house.clock.now
    with pytest.raises(Invalid):
        record(house, lia, site, ticket=1, opens=True)
    with pytest.raises(NotFound):
        record(house, lia, site, ticket=77)
    with pytest.raises(NotFound):
        symptoms.record(house.database, lia, "nowhere", PRINTING, now)
    tomorrow = PRINTING.model_copy(update={"began_at": now + timedelta(days=1)})
    with pytest.raises(Invalid, match="before now"):
        symptoms.record(house.database, lia, site.site_id, tomorrow, now)
    with pytest.raises(NotAllowed):
        record(house, person("sari"), site)


def test_after_180_days_nothing_of_it_is_left_but_the_deed(
    house: House, site: Talker, person: People
) -> None:
    record(house, person("lia"), site)
    house.clock.forward(179 * 24 * 3600)
    record(house, person("lia"), site)
    house.tick()
    house.tick(2 * 24 * 3600)
    with house.database.reading() as session:
        assert len(symptoms.of_site(session, site.site_id)) == 1
        told = [r for r in log.page(session, 0, 1000) if r.action.startswith("symptoms.")]
    assert [(r.actor, r.action) for r in told] == [
        ("lia", "symptoms.record"), ("lia", "symptoms.record"), ("scheduler", "symptoms.forget"),
    ]  # fmt: skip
    for personal in (PRINTING.caller, PRINTING.exact_words, PRINTING.changed):
        assert not any(personal in r.changes + r.reason for r in told)
