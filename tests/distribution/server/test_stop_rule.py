"""Stories of the stop rule: what pauses a rollout, what does not, and that it stays paused."""

import pytest
from sqlmodel import select

from distribution.control import rollouts
from distribution.control.assessment import Hold, Verdict
from distribution.control.rollouts import Word
from distribution.database.tables import RolloutRow, WaveRow
from distribution.desk.ticket_views import Which
from distribution.desk.tickets import queue
from distribution.errors import Conflict
from distribution.repository import catalogue
from distribution.scheduling.scheduler import verdict_on
from manifests.failures import FailureCode, Tier
from manifests.install_report import Phase
from manifests.rollout import Ring, RolloutPlan, RolloutState
from manifests.target_paths import plan_path
from tests.simulators.house import PRODUCT, House, Talker, schedule
from tests.simulators.tickets import sites

ALL = 10_000


def row_of(house: House, version: str = "2.0") -> RolloutRow:
    with house.database.reading() as session:
        return rollouts.find(session, PRODUCT, version)


def state_of(house: House, version: str = "2.0") -> str:
    return row_of(house, version).state


def open_waves(house: House) -> int:
    with house.database.reading() as session:
        return sum(1 for wave in session.exec(select(WaveRow)) if wave.opens_at)


def verdict(house: House, version: str = "2.0") -> Verdict:
    with house.database.reading() as session:
        row = rollouts.find(session, PRODUCT, version)
        return verdict_on(house.server, session, row, house.clock.now)


def published(house: House) -> RolloutPlan:
    return RolloutPlan.from_bytes(catalogue.read_target(house.server.store, plan_path(PRODUCT)))


def pilots(house: House, count: int = 3) -> list[Talker]:
    return [house.site(ring=Ring.PILOT, client_id=f"client-{n}") for n in range(count)]


def test_a_bad_release_is_paused_in_its_first_wave(house: House) -> None:
    first, others = pilots(house), house.sites(20)
    house.start("2.0", schedule(100, ALL))
    for site in first:
        site.fails()
    house.tick(1)
    rollout = published(house).rollouts[0]
    assert rollout.state is RolloutState.PAUSED
    assert rollout.last_change.by == "the scheduler"
    assert "3 of 3 sites that tried it failed" in rollout.last_change.reason
    assert open_waves(house) == 1
    assert len(others) == 20


def test_one_hostile_site_that_reports_a_hundred_failures_pauses_nothing(house: House) -> None:
    hostile, *others = pilots(house)
    house.start("2.0", schedule(100, ALL))
    for number in range(100):  # a thousand in journeys/test_many_voices
        hostile.attempt += 1
        hostile.report(
            Phase.REVERTED, code=FailureCode.UNHEALTHY, detail=f"made up in {number} ways"
        )
    for site in others:
        site.confirms()
    house.tick(1)
    assert state_of(house) == RolloutState.RUNNING


def test_one_hostile_client_whose_turn_has_not_come_pauses_nothing(house: House) -> None:
    pilots(house)
    hostile = house.sites(5, ring=Ring.CRITICAL)
    house.start("2.0", schedule(100, 5000, ALL))
    for site in hostile:
        site.fails()
    house.tick(1)
    assert state_of(house) == RolloutState.RUNNING


def test_two_failures_within_the_error_threshold_pause_nothing(house: House) -> None:
    sites = house.sites(40)
    house.start("2.0", schedule(ALL))
    for site in sites[:2]:
        site.fails()
    for site in sites[2:]:
        site.confirms()
    house.tick(1)
    assert state_of(house) == RolloutState.RUNNING
    house.tick(60)
    assert state_of(house) == RolloutState.FINISHED


def test_a_later_confirmation_never_undoes_a_pause(house: House) -> None:
    first = pilots(house)
    house.start("2.0", schedule(100, ALL))
    for site in first:
        site.fails()
    house.tick(1)
    for site in first:
        site.confirms()
    for _ in range(5):
        house.tick(3600)
    assert state_of(house) == RolloutState.PAUSED
    assert open_waves(house) == 1


