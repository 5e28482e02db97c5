"""The first line's queue: who is in it, why, what to say, and who can lift it."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import event

from distribution.control.control_tables import WindowRow
from distribution.control.rollouts import Word
from distribution.database.tables import Incident, Problem
from distribution.desk.queue import LineKind, QueueLine, queue, size
from distribution.languages import Language
from distribution.repository import catalogue
from distribution.sites import enrolment, site_identity
from manifests.failures import Tier
from manifests.site import SitePolicy
from tests.simulators.house import PRODUCT, House, Talker, schedule

pytestmark = pytest.mark.both_databases

PATH = f"releases/{PRODUCT}/2.0/manifest.json"
DAY = 24 * 3600


def lines(
    house: House, tier: Tier = Tier.L1, *, offset: int = 0, limit: int = 25
) -> list[QueueLine]:
    releases = catalogue.releases(house.server.store)
    with house.database.reading() as session:
        found = queue(session, tier, releases, house.clock.now, offset=offset, limit=limit)
        if not offset and len(found) < limit:
            assert sum(size(session, tier, house.clock.now).values()) == len(found)
    return found


def missed(house: House, site: Talker, ends_at: datetime, outcome: str = "missed") -> None:
    """An opening of its window that is over."""
    with house.database.writing() as session:
        session.add(
            WindowRow(
                site_id=site.site_id,
                starts_at=ends_at - timedelta(hours=2),
                ends_at=ends_at,
                outcome=outcome,
                detail="app 2.0 was due; the site did not begin",
            )
        )


def test_a_silent_site_has_its_ticket_its_clock_and_its_sentence(house: House) -> None:
    site = house.site()
    house.tick(house.server.settings.silent_after_seconds + 1)
    [line] = lines(house)
    assert (line.kind, line.site_id, line.ticket) == (LineKind.SILENT, site.site_id, 1)
    assert line.say == "We have not heard from your site for a while. Is it switched on?"
    assert line.due_at is not None
    assert lines(house, Tier.L2) == []


def test_an_invitation_that_ran_out_is_there_until_there_is_a_newer_one(house: House) -> None:
    late = Talker("late", house.server)
    late.invited()
    assert lines(house) == []
    house.clock.forward(2 * DAY)
    [line] = lines(house)
    assert (line.kind, line.site_id, line.client_id) == (LineKind.CREDENTIAL, "late", "warung")
    assert "ran out unused" in line.what
    assert line.lifted_by == "a security administrator: hsp site invite"
    late.invited()
    assert lines(house) == []
    late.enrol()
    assert lines(house) == []


def test_a_revoked_site_is_there_for_a_month_unless_it_joins_again(house: House) -> None:
    site = house.site()
    said = Word("rina", "a stolen laptop", "security-administrator")
    site_identity.revoke(house.database, site.site_id, said, house.clock.now)
    [line] = lines(house)
    assert (line.kind, line.site_id) == (LineKind.CREDENTIAL, site.site_id)
    house.clock.forward(31 * DAY)
    assert lines(house) == []


def test_a_missed_window_is_there_until_the_next_one_was_used(house: House) -> None:
    site = house.site()
    missed(house, site, house.clock.now - timedelta(days=2))
    [line] = lines(house)
    assert line.kind is LineKind.MISSED_WINDOW
    assert line.what == "missed a window: app 2.0 was due; the site did not begin"
    missed(house, site, house.clock.now - timedelta(days=1), "used")
    assert lines(house) == []


def test_a_site_that_waits_for_a_yes_is_explained_by_the_sites_own_function(house: House) -> None:
    house.start("2.0", schedule(10_000))
    site = house.site(policy=SitePolicy(approval="client"), installed="1.0")
    site.check_in(
        candidate=PATH, decision="wait", gate="approved", reason="it asks", lifted_by="the client"
    )
    [line] = lines(house)
    assert (line.kind, line.site_id, line.release) == (
        LineKind.DEFERRED, site.site_id, f"{PRODUCT} 2.0",
    )  # fmt: skip
    assert line.say == "We have the update ready for your site, and wait for your yes."
    assert line.reason
    assert line.lifted_by
    assert line.explained


def test_those_due_first_are_in_front_and_a_page_goes_on_where_the_last_one_ended(
    house: House,
) -> None:
    for hours in (1, 3, 2):
        site = house.site(f"site-{hours}")
        missed(house, site, house.clock.now - timedelta(hours=hours))
    silent = Talker("silent", house.server)
    silent.enrol()
    with house.database.writing() as session:
        at = house.clock.now
        problem = Problem(
            signature="x", code="silent", tier="L1", state="open", opened_at=at, due_at=at
        )
        session.add(problem)
        session.flush()
        session.add(
            Incident(
                problem_id=problem.id or 0,
                site_id="silent",
                client_id="warung",
                tier="L1",
                state="open",
                opened_at=at,
                last_at=at,
            )
        )
    order = ["silent", "site-3", "site-2", "site-1"]
    assert [line.site_id for line in lines(house)] == order
    assert [line.site_id for line in lines(house, offset=1, limit=2)] == order[1:3]


@pytest.mark.parametrize("count", [3, 12])
def test_only_what_is_shown_is_explained(house: House, count: int) -> None:
    house.start("2.0", schedule(10_000))
    for _ in range(count):
        site = house.site(installed="1.0")
        site.check_in(candidate=PATH, decision="wait", gate="approved", reason="it asks")
    statements: list[str] = []
    releases = catalogue.releases(house.server.store)

    def heard(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    event.listen(house.database.engine, "before_cursor_execute", heard)
    with house.database.reading() as session:
        shown = queue(session, Tier.L1, releases, house.clock.now, limit=2)
    event.remove(house.database.engine, "before_cursor_execute", heard)
    assert len(shown) == 2
    assert len(statements) < 40, "however many there are"


def test_what_to_say_is_said_in_the_language_that_is_asked_for(house: House) -> None:
    missed(house, house.site(), house.clock.now)
    with house.database.reading() as session:
        args = session, Tier.L1, [], house.clock.now
        english, indonesian = (queue(*args, language=each)[0].say for each in Language)
    assert english != indonesian


def test_an_invitation_to_a_site_that_runs_is_no_concern_once_it_was_used(house: House) -> None:
    site = house.site()
    with house.database.writing() as session:
        enrolment.end_unused(session, site.site_id, house.clock.now)
    house.clock.forward(3600)
    assert lines(house) == []
