"""The database at its edges: what it promises, and what it says when it cannot."""

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlmodel import select

from distribution import audit
from distribution.database import engines
from distribution.database.sessions import Database, check_answers
from distribution.database.tables import Client
from distribution.errors import Misconfigured, Unavailable
from distribution.settings import Settings
from manifests.rollout import Ring
from tests.simulators.house import House

pytestmark = pytest.mark.both_databases

MOMENT = datetime(2026, 11, 25, 9, 0, tzinfo=timezone(timedelta(hours=7)))
ADDED = audit.Deed("ani", "client.add", "client warung")


def test_moments_come_back_aware_and_in_utc(house: House) -> None:
    with house.database.writing() as session:
        session.add(Client(id="warung", created_at=MOMENT))
        audit.note(session, ADDED, MOMENT)
    with house.database.reading() as session:
        found = session.get_one(Client, "warung").created_at
    assert found == MOMENT
    assert found.tzinfo is UTC


def test_a_naive_moment_is_a_mistake(house: House) -> None:
    naive = MOMENT.replace(tzinfo=None)
    with pytest.raises(Exception, match="has no time zone"), house.database.writing() as session:
        session.add(Client(id="warung", created_at=naive))


def test_a_transaction_is_whole_or_nothing(house: House) -> None:
    with pytest.raises(ZeroDivisionError), house.database.writing() as session:
        session.add(Client(id="warung", created_at=MOMENT))
        session.flush()
        raise ZeroDivisionError
    with house.database.reading() as session:
        assert session.exec(select(Client.id)).all() == []


def test_a_reader_does_not_wait_for_a_writer(house: House) -> None:
    with house.database.writing() as writer:
        writer.add(Client(id="warung", created_at=MOMENT))
        audit.note(writer, ADDED, MOMENT)
        with house.database.reading() as reader:
            assert reader.exec(select(Client.id)).all() == []


def test_a_writer_that_waits_too_long_is_told_to_try_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.1)
    impatient = Database.open(house.server.settings)
    with house.database.writing() as writer:
        writer.add(Client(id="warung", created_at=MOMENT))
        audit.note(writer, ADDED, MOMENT)
        with pytest.raises(Unavailable, match="lock"), impatient.writing():
            pass
    impatient.close()


def test_one_at_a_time_does_what_must_be_done_alone(house: House) -> None:
    inside, entered = threading.Event(), []

    def other() -> None:
        with house.database.alone("plan-app"):
            entered.append("other")

    with house.database.alone("plan-app"):
        thread = threading.Thread(target=other)
        thread.start()
        inside.wait(0.1)
        entered.append("first")
    thread.join(10)
    assert entered == ["first", "other"]


@pytest.mark.sqlite_only
def test_a_broken_file_is_a_sentence(house: House) -> None:
    house.database.close()
    for name in ("hsp.db-wal", "hsp.db-shm"):
        (house.server.settings.home / name).unlink(missing_ok=True)
    (house.server.settings.home / "hsp.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(Unavailable, match="not a database"):
        Database.open(house.server.settings)


@pytest.mark.parametrize("url", ["nonsense", "postgresql+nothing://x/y", "oracle://x/y"])
@pytest.mark.sqlite_only
def test_a_wrong_url_is_a_sentence(house: House, url: str) -> None:
    settings = Settings(home=house.server.settings.home, database_url=url)
    with pytest.raises(Misconfigured, match="database_url"):
        Database.open(settings)


def test_it_answers(house: House) -> None:
    check_answers(house.database)
    assert house.site(ring=Ring.PILOT).site_id == "site-0"
