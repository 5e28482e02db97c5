"""What the scheduler keeps beside the waves: deadlines, windows, age."""

from datetime import timedelta

from distribution.calendars import openings
from distribution.desk.ticket_views import TicketLine, Which
from distribution.desk.tickets import queue
from distribution.scheduling import aging
from manifests.failures import FailureCode, Tier
from manifests.install_report import Phase
from manifests.rollout import Limits
from manifests.site import SitePolicy
from manifests.window import MaintenanceWindow
from tests.simulators.house import BEGIN, PRODUCT, House, Talker, schedule
from tests.simulators.tickets import incidents

ALL = 10_000


def tickets(house: House, code: FailureCode) -> list[TicketLine]:
    with house.database.reading() as session:
        return [t for t in queue(session, Which.OPEN) if t.code is code]


# --- deadlines


def test_who_is_late_becomes_one_ticket_with_a_part_for_each_site(house: House) -> None:
    done, late, silent = house.sites(3)
    limits = Limits(deadline_seconds=3600)
    house.start("2.0", schedule(ALL).model_copy(update={"limits": limits}))
    done.confirms()
    house.tick(3000)
    assert tickets(house, FailureCode.DEADLINE_MISSED) == []
    path = f"releases/{PRODUCT}/2.0/manifest.json"
    late.check_in(candidate=path, decision="stay", gate="held", reason="surgery in progress")
    house.tick(700)
    house.tick(10)
    (ticket,) = tickets(house, FailureCode.DEADLINE_MISSED)
    assert (ticket.tier, ticket.version) == (Tier.L1, "2.0")
    found = {incident.site_id: incident for incident in incidents(house.database, ticket)}
    assert set(found) == {late.site_id, silent.site_id}
    assert all(incident.occurrences == 1 for incident in found.values())
    assert "surgery in progress" in found[late.site_id].detail
    for site in (late, silent):
        site.confirms()
    house.tick(1)
    assert tickets(house, FailureCode.DEADLINE_MISSED) == []


# --- windows


def policy(hour: int, hours: float = 1) -> SitePolicy:
    starts = BEGIN.replace(hour=hour, minute=0, tzinfo=None)
    window = MaintenanceWindow(
        zone="UTC", starts=starts, rule="FREQ=DAILY", duration_seconds=int(hours * 3600)
    )
    return SitePolicy(windows=(window,))


def outcomes(house: House, site: Talker) -> list[str]:
    with house.database.reading() as session:
        return [r.outcome for r in openings.of_site(session, site.site_id)][::-1]


def waits(site: Talker) -> None:
    path = f"releases/{PRODUCT}/2.0/manifest.json"
    site.check_in(candidate=path, decision="wait", gate="window_open")


def test_every_opening_gets_an_outcome(house: House) -> None:
    site = Talker("shop", house.server, policy=policy(3))
    site.enrol()
    site.check_in()
    assert outcomes(house, site) == [""]
    house.tick(2.5 * 3600)
    assert outcomes(house, site) == ["unused", ""]

    house.start("2.0", schedule(ALL))
    waits(site)
    house.tick(24 * 3600)
    assert outcomes(house, site) == ["unused", "missed", ""]

    house.clock.forward(22.7 * 3600)
    site.confirms()
    house.tick(1.5 * 3600)
    assert outcomes(house, site) == ["unused", "missed", "used", ""]


def test_what_is_not_over_at_the_end_is_an_overrun(house: House) -> None:
    site = Talker("shop", house.server, policy=policy(2))
    site.enrol()
    site.check_in()
    house.start("2.0", schedule(ALL))
    house.clock.forward(1800)
    site.report(Phase.ACTIVATING)
    house.tick(1900)
    site.report(Phase.CONFIRMED)
    house.tick(900)
    assert outcomes(house, site) == ["overrun", ""]


def test_a_window_that_the_site_changed_is_not_remembered_as_missed(house: House) -> None:
    site = Talker("shop", house.server, policy=policy(5))
    site.enrol()
    site.check_in()
    site.policy = policy(9)
    house.clock.forward(60)
    site.check_in()
    with house.database.reading() as session:
        (record,) = openings.of_site(session, "shop")
    assert record.starts_at.hour == 9
    site.policy = SitePolicy()
    house.clock.forward(60)
    site.check_in()
    assert outcomes(house, site) == []


# --- age


def test_what_nobody_renews_becomes_l3s_at_a_quarter_of_its_life(house: House) -> None:
    assert tickets(house, FailureCode.METADATA_AGING) == []
    age = {each.role: each for each in aging.ages(house.server.store)}
    assert {"root", "targets", "snapshot", "timestamp"} <= set(age)
    old = age["timestamp"].expires - age["timestamp"].life / 4 + timedelta(seconds=1)
    aging.look(house.database, house.server.store, old)
    aging.look(house.database, house.server.store, old)
    (ticket,) = tickets(house, FailureCode.METADATA_AGING)
    assert (ticket.tier, ticket.reopened) == (Tier.L3, 0)
    assert "timestamp expires at" in ticket.detail
    house.tick(4 * 3600)
    assert tickets(house, FailureCode.METADATA_AGING) == [], "it was renewed"
