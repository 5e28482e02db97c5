"""A record in the transaction that it tells of, or neither."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlmodel import text, update

from distribution import audit
from distribution.audit import chain, log
from distribution.audit.log import AuditRecord
from distribution.audit.records import NotNoted, shown
from distribution.audit.tables import AuditRow
from distribution.control.control_tables import BrakeRow, EventRow
from distribution.database.sessions import Database
from distribution.database.tables import Client, Invitation
from tests.simulators.house import House

ADD = audit.Deed("ani", "client.add", "client toko")


def records(database: Database) -> list[AuditRecord]:
    """All of them."""
    with database.reading() as session:
        return log.page(session, 0, 1000)


def newest(house: House) -> AuditRecord:
    """The last one."""
    return records(house.database)[-1]


def changes(record: AuditRecord) -> dict[str, dict[str, list[Any]]]:
    """By table and key, what changed."""
    return {f"{row['table']} {row['key']}": row["columns"] for row in log.changes_in(record)}


def test_a_change_without_a_deed_is_refused_before_it_commits(house: House) -> None:
    before = records(house.database)
    with (
        pytest.raises(NotNoted, match="client changed and no deed was noted"),
        house.database.writing() as session,
    ):
        session.add(Client(id="toko", created_at=house.clock.now))
    with house.database.reading() as session:
        assert session.get(Client, "toko") is None
    assert records(house.database) == before


def test_a_record_says_who_did_what_and_what_changed(house: House) -> None:
    deed = audit.Deed("ani", "client.add", "client toko", "they signed", "l1", "req-1")
    with house.database.writing() as session:
        session.add(Client(id="toko", created_at=house.clock.now))
        audit.note(session, deed, house.clock.now)
    record = newest(house)
    assert (record.actor, record.action, record.about) == ("ani", "client.add", "client toko")
    assert (record.reason, record.role, record.request) == ("they signed", "l1", "req-1")
    moment = "2026-11-25T02:00:00.000000Z"
    assert record.at == moment
    made = {"created_at": [None, moment], "id": [None, "toko"], "language": [None, ""]}
    assert changes(record) == {"client toko": made}


def test_a_change_has_what_was_there_before_and_a_deletion_what_is_gone(house: House) -> None:
    now = house.clock.now
    with house.database.writing() as session:
        row = BrakeRow(scope="global", by="ani", at=now, reason="rain")
        session.add(row)
        audit.note(session, audit.Deed("ani", "brake.on", "brake"), now)
    with house.database.writing() as session:
        found = session.get_one(BrakeRow, row.id)
        found.off_by, found.off_at = "budi", now
        session.add(found)
        audit.note(session, audit.Deed("budi", "brake.off", "brake"), now)
    key = f"brakerow {row.id}"
    off = changes(newest(house))[key]
    assert off == {"off_by": ["", "budi"], "off_at": [None, "2026-11-25T02:00:00.000000Z"]}
    with house.database.writing() as session:
        session.delete(session.get_one(BrakeRow, row.id))
        audit.note(session, audit.Deed("budi", "brake.forget", "brake"), now)
    gone = changes(newest(house))[key]
    assert gone["reason"] == ["rain", None]
    assert gone["off_by"] == ["budi", None]


def test_a_column_that_changes_twice_keeps_the_first_and_the_last(house: House) -> None:
    with house.database.writing() as session:
        row = BrakeRow(scope="global", by="ani", at=house.clock.now, reason="rain")
        for reason in ("rain", "snow", "sun"):
            row.reason = reason
            session.add(row)
            session.flush()
        audit.note(session, audit.Deed("ani", "brake.on", "brake"), house.clock.now)
        row.reason = "night"
        session.add(row)
    assert changes(newest(house))[f"brakerow {row.id}"]["reason"] == [None, "night"]


def test_of_several_deeds_each_has_what_changed_before_it_and_the_last_the_rest(
    house: House,
) -> None:
    with house.database.writing() as session:
        for name in ("toko", "kedai"):
            session.add(Client(id=name, created_at=house.clock.now))
            audit.note(session, audit.Deed("ani", "client.add", f"client {name}"), house.clock.now)
        session.add(Client(id="warteg", created_at=house.clock.now))
    *_, one, other = records(house.database)
    assert list(changes(one)) == ["client toko"]
    assert list(changes(other)) == ["client kedai", "client warteg"]


def test_a_deed_that_changes_no_row_is_recorded_too(house: House) -> None:
    with house.database.writing() as session:
        audit.note(session, audit.Deed("ani", "media.export", "site warung-1"), house.clock.now)
    assert newest(house).changes == ""


def test_long_values_are_hashed_and_short_hashes_stay_as_they_are() -> None:
    long = "x" * 1025
    assert shown(long) == f"sha256:{hashlib.sha256(long.encode()).hexdigest()}"
    assert shown(b"\0") == f"sha256:{hashlib.sha256(bytes(1)).hexdigest()}"
    assert shown("9f" * 32) == "9f" * 32
    assert [shown(value) for value in (None, True, 7, 1.5)] == [None, True, 7, "1.5"]


def test_what_machines_keep_for_themselves_needs_no_deed(house: House) -> None:
    before = records(house.database)
    site = house.site("warung-1")
    after_enrolling = records(house.database)
    house.clock.forward(300)
    site.check_in()
    house.tick()
    assert len(after_enrolling) == len(before) + 2
    assert [r.action for r in records(house.database)[len(after_enrolling) :]] == ["audit.make_key"]


def test_an_audited_table_is_not_changed_by_statements_that_show_nobody_what(
    house: House,
) -> None:
    with (
        pytest.raises(NotNoted, match="invitation is audited"),
        house.database.writing() as session,
    ):
        audit.note(session, ADD, house.clock.now)
        session.exec(update(Invitation).values(site_id="mine"))
    with pytest.raises(NotNoted, match="plain SQL"), house.database.writing() as session:
        audit.note(session, ADD, house.clock.now)
        session.exec(text("DELETE FROM invitation"))  # type: ignore[call-overload]
    with house.database.writing() as session:
        session.exec(update(EventRow).values(detail=""))


def test_no_code_of_ours_changes_a_record(house: House) -> None:
    seq = newest(house).seq
    before = records(house.database)
    with pytest.raises(NotNoted, match="written once"), house.database.writing() as session:
        session.get_one(AuditRow, seq).actor = "budi"
    with pytest.raises(NotNoted, match="written once"), house.database.writing() as session:
        session.delete(session.get_one(AuditRow, seq))
    with pytest.raises(NotNoted, match="auditrow"), house.database.writing() as session:
        session.exec(update(AuditRow).values(actor="budi"))
    assert records(house.database) == before


def test_a_crash_before_the_end_leaves_neither_the_change_nor_the_record(house: House) -> None:
    before = records(house.database)
    with pytest.raises(ZeroDivisionError), house.database.writing() as session:
        session.add(Client(id="toko", created_at=house.clock.now))
        audit.note(session, ADD, house.clock.now)
        raise ZeroDivisionError
    assert records(house.database) == before
    with house.database.reading() as session:
        assert session.get(Client, "toko") is None


def test_there_are_no_savepoints_whose_undoing_a_record_would_not_see(house: House) -> None:
    with pytest.raises(NotNoted, match="as a whole"), house.database.writing() as session:
        session.begin_nested()


def test_nothing_is_noted_in_a_session_that_cannot_write(house: House) -> None:
    with (
        house.database.reading() as session,
        pytest.raises(NotNoted, match=r"client\.add"),
    ):
        audit.note(session, ADD, house.clock.now)


def test_many_writers_make_one_chain_without_gaps(house: House) -> None:
    def write(number: int) -> None:
        with house.database.writing() as session:
            session.add(Client(id=f"client-{number}", created_at=house.clock.now))
            audit.note(session, ADD, house.clock.now)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(64)))
    with house.database.reading() as session:
        found = chain.verify(log.walk(session), {})
    assert found.findings == ()
    assert found.records >= 64


def test_pages_follow_each_other_and_can_be_narrowed_down(house: House) -> None:
    for actor, action in (("ani", "brake.on"), ("budi", "brake.off"), ("ani", "rollout.pause")):
        with house.database.writing() as session:
            audit.note(session, audit.Deed(actor, action, "50%_off"), house.clock.now)
    with house.database.reading() as session:
        everything = log.page(session, 0, 1000)
        assert log.page(session, everything[0].seq, 2) == everything[1:3]
        assert log.last(session, 2) == everything[-2:]
        assert [r.actor for r in log.last(session, 9, log.Filter(action="brake"))] == [
            "ani",
            "budi",
        ]
        found = log.last(session, 9, log.Filter("ani", "rollout.pause", "50%_"))
        assert found == everything[-1:]
        assert log.last(session, 9, log.Filter(about="50_")) == []


def test_changes_are_json_that_a_record_keeps_as_it_was_hashed(house: House) -> None:
    house.site("warung-1")
    for record in records(house.database):
        assert record.hash == chain.digest(chain.values_of(record))
        assert not record.changes or json.loads(record.changes)
