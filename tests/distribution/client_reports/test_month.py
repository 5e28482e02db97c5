"""What is in a client's month, and what is not."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from distribution import audit
from distribution.calendars.openings import WindowOutcome
from distribution.client_reports import as_json
from distribution.client_reports.model import HoldKind, Outcome, Tally
from distribution.client_reports.month import month
from distribution.client_reports.period import Period, zone_of_client
from distribution.control import rollouts
from distribution.control.rollouts import Word
from distribution.database.tables import Receipt
from distribution.desk.tables import FailureOverride
from distribution.errors import Invalid, NotFound
from distribution.languages import Language
from manifests.failures import FailureCode
from manifests.install_report import Phase
from manifests.release import Severity
from manifests.target_paths import Lane
from tests.distribution.client_reports.story import AT_NIGHT, ZONE, Story, release
from tests.simulators.house import BEGIN, House
from tests.simulators.query_plans import scanned


def test_a_month_says_what_was_installed_when_in_which_window(november: Story) -> None:
    found = november.month()
    assert (found.client_id, found.month, found.zone, found.sites) == ("warung", "2026-11", ZONE, 2)
    assert not found.is_over
    [failed, installed, begun] = found.installs
    assert (installed.site_id, installed.version, installed.from_version) == ("shop", "2.0", "1.0")
    assert installed.outcome is Outcome.INSTALLED
    assert (installed.started_at, installed.ended_at) == (AT_NIGHT, AT_NIGHT)
    assert installed.window is not None
    assert installed.window.ends_at - installed.window.starts_at == timedelta(hours=2)
    assert installed.window.outcome == WindowOutcome.USED
    assert failed.site_id == "kiosk"
    assert (failed.outcome, failed.code) == (Outcome.FAILED, FailureCode.UNHEALTHY)
    assert failed.sentence.startswith("The new version did not work well")
    assert failed.window is None
    assert (begun.version, begun.outcome, begun.proof) == ("2.1", Outcome.UNDER_WAY, None)


def test_an_install_names_the_report_that_proves_it(november: Story) -> None:
    [_, installed, _] = november.month().installs
    with november.house.database.reading() as session:
        wanted = select(Receipt).where(Receipt.site_id == "shop", Receipt.phase == "confirmed")
        receipt = session.exec(wanted).one()
    assert installed.proof is not None
    assert installed.proof.sha256 == receipt.sha256
    assert (installed.proof.sequence, installed.proof.signed_at) == (receipt.sequence, AT_NIGHT)


def test_success_and_failure_are_counted_by_site_and_by_version(november: Story) -> None:
    found = november.month()
    assert found.tally == Tally(1, 1, 1)
    assert found.tally.success == 0.5
    assert {each.site_id: each.tally for each in found.by_site} == {
        "kiosk": Tally(0, 1, 1),
        "shop": Tally(1, 0, 0),
    }
    [older, newer] = found.versions
    assert (older.version, older.severity, older.tally) == (
        "2.0",
        Severity.CRITICAL,
        Tally(1, 1, 0),
    )
    assert older.fixed_cves == ("CVE-2026-1234",)
    assert (newer.version, newer.severity, newer.tally) == (
        "2.1",
        Severity.MODERATE,
        Tally(0, 0, 1),
    )
    assert newer.tally.success is None
    assert found.windows[WindowOutcome.USED] == 1


def test_time_to_patch_counts_from_the_rollout_and_names_who_is_without(november: Story) -> None:
    critical, important, moderate, low = november.month().patch_times
    assert [each.severity for each in (critical, important, moderate, low)] == [*reversed(Severity)]
    assert critical.sites == 1
    assert critical.median_seconds == (AT_NIGHT - BEGIN).total_seconds()
    assert critical.p95_seconds == critical.median_seconds
    assert critical.without == 1, "the kiosk, where it was taken back"
    assert (important.sites, important.median_seconds, important.without) == (0, None, 0)
    assert (moderate.sites, moderate.without) == (0, 2), "2.1 is on its way"


def test_holds_are_the_clients_own_with_their_reasons(november: Story) -> None:
    brake, freeze, gate = november.month().holds
    assert (brake.kind, brake.scope, brake.target, brake.by) == (
        *(HoldKind.BRAKE, "site", "kiosk", "wati"),
    )
    assert brake.sentence == "All updates are on hold here. The reason: they count"
    assert (freeze.kind, freeze.scope, freeze.target) == (HoldKind.FREEZE, "client", "warung")
    assert freeze.until is not None and freeze.since is not None
    assert freeze.until - freeze.since == timedelta(hours=1)
    assert (gate.kind, gate.gate, gate.sites) == (HoldKind.GATE, "window_open", ("shop",))
    assert gate.target == "app 2.1"
    assert gate.sentence.startswith("Your site can be updated from 26 Nov 2026, ")


def test_an_incident_is_told_in_the_customers_sentence_alone(november: Story) -> None:
    unhealthy = FailureCode.UNHEALTHY
    [incident] = [each for each in november.month().incidents if each.code == unhealthy]
    assert (incident.site_id, incident.closed_at) == ("kiosk", None)
    theirs = november.month(language=Language.INDONESIAN).incidents
    [said] = [each.sentence for each in theirs if each.code == unhealthy]
    assert said.startswith("Versi baru tidak berfungsi dengan baik")


def test_nothing_of_another_client_is_in_it(november: Story) -> None:
    ours, theirs = (as_json.written(november.month(name)) for name in ("warung", "klinik"))
    assert b"klinik" not in ours and b"ward" not in ours
    for word in (b"warung", b"shop", b"kiosk", b"they count"):
        assert word not in theirs
    assert b"klinik moves" in theirs


def test_what_is_written_as_json_is_read_again(november: Story) -> None:
    found = november.month()
    assert as_json.read(as_json.written(found)) == found


def test_a_month_that_has_not_begun_and_a_client_that_is_not_there(november: Story) -> None:
    now = november.house.clock.now
    with november.house.database.reading() as session:
        with pytest.raises(Invalid, match="2026-12 has not begun in Asia/Jakarta"):
            month(session, "warung", Period(2026, 12, ZONE), now)
        with pytest.raises(NotFound, match="there is no client 'nobody'"):
            month(session, "nobody", Period(2026, 11, ZONE), now)
        before = month(session, "warung", Period(2026, 10, ZONE), now)
    assert before.is_over
    assert (before.tally, before.installs, before.incidents) == (Tally(0, 0, 0), (), ())
    assert before.patch_times[0].without == 0, "nothing was released by then"


def test_the_zone_is_that_of_the_first_site_with_windows(november: Story) -> None:
    with november.house.database.reading() as session:
        assert zone_of_client(session, "warung") == ZONE
        assert zone_of_client(session, "klinik") == "UTC"


@pytest.mark.parametrize(
    "text", ["2026-13", "2026", "26-11", "2026-11-01", "1969-12", "novembre", "٢٠٢٦-11"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not a month"):
        Period.parse(text, "UTC")


def test_a_month_is_one_of_the_clients_wall_clock() -> None:
    jakarta = Period.parse("2026-11", ZONE)
    assert jakarta.starts_at.isoformat() == "2026-10-31T17:00:00+00:00"
    assert jakarta.ends_at.isoformat() == "2026-11-30T17:00:00+00:00"
    assert Period.parse("2026-12", "UTC").ends_at.isoformat() == "2027-01-01T00:00:00+00:00"
    with pytest.raises(Invalid, match="'Mars/Olympus' is not an IANA time zone"):
        Period.parse("2026-11", "Mars/Olympus")


def test_an_emergency_counts_as_critical_and_a_stopped_release_is_missed_by_nobody(
    house: House,
) -> None:
    shop = house.site("shop")
    release(house, "2.0")
    shop.confirms("2.0")
    release(house, "2.0.post1", Lane.HOTFIXES, severity="low")
    house.tick()
    story = Story(house, shop, shop, shop)
    critical, _, _, low = story.month().patch_times
    assert (critical.without, low.without) == (1, 0)
    house.clock.forward(600)
    path = {"release": "hotfixes/app/2.0.post1/manifest.json"}
    shop.confirms("2.0.post1", **path)
    house.tick()
    critical = story.month().patch_times[0]
    assert (critical.sites, critical.median_seconds, critical.without) == (1, 600, 0)
    release(house, "3.0", severity="critical")
    assert story.month().patch_times[0].without == 1
    rollouts.stop(house.database, "app", "3.0", Word("wati", "no"), house.clock.now)
    assert story.month().patch_times[0].without == 0


def test_a_site_that_joined_late_is_not_blamed_for_the_time_before(house: House) -> None:
    release(house, "2.0", severity="important")
    house.clock.forward(3 * 86_400)
    shop = house.site("shop")
    house.clock.forward(600)
    shop.confirms("2.0")
    house.clock.forward(600)
    shop.confirms("2.0")
    house.tick()
    important = Story(house, shop, shop, shop).month().patch_times[1]
    assert (important.sites, important.median_seconds) == (1, 600), "the first time, from its own"


def test_an_attempt_is_under_way_in_the_month_that_it_began_in_and_ends_in_the_next(
    house: House,
) -> None:
    shop = house.site("shop")
    release(house, "2.0")
    house.clock.now = Period(2026, 11, "UTC").ends_at - timedelta(minutes=1)
    shop.attempt = 1
    shop.report(Phase.ACTIVATING)
    house.clock.forward(120)
    shop.report(Phase.CONFIRMED)
    house.tick()
    with house.database.reading() as session:
        now = house.clock.now
        one, two = (month(session, "warung", Period(2026, m, "UTC"), now) for m in (11, 12))
    assert (one.tally, two.tally) == (Tally(0, 0, 1), Tally(1, 0, 0))
    assert one.is_over and not two.is_over


def test_an_operators_own_sentence_is_said_in_the_report_too(house: House) -> None:
    shop = house.site("shop")
    release(house, "2.0")
    shop.fails()
    house.tick()
    with house.database.writing() as session:
        session.add(FailureOverride(code="unhealthy", sentences='{"id": "Kami datang."}'))
        audit.note(session, audit.Deed("ani", "failure.override", "unhealthy"), house.clock.now)
    story = Story(house, shop, shop, shop)
    assert story.month(language=Language.INDONESIAN).installs[0].sentence == "Kami datang."


def test_what_a_newer_agent_tells_is_shown_as_it_told_it(house: House) -> None:
    shop = house.site("shop")
    told = {"gate": "moon_phase", "decision": "wait", "reason": "{the moon} is full"}
    shop.check_in(candidate="somewhere else", **told)
    [hold] = Story(house, shop, shop, shop).month().holds
    assert (hold.target, hold.sentence) == ("somewhere else", "{the moon} is full")


def test_a_report_reads_its_own_clients_rows_by_index_and_no_whole_table(
    november: Story,
) -> None:
    """10,000 sites with a year of installs take 2 s; a scan of everybody's receipts would not."""
    said: list[tuple[str, Any]] = []

    def listen(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        said.append((statement, parameters))

    engine = november.house.database.engine
    event.listen(engine, "before_cursor_execute", listen)
    november.month()
    event.remove(engine, "before_cursor_execute", listen)
    asked = [each for each in said if each[0].startswith("SELECT")]
    assert any("receipt" in statement for statement, _ in asked)
    with engine.connect() as connection:
        scans = set().union(*(scanned(connection, *each) for each in asked))
    assert not scans & {"site", "attempt", "receipt", "windowrow", "incident", "siteproduct"}
