"""Who answers a ticket, what happens when nobody does, and what people may do to one."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from distribution.desk import ticket_work, tickets
from distribution.desk.news import News
from distribution.desk.states import TicketState
from distribution.desk.ticket_views import Ticket, TicketLine, Which
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound
from distribution.people.roles import Person
from manifests.failures import FAILURES, FailureCode, Tier
from manifests.install_report import Phase
from tests.distribution.desk.conftest import OnlyTicket
from tests.simulators.house import House, Talker
from tests.simulators.tickets import incidents

People = Callable[[str], Person]
Told = Callable[[], list[tuple[News, str]]]


def page(house: House, number: int) -> Ticket:
    with house.database.reading() as session:
        return tickets.one(session, number)


def runs_out(house: House, site: Talker, line: TicketLine) -> None:
    """Nobody answers, and the site goes on to be heard of."""
    house.clock.forward((line.due_at - house.clock.now).total_seconds() + 1)
    site.check_in()
    house.tick()


def refuses(site: Talker, house: House) -> None:
    """Something for security."""
    detail = "the snapshot's signature is wrong"
    site.report(Phase.REFUSED, code=FailureCode.UNTRUSTED_METADATA, detail=detail)
    house.tick()


def test_a_failure_that_nobody_answers_goes_up_tier_by_tier_and_is_told_each_time(
    house: House, site: Talker, only_ticket: OnlyTicket, told: Told
) -> None:
    site.problem = FailureCode.POLICY_INVALID
    site.check_in()
    house.tick()
    seen = [only_ticket()]
    for _ in range(3):
        runs_out(house, site, seen[-1])
        seen.append(only_ticket())
    assert [t.tier for t in seen] == [Tier.L1, Tier.L2, Tier.L3, Tier.L3]
    within = FAILURES[FailureCode.POLICY_INVALID].answer_within
    assert seen[-1].due_at == house.clock.now + within, "each time the clock begins anew"
    of_it = [n.kind for n in reversed(page(house, seen[0].number).news)]
    assert of_it == [News.OPENED, News.OVERDUE, News.OVERDUE, News.OVERDUE]
    assert incidents(house.database, seen[-1])[0].tier is Tier.L3


def test_who_takes_a_ticket_stops_its_clock(
    house: House, site: Talker, only_ticket: OnlyTicket, person: People
) -> None:
    site.fails()
    house.tick()
    line = only_ticket()
    ticket_work.take(house.database, person("joko"), line.number, house.clock.now)
    house.clock.forward(timedelta(days=30).total_seconds())
    site.check_in()
    house.tick()
    taken = only_ticket()
    assert (taken.tier, taken.owner) == (Tier.L2, "joko")
    with pytest.raises(Conflict):
        ticket_work.take(house.database, person("joko"), line.number, house.clock.now)
    ticket_work.take(house.database, person("wati"), line.number, house.clock.now)
    assert only_ticket().owner == "wati"
    assert only_ticket().answered_at == taken.answered_at, "the first answer counts"


def test_a_ticket_that_is_raised_has_no_owner_and_a_clock_of_its_own(
    house: House, site: Talker, only_ticket: OnlyTicket, person: People
) -> None:
    site.fails()
    house.tick()
    number = only_ticket().number
    ticket_work.take(house.database, person("joko"), number, house.clock.now)
    house.clock.forward(600)
    house.site(client_id="apotek").fails()
    house.tick()
    raised = only_ticket()
    assert (raised.tier, raised.owner, raised.answered_at) == (Tier.L3, "", None)
    assert raised.due_at == house.clock.now + FAILURES[FailureCode.UNHEALTHY].answer_within


def test_a_person_hands_a_ticket_to_the_next_tier(
    house: House, site: Talker, only_ticket: OnlyTicket, person: People
) -> None:
    site.problem = FailureCode.POLICY_INVALID
    site.check_in()
    house.tick()
    number = only_ticket().number
    lia, now = person("lia"), house.clock.now
    with pytest.raises(Invalid):
        ticket_work.raise_one(house.database, lia, number, "  ", now)
    assert ticket_work.raise_one(house.database, lia, number, "tills stand", now) is Tier.L2
    assert ticket_work.raise_one(house.database, lia, number, "all of them", now) is Tier.L3
    with pytest.raises(Conflict):
        ticket_work.raise_one(house.database, lia, number, "higher", now)
    entries = [(e.by, e.kind, e.text) for e in page(house, number).entries]
    assert entries == [("lia", "raised", "tills stand"), ("lia", "raised", "all of them")]


def test_a_tier_works_on_its_own_tickets_and_on_those_below(
    house: House, site: Talker, only_ticket: OnlyTicket, person: People
) -> None:
    site.fails()
    house.tick()
    number = only_ticket().number
    for name in ("lia", "rina", "budi", "sari"):
        with pytest.raises(NotAllowed):
            ticket_work.take(house.database, person(name), number, house.clock.now)
    ticket_work.take(house.database, person("wati"), number, house.clock.now)
    assert only_ticket().owner == "wati"


def test_security_stays_with_security_which_is_told_until_it_answers(
    house: House, site: Talker, only_ticket: OnlyTicket, person: People, told: Told
) -> None:
    refuses(site, house)
    line = only_ticket()
    for _ in range(2):
        runs_out(house, site, line)
        line = only_ticket()
        assert line.tier is Tier.SECURITY
    assert told() == [(News.OPENED, site.site_id), (News.OVERDUE, ""), (News.OVERDUE, "")]
    with pytest.raises(NotAllowed):
        ticket_work.take(house.database, person("wati"), line.number, house.clock.now)
    with pytest.raises(Conflict):
        ticket_work.raise_one(house.database, person("lia"), line.number, "odd", house.clock.now)
    ticket_work.take(house.database, person("rina"), line.number, house.clock.now)
    runs_out(house, site, line)
    assert len(told()) == 3


def test_security_ends_its_tickets_and_nobody_else_does(
    house: House, site: Talker, only_ticket: OnlyTicket, person: People, told: Told
) -> None:
    refuses(site, house)
    number, now = only_ticket().number, house.clock.now
    with pytest.raises(NotAllowed):
        ticket_work.close(house.database, person("wati"), number, "a proxy", now)
    ticket_work.close(house.database, person("rina"), number, "a proxy at the site", now)
    closed = only_ticket(Which.ALL)
    assert (closed.state, closed.sites_open) == (TicketState.CLOSED, 0)
    assert told()[1:] == [(News.CLOSED, site.site_id), (News.CLOSED, "")]
    with pytest.raises(Conflict):
        ticket_work.close(house.database, person("rina"), number, "again", now)
    refuses(site, house)
    assert only_ticket().reopened == 1


def test_what_a_site_ends_is_ended_by_no_person(
    house: House, site: Talker, only_ticket: OnlyTicket, person: People
) -> None:
    site.fails()
    house.tick()
    number, now = only_ticket().number, house.clock.now
    with pytest.raises(Conflict, match="ends by itself"):
        ticket_work.close(house.database, person("joko"), number, "they are tired of it", now)


def test_a_note_is_for_everybody_who_may_write_any_also_when_it_is_over(
    house: House, site: Talker, only_ticket: OnlyTicket, person: People
) -> None:
    site.fails()
    site.confirms()
    house.tick()
    number, now = only_ticket(Which.ALL).number, house.clock.now
    ticket_work.write_note(house.database, person("lia"), number, " they are happy ", now)
    assert [(e.by, e.role, e.text) for e in page(house, number).entries] == [
        ("lia", "l1", "they are happy")
    ]
    with pytest.raises(NotAllowed):
        ticket_work.write_note(house.database, person("sari"), number, "so am I", now)
    with pytest.raises(NotFound):
        ticket_work.write_note(house.database, person("lia"), 99, "where is it", now)


def test_the_news_of_a_ticket_are_told_once_each_and_in_order(
    house: House, site: Talker, told: Told
) -> None:
    site.fails()
    house.tick()
    other = house.site(client_id="apotek")
    other.fails()
    house.tick()
    for one in (site, other):
        one.confirms()
    house.tick()
    site.fails()
    house.tick()
    a, b = site.site_id, other.site_id
    assert told() == [
        (News.OPENED, a), (News.JOINED, b), (News.RAISED, b), (News.CLOSED, a), (News.CLOSED, b),
        (News.CLOSED, ""), (News.REOPENED, a),
    ]  # fmt: skip
