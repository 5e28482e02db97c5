"""A bad release: the sites go back by themselves, the rollout pauses, the desk knows."""

from datetime import timedelta

from distribution.control import notices, rollouts
from manifests.failures import FailureCode, Tier
from manifests.rollout import Ring
from manifests.target_paths import Lane
from tests.simulators.village import PRODUCT, TWO_WAVES, Village, now


def test_a_defective_release_reverts_pauses_and_opens_tickets(village: Village) -> None:
    pilots = [village.site("warung-1", "warung"), village.site("apotek-1", "apotek")]
    critical = village.site("koperasi-hq", "koperasi", Ring.CRITICAL)
    village.publish("1.0")
    village.start("1.0")
    village.poll_all()
    village.tick()

    village.publish("2.0", healthy=False)
    village.start("2.0", TWO_WAVES)
    village.poll_all()
    assert [pilot.serves() for pilot in pilots] == ["1.0", "1.0"], "they went back by themselves"
    village.tick()

    assert village.state_of("2.0") == "paused"
    tickets = village.tickets()
    assert all(ticket.tier is Tier.L3 for ticket in tickets), "one cause at two clients"
    codes = {ticket.code for ticket in tickets}
    assert codes == {FailureCode.UNHEALTHY, FailureCode.ROLLOUT_STOPPED}

    village.poll_all()
    village.tick()
    assert critical.serves() == "1.0", "the second wave never opened"
    assert [pilot.serves() for pilot in pilots] == ["1.0", "1.0"], "not tried again by itself"
    assert "unhealthy" in pilots[0].command("explain").output


def test_the_hotfix_that_follows_closes_the_tickets(village: Village) -> None:
    pilots = [village.site("warung-1", "warung"), village.site("apotek-1", "apotek")]
    village.publish("1.0")
    village.start("1.0")
    village.poll_all()
    village.publish("2.0", healthy=False)
    village.start("2.0", TWO_WAVES)
    village.poll_all()
    village.tick()

    village.publish("2.0.post1", lane=Lane.HOTFIXES)
    village.start("2.0.post1", lane=Lane.HOTFIXES)
    village.poll_all()
    village.tick()
    assert [pilot.serves() for pilot in pilots] == ["2.0.post1", "2.0.post1"]
    unhealthy = [t for t in village.tickets() if t.code is FailureCode.UNHEALTHY]
    assert [ticket.state for ticket in unhealthy] == ["closed"]


def test_one_failing_site_gets_l2_and_stops_nobody(village: Village) -> None:
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    village.publish("2.0", healthy=False)
    village.start("2.0", TWO_WAVES)
    site.poll()
    village.tick()
    assert village.state_of("2.0") == "running"
    assert {ticket.code: ticket.tier for ticket in village.tickets()} == {
        FailureCode.UNHEALTHY: Tier.L2,
        FailureCode.ROLLOUT_STANDS_STILL: Tier.L2,
    }, "with nobody else on the way, a person decides"


def test_a_pause_is_seen_at_the_next_poll(village: Village) -> None:
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    village.pause("1.0", "the pharmacies are counting their stock")
    assert known(village) == (0, 1)
    site.poll()
    assert site.serves() is None
    assert "counting their stock" in site.command("explain").output
    assert known(village) == (1, 1), "by the check-in of the real agent"


def known(village: Village) -> tuple[int, int]:
    """How many of how many online sites know of the pause."""
    village.tick()
    with village.server.database.reading() as session:
        row = rollouts.find(session, PRODUCT, "1.0")
        found = notices.newest(session, row, now() - timedelta(hours=1))
    assert found is not None
    assert (found.seconds is not None) == (found.knowing == found.sites)
    return found.knowing, found.sites
