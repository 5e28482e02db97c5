"""A failure goes up by itself: it comes again, nobody answers, another client has it too."""

from datetime import timedelta

from click.testing import CliRunner

from distribution.cli import main as hsp
from distribution.desk.ticket_views import TicketLine
from distribution.people.roles import Role
from distribution.scheduling import scheduler
from manifests.failures import FAILURES, FailureCode
from tests.simulators.staff import hire
from tests.simulators.village import Village, now

WRONG = "windows = 7\n"


def ticket_of(village: Village, code: FailureCode) -> TicketLine:
    """The only ticket with this code."""
    [found] = [ticket for ticket in village.tickets() if ticket.code == code]
    return found


def test_a_repeat_at_a_site_is_l2s_and_a_clock_that_nobody_answers_is_the_next_tiers(
    village: Village,
) -> None:
    hire(village.server.database, now(), {"dewi": (Role.L2,)})
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    for wanted in ("L1", "L2"):
        site.set_policy(WRONG)
        site.poll()
        village.tick()
        ticket = ticket_of(village, FailureCode.POLICY_INVALID)
        assert (ticket.tier, ticket.state) == (wanted, "open")
        assert site.serves() == "1.0", "what runs there runs on"
        site.set_policy()
        site.poll()
        village.tick()
        assert ticket_of(village, FailureCode.POLICY_INVALID).state == "closed"

    site.set_policy(WRONG)
    site.poll()
    village.tick()
    late = now() + FAILURES[FailureCode.POLICY_INVALID].answer_within + timedelta(minutes=1)
    scheduler.tick(village.server, late)
    ticket = ticket_of(village, FailureCode.POLICY_INVALID)
    assert (ticket.tier, ticket.owner) == ("L3", "")


def test_a_ticket_that_somebody_has_taken_stays_with_its_tier(village: Village) -> None:
    hire(village.server.database, now(), {"lina": (Role.L1,)})
    site = village.site("warung-1")
    site.set_policy(WRONG)
    site.poll()
    village.tick()
    number = ticket_of(village, FailureCode.POLICY_INVALID).number
    home = str(village.server.settings.home)
    done = CliRunner().invoke(hsp, ["--home", home, "ticket", "take", str(number), "--by", "lina"])
    assert done.exit_code == 0, done.output
    late = now() + FAILURES[FailureCode.POLICY_INVALID].answer_within + timedelta(minutes=1)
    scheduler.tick(village.server, late)
    ticket = ticket_of(village, FailureCode.POLICY_INVALID)
    assert (ticket.tier, ticket.owner) == ("L1", "lina")


def test_the_same_cause_at_a_second_client_is_l3s(village: Village) -> None:
    first, second = village.site("warung-1"), village.site("apotek-1", "apotek")
    village.publish("1.0")
    village.start("1.0")
    village.poll_all()
    village.publish("2.0", healthy=False)
    village.start("2.0")
    first.poll()
    village.tick()
    assert ticket_of(village, FailureCode.UNHEALTHY).tier == "L2"
    second.poll()
    village.tick()
    ticket = ticket_of(village, FailureCode.UNHEALTHY)
    assert (ticket.tier, ticket.sites, ticket.clients) == ("L3", 2, 2)
    assert [first.serves(), second.serves()] == ["1.0", "1.0"]
