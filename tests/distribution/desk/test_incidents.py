"""Stories of the desk: who gets a failure, when it goes up, when it is over, when it comes back."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from distribution.control.rollouts import Word
from distribution.desk import endings
from distribution.desk.casebook import Casebook
from distribution.desk.incidents import record_in
from distribution.desk.news import News
from distribution.desk.opening import Sighting
from distribution.desk.states import TicketState
from distribution.desk.ticket_views import Which
from distribution.sites import site_identity
from manifests.failures import FailureCode, Tier
from manifests.install_report import Phase
from manifests.target_paths import Lane
from tests.distribution.desk.conftest import OnlyTicket, Tickets
from tests.simulators.house import PRODUCT, House, Talker, schedule
from tests.simulators.query_plans import scanned
from tests.simulators.tickets import incidents, sites

pytestmark = pytest.mark.both_databases


def goes_silent(house: House) -> None:
    house.tick(house.server.settings.silent_after_seconds + 1)


def test_an_unhealthy_release_goes_to_l2_with_a_sentence_and_a_runbook(
    house: House, site: Talker, only_ticket: OnlyTicket
) -> None:
    site.fails(detail="the prices are missing")
    house.tick()
    ticket = only_ticket()
    assert (ticket.tier, ticket.code) == (Tier.L2, FailureCode.UNHEALTHY)
    assert ticket.sentence == "The new version did not work well; your previous one runs again."
    assert ticket.runbook == "docs/runbooks/unhealthy.md"
    assert ticket.due_at > ticket.opened_at
    assert sites(house.database, ticket) == [site.site_id]


def test_a_failed_revert_is_l3s_at_once(
    house: House, site: Talker, only_ticket: OnlyTicket
) -> None:
    site.report(Phase.REVERT_FAILED, code=FailureCode.REVERT_FAILED, detail="the link is gone")
    house.tick()
    assert only_ticket().tier is Tier.L3


def test_what_two_sites_of_one_client_have_is_one_problem_with_two_incidents(
    house: House, only_ticket: OnlyTicket
) -> None:
    for site in house.sites(2):
        site.fails(detail=f"port {1000 + site.sequence} of {site.site_id} does not answer")
    house.tick()
    ticket = only_ticket()
    assert ticket.sites == 2
    assert ticket.tier is Tier.L2


def test_what_two_clients_have_is_raised_to_l3(house: House, only_ticket: OnlyTicket) -> None:
    one, other = house.site(client_id="warung"), house.site(client_id="apotek")
    one.fails()
    house.tick()
    assert only_ticket().tier is Tier.L2
    other.fails()
    house.tick()
    ticket = only_ticket()
    assert ticket.tier is Tier.L3
    assert {i.tier for i in incidents(house.database, ticket)} == {Tier.L3}


def test_a_repeat_at_one_site_is_raised_from_l1_to_l2(
    house: House, site: Talker, only_ticket: OnlyTicket, tickets: Tickets
) -> None:
    goes_silent(house)
    first = only_ticket()
    assert (first.tier, first.code) == (Tier.L1, FailureCode.SILENT)
    site.check_in()
    house.tick(1)
    assert tickets() == []
    goes_silent(house)
    again = only_ticket()
    assert (again.number, again.tier, again.reopened) == (first.number, Tier.L2, 1)


def test_silent_sites_of_two_clients_stay_with_the_first_line(
    house: House, tickets: Tickets
) -> None:
    house.site(client_id="warung")
    house.site(client_id="apotek")
    goes_silent(house)
    assert [ticket.tier for ticket in tickets()] == [Tier.L1, Tier.L1]


def test_a_silent_site_is_found_once(house: House, site: Talker, only_ticket: OnlyTicket) -> None:
    goes_silent(house)
    house.tick(3600)
    house.tick(3600)
    [incident] = incidents(house.database, only_ticket())
    assert (incident.site_id, incident.occurrences) == (site.site_id, 1)


def test_a_hotfix_that_fails_is_l3s(house: House, site: Talker, only_ticket: OnlyTicket) -> None:
    house.start("2.0.post1", schedule(10_000), lane=Lane.HOTFIXES)
    site.fails("2.0.post1", release="hotfixes/app/2.0.post1/manifest.json")
    house.tick()
    assert only_ticket().tier is Tier.L3


def test_a_confirmed_install_closes(
    house: House, site: Talker, only_ticket: OnlyTicket, tickets: Tickets
) -> None:
    site.fails("2.0")
    house.tick()
    site.confirms("2.0.post1")
    house.tick()
    assert tickets() == []
    closed = only_ticket(Which.ALL)
    assert closed.state is TicketState.CLOSED
    assert incidents(house.database, closed)[0].state is TicketState.CLOSED


def test_a_problem_stays_open_while_one_site_still_has_it(
    house: House, only_ticket: OnlyTicket
) -> None:
    one, other = house.sites(2)
    one.fails()
    other.fails()
    one.confirms("2.0.post1")
    house.tick()
    states = {i.site_id: i.state for i in incidents(house.database, only_ticket())}
    assert states == {one.site_id: TicketState.CLOSED, other.site_id: TicketState.OPEN}


def test_a_recurrence_reopens(
    house: House, site: Talker, only_ticket: OnlyTicket, tickets: Tickets
) -> None:
    site.fails()
    site.confirms()
    house.tick()
    assert tickets() == []
    site.fails()
    house.tick()
    ticket = only_ticket()
    assert ticket.reopened == 1
    [incident] = incidents(house.database, ticket)
    assert (incident.occurrences, incident.reopened) == (2, 1)


def test_an_attempt_that_lost_contact_is_a_ticket_until_the_site_is_back(
    house: House, site: Talker, tickets: Tickets
) -> None:
    site.report(Phase.ACTIVATING)
    house.tick(house.server.settings.lost_contact_seconds + 1)
    codes = {ticket.code for ticket in tickets()}
    assert codes == {FailureCode.LOST_CONTACT, FailureCode.SILENT}
    house.clock.forward(1)
    site.check_in()
    house.tick(1)
    assert tickets() == []


def test_a_site_that_is_online_has_not_lost_contact_however_long_it_waits(
    house: House, site: Talker, tickets: Tickets
) -> None:
    site.report(Phase.STAGED)
    house.clock.forward(house.server.settings.lost_contact_seconds + 1)
    site.check_in()
    house.tick()
    assert tickets() == []


def test_a_problem_named_at_check_in_is_a_ticket_until_it_is_gone(
    house: House, site: Talker, only_ticket: OnlyTicket, tickets: Tickets
) -> None:
    site.problem = FailureCode.POLICY_INVALID
    for _ in range(3):
        house.clock.forward(300)
        site.check_in()
        house.tick()
    ticket = only_ticket()
    [incident] = incidents(house.database, ticket)
    assert (ticket.tier, incident.occurrences) == (Tier.L1, 1)
    site.problem = ""
    house.clock.forward(300)
    site.check_in()
    house.tick()
    assert tickets() == []


def test_what_a_report_and_the_check_in_after_it_tell_is_one_sighting(
    house: House, site: Talker, only_ticket: OnlyTicket
) -> None:
    told = {"code": FailureCode.POLICY_INVALID, "detail": "site.toml line 3"}
    for tier, times in ((Tier.L1, 1), (Tier.L2, 2)):
        site.attempt += 1
        site.report(Phase.REFUSED, product=None, release=None, version=None, **told)
        site.problem = FailureCode.POLICY_INVALID
        site.check_in()
        house.tick(1)
        ticket = only_ticket()
        assert (ticket.tier, ticket.state) == (tier, "open")
        [incident] = incidents(house.database, ticket)
        assert incident.occurrences == times
        site.problem = ""
        house.clock.forward(60)
        site.check_in()
        house.tick(1)
        assert only_ticket(Which.ALL).state == "closed"


def test_a_problem_that_this_server_does_not_know_still_reaches_a_tier(
    house: House, site: Talker, only_ticket: OnlyTicket
) -> None:
    site.problem = "flux_capacitor"
    site.check_in()
    house.tick()
    assert only_ticket().tier is Tier.L2


def test_what_security_has_to_see_is_not_closed_by_anything_that_a_site_says(
    house: House, site: Talker, only_ticket: OnlyTicket
) -> None:
    site.report(
        Phase.REFUSED,
        code=FailureCode.UNTRUSTED_METADATA,
        detail="the snapshot's signature is wrong",
    )
    house.tick()
    house.clock.forward(60)
    site.confirms()
    house.tick()
    assert only_ticket().tier is Tier.SECURITY


def test_what_a_revoked_site_had_is_over_and_does_not_keep_the_problem_open(
    house: House, tickets: Tickets
) -> None:
    one, other = house.sites(2)
    for site in (one, other):
        site.fails()
    one.confirms("2.0.post1")
    house.tick()
    assert [ticket.progress for ticket in tickets()] == ["1 of 2 sites confirmed"]
    said = Word("rina", "the shop has closed", "security-administrator")
    site_identity.revoke(house.database, other.site_id, said, house.clock.now)
    house.tick()
    assert tickets() == []


def test_what_happens_between_two_looks_is_told_in_the_order_in_which_it_happened(
    house: House, tickets: Tickets, told: Callable[[], list[tuple[News, str]]]
) -> None:
    one, other = house.sites(2)
    one.fails()
    other.fails()
    one.confirms("2.0.post1")
    one.fails()
    other.confirms("2.0.post1")
    one.confirms("2.0.post1")
    house.tick()
    assert tickets() == []
    assert told() == [
        (News.OPENED, one.site_id),
        (News.JOINED, other.site_id),
        (News.CLOSED, one.site_id),
        (News.JOINED, one.site_id),
        (News.CLOSED, other.site_id),
        (News.CLOSED, one.site_id),
        (News.CLOSED, ""),
    ]


def test_what_comes_late_and_is_overcome_already_calls_nobody(
    house: House, tickets: Tickets, told: Callable[[], list[tuple[News, str]]]
) -> None:
    one, other = house.site(client_id="warung"), house.site(client_id="apotek")
    one.fails()
    one.confirms()
    house.tick()
    before = told()
    other.attempt += 1
    late = other.message(
        Phase.REVERTED, code=FailureCode.UNHEALTHY, detail="the prices are missing"
    )
    other.confirms()
    house.tick()
    other.send(late)
    house.tick()
    assert tickets() == []
    assert News.RAISED not in {kind for kind, _ in told()[len(before) :]}


def test_neither_a_sighting_nor_its_end_looks_through_all_incidents(house: House) -> None:
    one, other = house.site(client_id="warung"), house.site(client_id="apotek")
    for site in (one, other):
        site.fails()
    house.tick()
    asked: list[tuple[str, Any]] = []

    def heard(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(house.database.engine, "before_cursor_execute", heard)
    seen = Sighting(one.site_id, FailureCode.UNHEALTHY, "x", house.clock.now, PRODUCT, "2.1")
    with house.database.writing() as session:
        book = Casebook.read(session, [seen], {one.site_id})
        record_in(book, seen)
        endings.confirmed(book, one.site_id, PRODUCT, 10**6, house.clock.now)
    event.remove(house.database.engine, "before_cursor_execute", heard)
    with house.database.engine.connect() as connection:
        for statement, parameters in asked:
            assert not scanned(connection, statement, parameters), statement
    assert len(asked) > 8
