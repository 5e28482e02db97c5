"""Reports: exactly once, whatever the network and the server do in between."""

import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, insert
from sqlmodel import col, select

from distribution.database.sessions import Database
from distribution.database.tables import Alarm, Attempt, Incident, Problem, Receipt
from distribution.desk.ticket_views import Which
from distribution.desk.tickets import failures_unexplained, queue
from distribution.errors import Conflict, Malformed, Unauthorised
from distribution.sites import attempts
from manifests import envelope
from manifests.errors import ManifestError
from manifests.failures import FailureCode, Tier
from manifests.install_report import REPORT_TYPE, InstallReport, Phase
from tests.simulators.house import House, Talker
from tests.simulators.query_plans import indexes

pytestmark = pytest.mark.both_databases


def receipts(house: House) -> list[Receipt]:
    with house.database.reading() as session:
        return list(session.exec(select(Receipt).order_by(col(Receipt.place))))


def security_tickets(house: House) -> list[str]:
    house.tick()
    with house.database.reading() as session:
        return [ticket.detail for ticket in queue(session, Which.OPEN, Tier.SECURITY)]


def test_a_lost_acknowledgement_costs_nothing(house: House) -> None:
    site = house.site()
    message = site.message(Phase.REVERTED, code=FailureCode.UNHEALTHY)
    first = site.send(message)
    house.tick()
    for _ in range(3):
        again = site.send(message)
        house.tick()
        assert again.duplicate
        assert (again.sequence, again.sha256) == (first.sequence, first.sha256)
    assert not first.duplicate
    assert len(receipts(house)) == 1
    with house.database.reading() as session:
        assert session.exec(select(Incident.occurrences)).all() == [1]


def test_another_report_under_a_used_number_is_refused_and_told_to_security(
    house: House,
) -> None:
    site = house.site()
    site.report(Phase.DOWNLOADING)
    other = site.sealed(site.document(1, Phase.CONFIRMED), REPORT_TYPE)
    for _ in range(3):
        with pytest.raises(Conflict, match="report 1 of site-0 was received before"):
            site.send(other)
    (kept,) = receipts(house)
    assert kept.phase == Phase.DOWNLOADING
    assert security_tickets(house) == ["report 1 came twice with different content"]


def test_a_report_in_anothers_name_is_refused_counted_and_told_to_security(
    house: House,
) -> None:
    site, thief = house.site("honest"), Talker("honest", house.server)
    for _ in range(3):
        with pytest.raises(Unauthorised, match="not authorised"):
            thief.report(Phase.CONFIRMED)
    assert receipts(house) == []
    assert site.sequence == 0
    with house.database.reading() as session:
        assert session.exec(select(Alarm.seen)).all() == [3]
    assert security_tickets(house) == ["a report that the site's key did not sign"]


def test_an_unknown_site_and_a_wrong_key_are_refused_with_one_text(house: House) -> None:
    house.site("known")
    found = set()
    for site_id in ("known", "unknown"):
        with pytest.raises(Unauthorised) as refusal:
            Talker(site_id, house.server).report(Phase.CONFIRMED)
        found.add(str(refusal.value))
    assert len(found) == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", Malformed),
        (b"[" * 10_000, Malformed),
        (b'{"payload": 1}', Malformed),
        (b"\xff\xfe{}", Malformed),
    ],
)
def test_what_is_no_report_is_refused(house: House, body: bytes, error: type) -> None:
    with pytest.raises(error):
        house.site().send(body)


def test_a_wrong_field_or_another_type_of_message_is_refused(house: House) -> None:
    site = house.site()
    wrong = site.document(1, Phase.CONFIRMED).replace(b'"confirmed"', b'"excellent"')
    with pytest.raises(ManifestError, match="phase"):
        site.send(site.sealed(wrong, REPORT_TYPE))
    with pytest.raises(Malformed, match="expected"):
        site.send(site.sign_of_life())
    assert receipts(house) == []


def test_the_stored_envelope_is_evidence_that_anybody_can_verify(house: House) -> None:
    site = house.site()
    site.report(Phase.CONFIRMED)
    (kept,) = receipts(house)
    key = envelope.site_key(kept.public_key)
    assert b'"confirmed"' in envelope.open_sealed(kept.envelope, REPORT_TYPE, key)


def _story(site: Talker) -> Iterator[bytes]:
    """Three attempts: a failure, a confirmation, a failure again."""
    for final, code in (
        (Phase.REVERTED, FailureCode.UNHEALTHY),
        (Phase.CONFIRMED, None),
        (Phase.FAILED, FailureCode.DISK_FULL),
    ):
        site.attempt += 1
        for phase in (Phase.DOWNLOADING, Phase.STAGED, Phase.ACTIVATING):
            yield site.message(phase)
        yield site.message(final, code=code, detail="something" if code else "")


def _final_state(house: House) -> object:
    with house.database.reading() as session:
        tried = session.exec(select(Attempt).order_by(col(Attempt.attempt_id)))
        incidents = select(Incident, Problem).where(Incident.problem_id == Problem.id)
        return (
            [(a.attempt_id, a.phase, a.code, a.place) for a in tried],
            sorted(
                (i.site_id, p.signature, i.state, i.occurrences, i.tier, p.state, p.tier)
                for i, p in session.exec(incidents)
            ),
            failures_unexplained(session),
        )


