"""Many sites over the real server: a third of them falls silent; one shouts a thousand failures."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from distribution.control import progress, rollouts
from distribution.control.progress import RolloutProgress
from distribution.desk.ticket_views import Which
from distribution.desk.tickets import failures_unexplained, queue
from manifests.failures import FailureCode
from manifests.install_report import Phase
from manifests.rollout import Ring, draw
from tests.simulators.house import PRODUCT, Clock, House, Talker, schedule
from tests.simulators.tickets import incidents

SITES = 30
SHOUTS = 1000


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A server whose clock the story moves."""
    built = House.build(tmp_path, Clock())
    yield built
    built.database.close()


def seen(house: House) -> RolloutProgress:
    """The rollout as staff see it."""
    now = house.clock.now
    since = now - timedelta(seconds=house.server.settings.silent_after_seconds)
    with house.database.reading() as session:
        row = rollouts.find(session, PRODUCT, "2.0")
        return progress.progress_of(session, row, since, now)


def test_a_silent_third_of_the_fleet_neither_stops_a_rollout_nor_counts_as_success(
    house: House,
) -> None:
    fleet = [house.site(f"s{n}", client_id=f"client-{n % 5}") for n in range(SITES)]
    silent, awake = fleet[: SITES // 3], fleet[SITES // 3 :]
    house.clock.forward(2 * 3600)  # a third was not heard of since
    for site in awake:
        site.check_in()
    house.start("2.0", schedule(5000, 10_000))
    for _ in range(3):
        _go_along(house, awake)
        house.tick(70)
    found = seen(house)
    assert found.state == "finished"
    assert (found.total.confirmed, found.total.silent) == (len(awake), len(silent))
    with house.database.reading() as session:
        tickets = queue(session, Which.OPEN)
        assert failures_unexplained(session) == 0
    assert {t.code for t in tickets} == {FailureCode.SILENT}
    assert sum(t.sites for t in tickets) == len(silent)
    assert len(tickets) == 5, "one for each client"

    for site in silent:  # the line is mended
        site.check_in()
        site.confirms()
    house.tick(1)
    assert seen(house).total.confirmed == SITES
    with house.database.reading() as session:
        assert queue(session, Which.OPEN) == []


def _go_along(house: House, sites: list[Talker]) -> None:
    """Those whose wave is open install it."""
    opened = [wave for wave in seen(house).waves if wave.opens_at]
    up_to = opened[-1].up_to_percent * 100
    for site in sites:
        if site.installed != "2.0" and draw(PRODUCT, "2.0", site.site_id) < up_to:
            site.confirms()


def test_one_hostile_site_reports_a_thousand_failures_and_stops_nobody(house: House) -> None:
    good = [house.site(f"s{n}", ring=Ring.PILOT) for n in range(9)]
    hostile = house.site("hostile", client_id="evil", ring=Ring.PILOT)
    house.start("2.0", schedule(100, 10_000, success_threshold_percent=90))
    for number in range(SHOUTS):
        hostile.attempt = number
        code = FailureCode.UNHEALTHY if number % 2 else FailureCode.INSTALL_FAILED
        hostile.report(Phase.REVERTED, code=code, detail=f"the prices are missing, {number}")
    house.tick(1)
    found = seen(house)
    assert (found.state, found.total.failed, found.attempted) == ("running", 1, 1)
    for site in good:
        site.confirms()
    house.tick(70)
    assert seen(house).waves[1].opens_at is not None, "the next wave opens for the others"
    with house.database.reading() as session:
        tickets = queue(session, Which.OPEN)
        assert failures_unexplained(session) == 0
    assert len(tickets) == 2, "one for each code, however often it was told"
    found_there = incidents(house.database, *tickets)
    assert {i.site_id for i in found_there} == {"hostile"}
    assert sum(i.occurrences for i in found_there) == SHOUTS
