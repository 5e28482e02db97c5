"""A rollout that nobody pauses and that cannot go on: never unseen, and a person's to decide."""

from distribution.control import explanation, progress, rollouts
from distribution.control.rollouts import Word
from distribution.desk.ticket_views import TicketLine, Which
from distribution.desk.tickets import queue
from manifests.failures import FailureCode, Tier
from manifests.rollout import Ring
from tests.simulators.house import PRODUCT, House, Talker, schedule

ALL = 10_000
RELEASE = f"releases/{PRODUCT}/2.0/manifest.json"


def ticket(house: House, which: Which = Which.OPEN) -> TicketLine | None:
    with house.database.reading() as session:
        found = queue(session, which)
    return next((t for t in found if t.code is FailureCode.ROLLOUT_STANDS_STILL), None)


def outlook(house: House) -> str:
    with house.database.reading() as session:
        row = rollouts.find(session, PRODUCT, "2.0")
        return progress.progress_of(session, row, house.clock.now, house.clock.now).outlook


def failed_here(site: Talker) -> None:
    """It fails, and says so whenever it is asked from then on."""
    site.fails()
    site.check_in(candidate=RELEASE, decision="stay", gate="not_failed_here")


def one_of_three_fails(house: House) -> Talker:
    """The failing one of three pilots, of which the others run 2.0 by now."""
    *good, bad = house.sites(3, ring=Ring.PILOT)
    house.site("later", ring=Ring.CRITICAL)
    house.start("2.0", schedule(100, ALL))
    for site in good:
        site.confirms()
    failed_here(bad)
    house.tick(70)
    return bad


def test_it_opens_a_ticket_and_everybody_who_asks_is_told_why(house: House) -> None:
    one_of_three_fails(house)
    house.tick(10)
    found = ticket(house)
    assert found is not None
    assert found.tier is Tier.L2
    assert "it stands still: 2 of 3 expected sites run it, 95 % are needed" in found.detail
    assert "an approver may resume it, which leaves the failures out, or stop it" in found.detail
    assert outlook(house) == found.detail
    with house.database.reading() as session:
        releases = [rollouts.course_of(session, rollouts.find(session, PRODUCT, "2.0")).release]
        [said] = explanation.explain(session, "later", releases, house.clock.now)
    assert (said.decision, said.gates[-2].gate) == ("wait", "wave_open")
    assert "2 of 3 expected sites run it" in said.reason
    assert said.gates[-2].lifted_by == "an approver"


def test_an_approver_lets_it_go_on_and_the_ticket_closes(house: House) -> None:
    one_of_three_fails(house)
    house.clock.forward(1)
    house.resume()
    house.tick(1)
    assert ticket(house) is None
    with house.database.reading() as session:
        row = rollouts.find(session, PRODUCT, "2.0")
        waves = rollouts.course_of(session, row).rollout.waves
    assert all(wave.opens_at for wave in waves), "the next wave is open"


def test_a_site_that_is_mended_lets_it_go_on_too(house: House) -> None:
    bad = one_of_three_fails(house)
    assert ticket(house) is not None
    bad.confirms()
    house.tick(1)
    assert ticket(house) is None


def test_a_stop_ends_it(house: House) -> None:
    one_of_three_fails(house)
    rollouts.stop(house.database, PRODUCT, "2.0", Word("budi", "a bad build"), house.clock.now)
    house.tick(1)
    assert ticket(house) is None


def test_where_nobody_failed_the_sites_get_a_day(house: House) -> None:
    site = house.site("till", ring=Ring.PILOT)
    house.start("2.0", schedule(100, ALL))
    asks = {"candidate": RELEASE, "decision": "wait", "gate": "approved"}
    for hours in (1, 22.9):
        house.clock.forward(hours * 3600)
        site.check_in(**asks)
        house.tick()
    assert "1 held at the site" in outlook(house)
    assert ticket(house, Which.ALL) is None
    house.clock.forward(0.2 * 3600)
    site.check_in(**asks)
    house.tick()
    found = ticket(house)
    assert found is not None
    assert "it goes on when they do" in found.detail
