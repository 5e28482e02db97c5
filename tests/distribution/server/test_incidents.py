"""Stories of the desk: who gets a failure, when it goes up, when it is over, when it comes back."""

import pytest

from distribution.desk.incidents import TicketState
from distribution.desk.tickets import Ticket, Which, failures_unexplained, queue
from manifests.failures import FailureCode, Tier
from manifests.install_report import Phase
from manifests.target_paths import Lane
from tests.simulators.house import House, Talker, schedule


def tickets(house: House, which: Which = Which.OPEN) -> list[Ticket]:
    with house.database.reading() as session:
        assert failures_unexplained(session) == 0
        return queue(session, which)


def only_ticket(house: House, which: Which = Which.OPEN) -> Ticket:
    (ticket,) = tickets(house, which)
    return ticket


@pytest.fixture
def site(house: House) -> Talker:
    return house.site()


def goes_silent(house: House) -> None:
    house.tick(house.server.settings.silent_after_seconds + 1)


def test_an_unhealthy_release_goes_to_l2_with_a_sentence_and_a_runbook(
    house: House, site: Talker
) -> None:
    site.fails(detail="the prices are missing")
    house.tick()
    ticket = only_ticket(house)
    assert (ticket.tier, ticket.code) == (Tier.L2, FailureCode.UNHEALTHY)
    assert ticket.sentence == "The new version did not work well; your previous one runs again."
    assert ticket.runbook == "docs/runbooks/unhealthy.md"
    assert ticket.due_at > ticket.opened_at
    assert [incident.site_id for incident in ticket.incidents] == [site.site_id]


def test_a_failed_revert_is_l3s_at_once(house: House, site: Talker) -> None:
    site.report(Phase.REVERT_FAILED, code=FailureCode.REVERT_FAILED, detail="the link is gone")
    house.tick()
    assert only_ticket(house).tier is Tier.L3


def test_what_two_sites_of_one_client_have_is_one_problem_with_two_incidents(
    house: House,
) -> None:
    for site in house.sites(2):
        site.fails(detail=f"port {1000 + site.sequence} of {site.site_id} does not answer")
    house.tick()
    ticket = only_ticket(house)
    assert len(ticket.incidents) == 2
    assert ticket.tier is Tier.L2


def test_what_two_clients_have_is_raised_to_l3(house: House) -> None:
    one, other = house.site(client_id="warung"), house.site(client_id="apotek")
    one.fails()
    house.tick()
    assert only_ticket(house).tier is Tier.L2
    other.fails()
    house.tick()
    ticket = only_ticket(house)
    assert ticket.tier is Tier.L3
    assert {incident.tier for incident in ticket.incidents} == {Tier.L3}


def test_a_repeat_at_one_site_is_raised_from_l1_to_l2(house: House, site: Talker) -> None:
    goes_silent(house)
    first = only_ticket(house)
    assert (first.tier, first.code) == (Tier.L1, FailureCode.SILENT)
    site.check_in()
    house.tick(1)
    assert tickets(house) == []
    goes_silent(house)
    again = only_ticket(house)
    assert (again.number, again.tier, again.reopened) == (first.number, Tier.L2, 1)


def test_silent_sites_of_two_clients_stay_with_the_first_line(house: House) -> None:
    house.site(client_id="warung")
    house.site(client_id="apotek")
    goes_silent(house)
    assert [ticket.tier for ticket in tickets(house)] == [Tier.L1, Tier.L1]


def test_a_silent_site_is_found_once(house: House, site: Talker) -> None:
    goes_silent(house)
    house.tick(3600)
    house.tick(3600)
    assert only_ticket(house).incidents[0].occurrences == 1
    assert only_ticket(house).incidents[0].site_id == site.site_id


def test_a_hotfix_that_fails_is_l3s(house: House, site: Talker) -> None:
    house.start("2.0.post1", schedule(10_000), lane=Lane.HOTFIXES)
    site.fails("2.0.post1", release="hotfixes/app/2.0.post1/manifest.json")
    house.tick()
    assert only_ticket(house).tier is Tier.L3


def test_a_confirmed_install_closes(house: House, site: Talker) -> None:
    site.fails("2.0")
    house.tick()
    site.confirms("2.0.post1")
    house.tick()
    assert tickets(house) == []
    closed = only_ticket(house, Which.ALL)
    assert closed.state is TicketState.CLOSED
    assert closed.incidents[0].state is TicketState.CLOSED


def test_a_problem_stays_open_while_one_site_still_has_it(house: House) -> None:
    one, other = house.sites(2)
    one.fails()
    other.fails()
    one.confirms("2.0.post1")
    house.tick()
    states = {i.site_id: i.state for i in only_ticket(house).incidents}
    assert states == {one.site_id: TicketState.CLOSED, other.site_id: TicketState.OPEN}


def test_a_recurrence_reopens(house: House, site: Talker) -> None:
    site.fails()
    site.confirms()
    house.tick()
    assert tickets(house) == []
    site.fails()
    house.tick()
    ticket = only_ticket(house)
    assert ticket.reopened == 1
    assert (ticket.incidents[0].occurrences, ticket.incidents[0].reopened) == (2, 1)


def test_an_attempt_that_lost_contact_is_a_ticket_until_the_site_is_back(
    house: House, site: Talker
) -> None:
    site.report(Phase.ACTIVATING)
    house.tick(house.server.settings.lost_contact_seconds + 1)
    codes = {ticket.code for ticket in tickets(house)}
    assert codes == {FailureCode.LOST_CONTACT, FailureCode.SILENT}
    house.clock.forward(1)
    site.check_in()
    house.tick(1)
    assert tickets(house) == []


def test_a_site_that_is_online_has_not_lost_contact_however_long_it_waits(
    house: House, site: Talker
) -> None:
    site.report(Phase.STAGED)
    house.clock.forward(house.server.settings.lost_contact_seconds + 1)
    site.check_in()
    house.tick()
    assert tickets(house) == []


def test_a_problem_named_at_check_in_is_a_ticket_until_it_is_gone(
    house: House, site: Talker
) -> None:
    site.problem = FailureCode.POLICY_INVALID
    for _ in range(3):
        house.clock.forward(300)
        site.check_in()
        house.tick()
    ticket = only_ticket(house)
    assert (ticket.tier, ticket.incidents[0].occurrences) == (Tier.L1, 1)
    site.problem = ""
    house.clock.forward(300)
    site.check_in()
    house.tick()
    assert tickets(house) == []


def test_a_problem_that_this_server_does_not_know_still_reaches_a_tier(
    house: House, site: Talker
) -> None:
    site.problem = "flux_capacitor"
    site.check_in()
    house.tick()
    assert only_ticket(house).tier is Tier.L2


def test_what_security_has_to_see_is_not_closed_by_anything_that_a_site_says(
    house: House, site: Talker
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
    assert only_ticket(house).tier is Tier.SECURITY
