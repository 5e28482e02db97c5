"""Batches of reports: on PostgreSQL one trip each, durable at its end, none while a site joins."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event, func, select, text
from sqlmodel import Session

from distribution.database.engines import in_one_trip
from distribution.database.sessions import Database
from distribution.database.tables import Receipt
from distribution.errors import Unavailable
from distribution.quick import report_batches
from distribution.quick.report_batches import Outcome, Signed
from distribution.settings import Settings
from distribution.sites.enrolment import STORING
from manifests.envelope import unwrapped
from manifests.install_report import REPORT_TYPE, InstallReport
from tests.simulators.chorus import Chorus, Voice
from tests.simulators.postgres import Postgres, shared

NOW = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)


@pytest.fixture
def chorus() -> Chorus:
    return Chorus(3, NOW)


@pytest.fixture
def database(tmp_path: Path, chorus: Chorus) -> Iterator[Database]:
    settings = Settings(home=tmp_path, database_url=shared().new_database())
    opened = Database.open(settings)
    chorus.enrol(opened, NOW)
    yield opened
    opened.close()


def signed(voice: Voice, sequence: int = 1) -> Signed:
    envelope = voice.report(sequence)
    sealed = unwrapped(envelope, REPORT_TYPE)
    assert sealed is not None
    report = InstallReport.from_bytes(sealed.payload)
    return Signed(report, envelope, f"{sequence:064}", voice.public_key, NOW)


def stored(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Receipt)) or 0


def pids(database: Database) -> list[int]:
    """The connections of this database that wait for somebody's word."""
    name = database.engine.url.database
    found = shared().execute("SELECT pid, datname FROM pg_stat_activity WHERE state = 'idle'")
    return [pid for pid, of in found if of == name]


def test_a_batch_that_was_stored_survives_a_crash_of_postgresql(
    tmp_path: Path, chorus: Chorus
) -> None:
    with Postgres() as postgres:
        settings = Settings(home=tmp_path, database_url=postgres.new_database())
        database = Database.open(settings)
        chorus.enrol(database, NOW)
        batch = [signed(voice) for voice in chorus.voices]
        assert report_batches.store(database, batch) == [Outcome.STORED] * 3
        postgres.crash()
        postgres.start()
        with pytest.raises(Unavailable):
            report_batches.store(database, batch)  # its connection died with the server
        assert report_batches.store(database, batch) == [Outcome.THERE] * 3
        assert stored(database) == 3
        database.close()


def test_a_batch_with_reports_that_are_there_is_stored_by_sqlite_as_well(
    tmp_path: Path, chorus: Chorus
) -> None:
    database = Database.open(Settings(home=tmp_path))
    chorus.enrol(database, NOW)
    one, *others = [signed(voice) for voice in chorus.voices]
    assert report_batches.store(database, [one]) == [Outcome.STORED]
    expected = [Outcome.THERE, Outcome.STORED, Outcome.STORED]
    assert report_batches.store(database, [one, *others]) == expected
    database.close()


def test_a_connection_that_is_lost_is_followed_by_another(
    database: Database, chorus: Chorus
) -> None:
    one, two, three = chorus.voices
    report_batches.store(database, [signed(one)])
    for pid in pids(database):
        shared().execute(f"SELECT pg_terminate_backend({pid})")
    with pytest.raises(Unavailable):
        report_batches.store(database, [signed(two)])
    assert report_batches.store(database, [signed(two), signed(three)]) == [Outcome.STORED] * 2
    assert stored(database) == 3


def test_a_batch_asks_once_and_needs_no_other_connection(
    database: Database, chorus: Chorus
) -> None:
    one, two, three = chorus.voices
    report_batches.store(database, [signed(one)])
    taken: list[str] = []
    event.listen(database.engine, "checkout", lambda *_: taken.append("checkout"))
    report_batches.store(database, [signed(two)])
    report_batches.store(database, [signed(three), signed(two)])
    assert taken == []
    assert stored(database) == 3


def test_of_statements_of_one_trip_all_are_committed_or_none(database: Database) -> None:
    add = "INSERT INTO client (id, created_at, language) VALUES (%(name)s, now(), '')"
    wrong = ("SELECT 1 / %(zero)s", {"zero": 0})
    with pytest.raises(Exception, match="division by zero"), database.adding() as connection:
        in_one_trip(connection, [(add, {"name": "x"}), wrong])
    with database.adding() as connection:
        in_one_trip(connection, [(add, {"name": "y"}), ("SELECT 1", {})])
    with database.reading() as session:
        names = session.connection().execute(text("SELECT id FROM client")).scalars().all()
    assert {"x", "y"} & set(names) == {"y"}


def test_who_joins_keeps_batches_waiting_and_they_leave_no_lock(
    database: Database, chorus: Chorus
) -> None:
    outcomes: list[Outcome] = []
    batch = [signed(chorus.voices[0])]
    with Session(database.engine) as joining:
        joining.execute(select(func.pg_advisory_xact_lock(STORING)))
        thread = threading.Thread(
            target=lambda: outcomes.extend(report_batches.store(database, batch))
        )
        thread.start()
        thread.join(0.5)
        assert thread.is_alive() and outcomes == []
        joining.execute(
            text("UPDATE site SET place_base = 10 WHERE id = :it"), {"it": "site-000000"}
        )
        joining.commit()
    thread.join(15)
    assert outcomes == [Outcome.STORED]
    with database.reading() as session:
        assert session.scalar(select(Receipt.place)) == 11  # as it is after the joining
    with Session(database.engine) as joining:
        assert joining.scalar(select(func.pg_try_advisory_xact_lock(STORING)))
