"""The time between a pause and every online site's knowledge of it, by what the sites tell."""

from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from sqlmodel import select
from starlette.testclient import TestClient

from distribution import events
from distribution.control import notices, plans, rollouts
from distribution.control.control_tables import NoticeRow
from distribution.control.notices import Notice
from distribution.control.rollouts import Word
from distribution.events import EventKind
from distribution.repository import catalogue
from manifests.check_in import CHECK_IN_TYPE, CheckIn
from manifests.install_report import Phase
from tests.simulators.house import PRODUCT, House, Talker, schedule

ALL = 10_000
WHY = Word("wati", "prices are missing")


def pause(house: House) -> None:
    """``hsp rollout pause``, published at once."""
    server, now = house.server, house.clock.now
    rollouts.pause(house.database, PRODUCT, "2.0", WHY, now)
    plans.publish_decision(server.database, server.store, server.online, PRODUCT, now)


def polls(house: House, site: Talker, seen: int | None = None) -> None:
    """Check in as an agent that has just read the newest metadata, or older one."""
    from distribution.sites import check_ins
    from manifests import envelope

    trust = catalogue.trust_state(house.server.store)
    document = CheckIn.from_bytes(envelope.peek(site.sign_of_life(), CHECK_IN_TYPE))
    told = document.model_copy(
        update={
            "root_version": trust.root_version,
            "timestamp_version": trust.timestamp_version if seen is None else seen,
        }
    )
    body = site.sealed(told.to_bytes(), CHECK_IN_TYPE)
    check_ins.accept(house.database, body, house.server.settings, trust, house.clock.now)


def notice(house: House) -> Notice:
    since = house.clock.now.replace(hour=0)
    with house.database.reading() as session:
        found = notices.newest(session, rollouts.find(session, PRODUCT, "2.0"), since)
    assert found is not None
    return found


def figures(ani: TestClient) -> dict[str, float]:
    families = text_string_to_metric_families(ani.get("/metrics").text)
    return {s.name: s.value for f in families for s in f.samples if s.name.startswith("hsp_hold")}


def test_it_is_over_when_the_last_online_site_has_told(house: House, ani: TestClient) -> None:
    one, two, three = house.sites(3)
    house.start("2.0", schedule(ALL))
    for site in (one, two, three):
        polls(house, site)
    pause(house)
    house.tick(1)
    assert (notice(house).knowing, notice(house).sites) == (0, 3)
    polls(house, one)
    house.tick(1.5)
    polls(house, two)
    polls(house, one)
    house.tick(0.5)
    assert (notice(house).knowing, notice(house).known_at) == (2, None)
    assert figures(ani) == {"hsp_hold_unknown_sites": 1}
    polls(house, three)
    house.tick(10)
    found = notice(house)
    assert (found.knowing, found.sites) == (3, 3)
    assert (found.seconds, found.idle_seconds) == (3, 3)
    house.clock.forward(60)
    polls(house, three)
    house.tick(1)
    assert notice(house) == found, "what is known is not known later"
    assert figures(ani) == {"hsp_hold_unknown_sites": 0, "hsp_hold_known_seconds": 3}
    shown = ani.get(f"/v1/rollouts/{PRODUCT}/2.0").json()["notice"]
    assert (shown["seconds"], shown["sites"]) == (3, 3)
    with house.database.reading() as session:
        told: list[Any] = [e.detail for e in events.after(session, 0) if e.kind is EventKind.KNOWN]
    assert told == [{"sites": 3, "seconds": 3.0}]


def test_a_site_that_talks_and_reads_nothing_does_not_know(house: House) -> None:
    site = house.site()
    house.start("2.0", schedule(ALL))
    polls(house, site)
    before = catalogue.trust_state(house.server.store).timestamp_version
    pause(house)
    house.clock.forward(1)
    polls(house, site, seen=before)
    house.tick(1)
    assert (notice(house).knowing, notice(house).seconds) == (0, None)


def test_silent_and_later_sites_are_waited_for_by_nobody(house: House) -> None:
    silent = house.site()
    house.clock.forward(house.server.settings.silent_after_seconds + 1)
    awake = house.site()
    house.start("2.0", schedule(ALL))
    pause(house)
    house.clock.forward(2)
    polls(house, awake)
    house.clock.forward(3)
    later = house.site()
    polls(house, later)
    polls(house, silent)
    house.tick(1)
    assert notice(house).seconds == 2


def test_those_in_the_middle_of_an_install_are_told_apart(house: House) -> None:
    busy, idle = house.sites(2)
    house.start("2.0", schedule(ALL))
    busy.report(Phase.ACTIVATING)
    house.tick(1)
    pause(house)
    house.clock.forward(2)
    polls(house, idle)
    house.clock.forward(20)
    busy.report(Phase.CONFIRMED)
    polls(house, busy)
    house.tick(1)
    assert (notice(house).seconds, notice(house).idle_seconds) == (22, 2)


def test_a_crash_after_the_publication_loses_no_measurement(house: House) -> None:
    site = house.site()
    house.start("2.0", schedule(ALL))
    pause(house)
    with house.database.writing() as session:  # as if it had not been noted any more
        row = session.exec(select(NoticeRow)).one()
        row.timestamp_version = row.published_at = None
        session.add(row)
    house.tick(1)
    polls(house, site)
    house.tick(1)
    assert notice(house).seconds == 1


def test_while_the_store_is_away_nobody_is_said_to_know(house: House) -> None:
    site = house.site()
    house.start("2.0", schedule(ALL))
    rollouts.pause(house.database, PRODUCT, "2.0", WHY, house.clock.now)
    polls(house, site)
    assert (notice(house).published_at, notice(house).knowing) == (None, 0)
