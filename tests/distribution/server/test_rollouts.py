"""Rollouts and their published plans: people's verbs, waves, and crashes between the two."""

from datetime import timedelta

import pytest
from sqlmodel import select

from distribution.control import plans, rollouts
from distribution.control.rollouts import Word
from distribution.database.tables import PlanRow, RolloutChange
from distribution.errors import Conflict, Invalid, Unavailable, UnknownRollout
from distribution.repository import catalogue
from distribution.scheduling import scheduler
from manifests.rollout import Ring, RolloutPlan, RolloutState, SiteFilter
from manifests.target_paths import Lane, plan_path
from signing.errors import StoreFailed
from signing.store import DirectoryStore
from tests.simulators.house import BEGIN, PRODUCT, House, schedule

pytestmark = pytest.mark.both_databases

ALL = 10_000
WHY = Word("ani", "prices are missing")


def published(house: House) -> RolloutPlan:
    return RolloutPlan.from_bytes(catalogue.read_target(house.server.store, plan_path(PRODUCT)))


def states(house: House) -> dict[str, RolloutState]:
    return {rollout.release: rollout.state for rollout in published(house).rollouts}


def openings(house: House, index: int = 0) -> list[float | None]:
    """When each wave of a rollout opens, in seconds since the beginning."""
    waves = published(house).rollouts[index].waves
    return [(w.opens_at - BEGIN).total_seconds() if w.opens_at else None for w in waves]


def pause(house: House, version: str = "2.0") -> None:
    rollouts.pause(house.database, PRODUCT, version, WHY, house.clock.now)


def publish(house: House) -> bool:
    server = house.server
    return plans.publish(server.database, server.store, server.online, PRODUCT, house.clock.now)


def test_a_started_rollout_is_in_the_signed_plan_with_its_first_wave_open(house: House) -> None:
    house.start("2.0", schedule(1000, 5000, ALL))
    assert states(house) == {"releases/app/2.0/manifest.json": RolloutState.RUNNING}
    assert openings(house) == [0, None, None]
    assert published(house).rollouts[0].last_change.by == "sari"


def test_waves_open_when_the_one_before_has_soaked_and_passed(house: House) -> None:
    pilot, broad = house.site(ring=Ring.PILOT), house.site()
    house.start("2.0", schedule(100, ALL - 1, ALL))
    house.tick(61)
    assert openings(house) == [0, None, None], "the pilot has not confirmed"
    pilot.confirms()
    house.tick(1)
    assert openings(house) == [0, 62, None]
    broad.confirms()
    house.tick(1)
    assert openings(house) == [0, 62, None], "its time has not come, and it has not soaked"
    house.tick(60)
    assert openings(house) == [0, 62, 123]
    house.tick(60)
    assert published(house).rollouts[0].state is RolloutState.FINISHED


def test_one_wave_at_a_time_however_long_the_scheduler_was_away(house: House) -> None:
    house.site(ring=Ring.PILOT).confirms()
    house.start("2.0", schedule(100, 5000, ALL))
    week = 7 * 24 * 3600
    house.tick(week)
    assert openings(house) == [0, week, None]
    house.tick(5)
    assert openings(house) == [0, week, None], "the second wave is watched first"
    house.tick(5)
    assert openings(house) == [0, week, week + 10]


def test_no_evidence_opens_nothing(house: House) -> None:
    house.site(ring=Ring.PILOT)
    house.start("2.0", schedule(100, ALL))
    house.tick(house.server.settings.silent_after_seconds + 1)
    assert openings(house) == [0, None]


def test_a_wave_without_any_site_holds_nothing_up(house: House) -> None:
    house.start("2.0", schedule(1, ALL))
    house.tick(60)
    assert openings(house) == [0, 60]


def test_a_pause_is_in_the_published_plan_at_once(house: House) -> None:
    house.start("2.0", schedule(ALL))
    pause(house)
    assert publish(house)
    rollout = published(house).rollouts[0]
    assert (rollout.state, rollout.last_change.reason) == (RolloutState.PAUSED, WHY.reason)


def test_a_crash_between_the_decision_and_its_publication_is_made_good(house: House) -> None:
    house.start("2.0", schedule(ALL))
    pause(house)  # the process dies here
    assert published(house).rollouts[0].state is RolloutState.RUNNING
    house.tick()
    assert published(house).rollouts[0].state is RolloutState.PAUSED


def test_publishing_twice_publishes_once(house: House) -> None:
    house.start("2.0", schedule(ALL))
    before = catalogue.trust_state(house.server.store).timestamp_version
    assert not publish(house)
    house.tick()
    assert catalogue.trust_state(house.server.store).timestamp_version == before