def test_the_failures_that_an_approver_has_seen_do_not_pause_it_again(house: House) -> None:
    first = pilots(house)
    house.start("2.0", schedule(100, ALL))
    for site in first[:2]:
        site.fails()
    house.tick(1)
    assert state_of(house) == RolloutState.PAUSED
    house.clock.forward(1)
    house.resume()
    house.tick(1)
    assert state_of(house) == RolloutState.RUNNING
    for site in first[:2]:
        site.fails()
    house.tick(1)
    assert state_of(house) == RolloutState.PAUSED


def test_a_pause_by_the_stop_rule_opens_a_problem_at_l3_with_its_incidents(house: House) -> None:
    first = pilots(house)
    house.start("2.0", schedule(100, ALL))
    first[0].fails(detail="the prices are missing")
    first[1].fails(detail="the prices are missing")
    first[2].fails(code=FailureCode.START_FAILED, detail="exit status 1")
    house.tick(1)
    with house.database.reading() as session:
        tickets = queue(session, Which.OPEN)
    stopped = next(t for t in tickets if t.code is FailureCode.ROLLOUT_STOPPED)
    assert stopped.tier is Tier.L3
    assert stopped.parts == 2
    assert set(sites(house.database, stopped)) == {s.site_id for s in first}


def test_a_confirmed_hotfix_at_every_site_closes_the_problem_by_itself(house: House) -> None:
    first = pilots(house)
    house.start("2.0", schedule(100, ALL))
    for site in first:
        site.fails()
    house.tick(1)
    for site in first[:2]:
        site.confirms("2.0.post1")
    house.tick(1)
    with house.database.reading() as session:
        assert {t.code for t in queue(session, Which.OPEN)} == {
            FailureCode.UNHEALTHY,
            FailureCode.ROLLOUT_STOPPED,
        }
    first[2].confirms("2.0.post1")
    house.tick(1)
    with house.database.reading() as session:
        assert queue(session, Which.OPEN) == []


def test_sites_that_vanish_while_the_new_version_starts_count_as_failed(house: House) -> None:
    first = pilots(house)
    house.start("2.0", schedule(100, ALL))
    for site in first[:2]:
        site.report(Phase.ACTIVATING)
    house.tick(house.server.settings.lost_contact_seconds - 1)
    assert state_of(house) == RolloutState.RUNNING
    first[2].check_in()
    house.tick(2)
    assert state_of(house) == RolloutState.PAUSED


def test_sites_that_vanish_while_they_download_are_silent_and_not_failed(house: House) -> None:
    first = pilots(house)
    house.start("2.0", schedule(100, ALL))
    for site in first[:2]:
        site.report(Phase.DOWNLOADING)
    house.tick(house.server.settings.lost_contact_seconds + 1)
    assert state_of(house) == RolloutState.RUNNING


def test_a_finished_rollout_is_still_paused_when_late_sites_fail(house: House) -> None:
    late, prompt = pilots(house, 2), house.site(ring=Ring.PILOT)
    house.start("2.0", schedule(ALL))
    house.clock.forward(house.server.settings.silent_after_seconds + 1)
    prompt.confirms()
    house.tick(1)
    assert state_of(house) == RolloutState.FINISHED
    for site in late:
        site.fails()
    house.tick(1)
    assert state_of(house) == RolloutState.PAUSED


def test_a_stopped_rollout_cannot_be_resumed(house: House) -> None:
    pilots(house)
    house.start("2.0", schedule(ALL))
    rollouts.stop(house.database, PRODUCT, "2.0", Word("ani", "withdrawn"), house.clock.now)
    with pytest.raises(Conflict, match=r"is stopped \(ani: withdrawn\)"):
        house.resume()


def test_the_verdict_says_why_it_holds(house: House) -> None:
    first = pilots(house)
    house.start("2.0", schedule(100, ALL))
    house.tick(30)
    assert verdict(house) == Hold(
        "0 of 3 expected sites run it, 95 % are needed: 3 not heard from yet"
    )
    first[0].fails()
    house.tick(1)
    held = verdict(house)
    assert isinstance(held, Hold)
    assert "1 failed, 2 not heard from yet" in held.reason