def test_lost_doubled_and_reordered_reports_end_as_the_ordered_ones_do(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    chance = random.Random(20261125)
    sites = house.sites(4)
    ordered = [message for site in sites for message in _story(site)]
    for message in ordered:
        sites[0].send(message)
        house.tick()
    wanted = _final_state(house)

    other = House.build(tmp_path_factory.mktemp("other"), house.clock)
    for site in sites:
        twin = Talker(site.site_id, other.server, key=site.key)
        twin.enrol()
    unruly = [*ordered, *chance.sample(ordered, len(ordered) // 3)]
    chance.shuffle(unruly)
    for message in unruly:
        Talker("", other.server).send(message)
        if chance.random() < 0.3:
            other.tick()
    other.tick()
    assert _final_state(other) == wanted
    other.database.close()


def test_a_late_report_of_an_old_failure_reopens_nothing(house: House) -> None:
    site = house.site()
    late = site.message(Phase.REVERTED, code=FailureCode.UNHEALTHY, detail="long ago")
    site.confirms()
    house.tick()
    site.send(late)
    house.tick()
    with house.database.reading() as session:
        assert queue(session, Which.OPEN) == []
        assert failures_unexplained(session) == 0
        assert len(queue(session, Which.ALL)) == 1


def test_a_clock_at_the_site_that_is_wrong_by_years_changes_no_order(house: House) -> None:
    site = house.site()
    site.attempt = 1
    site.report(Phase.REVERTED, code=FailureCode.UNHEALTHY, at="2099-01-01T00:00:00Z")
    site.attempt = 2
    site.report(Phase.CONFIRMED, at="1999-01-01T00:00:00Z")
    house.tick()
    with house.database.reading() as session:
        assert queue(session, Which.OPEN) == []


def test_a_report_that_cannot_be_processed_holds_nobody_up_and_is_not_forgotten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = house.sites(2)
    bad.report(Phase.REVERTED, code=FailureCode.UNHEALTHY)
    good.report(Phase.REVERTED, code=FailureCode.DISK_FULL)
    real = attempts._Round._follow

    def fault(these: attempts._Round, receipt: Receipt, report: InstallReport) -> None:
        if receipt.site_id == bad.site_id:
            raise ZeroDivisionError
        real(these, receipt, report)

    monkeypatch.setattr(attempts._Round, "_follow", fault)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            attempts.process_new(house.database, house.clock.now)
    with house.database.reading() as session:
        assert failures_unexplained(session) == 1
        assert [t.code for t in queue(session, Which.OPEN)] == [FailureCode.DISK_FULL]
    monkeypatch.undo()
    house.tick()
    with house.database.reading() as session:
        assert failures_unexplained(session) == 0


def test_a_site_that_enrols_anew_begins_with_number_1_again(house: House) -> None:
    site = house.site("shop")
    site.confirms()
    anew = Talker("shop", house.server)
    anew.enrol()
    anew.report(Phase.DOWNLOADING)
    assert [(r.sequence, r.place) for r in receipts(house)] == [(1, 1), (2, 2), (1, 3)]
    with pytest.raises(Unauthorised):
        site.report(Phase.CONFIRMED)


CHILD = """
import sys
from pathlib import Path
from datetime import datetime, UTC
from distribution.sites import reports
from distribution.database.sessions import Database
from distribution.settings import Settings
database = Database.open(Settings.load(Path(sys.argv[1])))
reports.accept(database, Path(sys.argv[2]).read_bytes(), datetime.now(UTC))
print("acknowledged", flush=True)
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""


HOW_DURABLE = {"sqlite": "PRAGMA synchronous", "postgresql": "SHOW synchronous_commit"}


def test_what_was_acknowledged_is_there_after_the_server_was_killed(
    house: House, database_kind: str
) -> None:
    site = house.site()
    message = house.estate.folder / "message"
    message.write_bytes(site.message(Phase.CONFIRMED))
    home = house.server.settings.home
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(home), str(message)], capture_output=True, check=False
    )
    assert child.stdout == b"acknowledged\n", child.stderr
    assert child.returncode == -9
    again = Database.open(house.server.settings)
    with again.reading() as session:
        assert session.exec(select(Receipt.phase)).all() == [Phase.CONFIRMED]
        asked = session.connection().exec_driver_sql(HOW_DURABLE[database_kind]).scalar()
    again.close()
    assert asked in (2, "on"), "an acknowledged report must survive a power cut"


def test_what_waits_is_found_without_what_was_processed(house: House) -> None:
    """Processed reports stay for ever: whoever reads them again does so at every look."""
    site = house.site()
    site.report(Phase.DOWNLOADING)
    house.tick()
    _processed_before(house, 5_000)
    site.report(Phase.STAGED)
    asked: list[tuple[str, Any]] = []

    def heard(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        asked.append((statement, parameters))

    event.listen(house.database.engine, "before_cursor_execute", heard)
    assert attempts.process_new(house.database, house.clock.now) == 1
    event.remove(house.database.engine, "before_cursor_execute", heard)
    looks = [each for each in asked if each[0].startswith("SELECT receipt.id \nFROM")]
    assert len(looks) == 3  # the one that found it; then nothing fresh, and nothing to try again
    with house.database.engine.connect() as connection:
        for statement, parameters in looks:
            assert indexes(connection, statement, parameters) == {"ix_receipt_waiting"}


def _processed_before(house: House, count: int) -> None:
    with house.database.writing() as session:
        one = session.exec(select(Receipt)).one()
        plain = one.model_dump(exclude={"id"})
        rows = [{**plain, "place": place, "sequence": place} for place in range(100, 100 + count)]
        session.connection().execute(insert(Receipt), rows)