def test_the_serial_grows_with_every_change(house: House) -> None:
    serials = []
    house.start("2.0", schedule(ALL))
    for verb in (rollouts.pause, rollouts.resume, rollouts.stop):
        serials.append(published(house).serial)
        verb(house.database, PRODUCT, "2.0", WHY, house.clock.now)
        publish(house)
    serials.append(published(house).serial)
    assert serials == [1, 2, 3, 4]


def test_a_hotfix_removes_nothing_and_a_finished_rollout_stays(house: House) -> None:
    house.start("2.0", schedule(ALL))
    house.tick(60)
    house.start("2.1", schedule(100, ALL))
    pause(house, "2.1")
    house.start("2.1.post1", schedule(ALL), lane=Lane.HOTFIXES)
    assert states(house) == {
        "releases/app/2.0/manifest.json": RolloutState.FINISHED,
        "releases/app/2.1/manifest.json": RolloutState.PAUSED,
        "hotfixes/app/2.1.post1/manifest.json": RolloutState.RUNNING,
    }


def test_a_rollout_is_started_once(house: House) -> None:
    release = house.start("2.0", schedule(ALL))
    with pytest.raises(Conflict, match="was started at 2026-11-25 02:00 UTC and is running"):
        rollouts.start(house.database, release, schedule(ALL), "ani", house.clock.now)


def test_verbs_refuse_what_makes_no_sense_and_change_nothing(house: House) -> None:
    house.start("2.0", schedule(ALL))
    with pytest.raises(UnknownRollout, match="no rollout of app 9 was started"):
        pause(house, "9")
    with pytest.raises(Invalid, match="a reason is needed"):
        rollouts.pause(house.database, PRODUCT, "2.0", Word("ani", "  "), house.clock.now)
    with pytest.raises(Conflict, match=r"is running .* and cannot be running"):
        house.resume()
    pause(house)
    with pytest.raises(Conflict, match=r"is paused \(ani: prices are missing\)"):
        pause(house)
    with house.database.reading() as session:
        assert session.exec(select(RolloutChange.state)).all() == ["running", "paused"]


def test_who_paused_it_and_why_is_kept_after_it_goes_on(house: House) -> None:
    house.start("2.0", schedule(ALL))
    pause(house)
    house.resume()
    with house.database.reading() as session:
        told = session.exec(select(RolloutChange.by, RolloutChange.reason)).all()
    assert told == [
        ("sari", "started with the schedule quick"),
        ("ani", "prices are missing"),
        ("budi", "it was the network"),
    ]


def test_a_filter_is_in_the_plan(house: House) -> None:
    release = house.estate.publish("2.0")
    only = SiteFilter(regions=("java",))
    rollouts.start(house.database, release, schedule(ALL), "ani", house.clock.now, only)
    publish(house)
    assert published(house).rollouts[0].only == only


def test_a_database_older_than_the_repository_publishes_nothing(house: House) -> None:
    house.start("2.0", schedule(ALL))
    pause(house)
    publish(house)
    with house.database.writing() as session:  # yesterday's backup, which knows no pause
        row = session.get_one(PlanRow, PRODUCT)
        plan = RolloutPlan.from_bytes(row.document)
        running = plan.rollouts[0].model_copy(update={"state": RolloutState.RUNNING})
        row.serial = 1
        row.document = plan.model_copy(update={"serial": 1, "rollouts": (running,)}).to_bytes()
        session.add(row)
    with pytest.raises(Conflict, match="the database is older than the repository"):
        house.tick()
    assert published(house).rollouts[0].state is RolloutState.PAUSED


def test_with_the_store_away_a_pause_is_decided_and_said_to_be_on_its_way(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.start("2.0", schedule(ALL))
    pause(house)

    def away(*_: object) -> None:
        raise StoreFailed("the disk is full")

    monkeypatch.setattr(DirectoryStore, "create", away)
    server = house.server
    with pytest.raises(Unavailable, match="decided, but no site knows yet: the disk is full"):
        plans.publish_decision(
            server.database, server.store, server.online, PRODUCT, house.clock.now
        )
    monkeypatch.undo()
    house.tick()
    assert published(house).rollouts[0].state is RolloutState.PAUSED


def test_the_scheduler_does_not_act_on_what_a_person_has_changed_meanwhile(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.start("2.0", schedule(1, ALL))
    house.clock.forward(60)
    real = scheduler._apply

    def slow(*arguments: object) -> None:
        pause(house)
        real(*arguments)  # type: ignore[arg-type] # handed on as they came

    monkeypatch.setattr(scheduler, "_apply", slow)
    scheduler.assess_rollouts(house.server, house.clock.now + timedelta(seconds=1))
    publish(house)
    assert openings(house) == [0, None]
    assert published(house).rollouts[0].state is RolloutState.PAUSED
