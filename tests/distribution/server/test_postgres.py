"""Several processes on one PostgreSQL: who waits for whom, what is seen, what is told of an outage.

The server is this module's own, since it is stopped and killed.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError, InternalError, ProgrammingError
from sqlmodel import Session, col, func, select

from distribution import audit
from distribution.audit import chain
from distribution.audit.records import NotNoted
from distribution.audit.tables import AuditRow
from distribution.control.control_tables import EventRow, Lease
from distribution.database import engines, schema
from distribution.database.sessions import Database, check_answers
from distribution.database.tables import Client
from distribution.errors import Unavailable
from distribution.events import EventKind, tell
from distribution.settings import Settings
from manifests.install_report import Phase
from tests.simulators import estate as estates
from tests.simulators.estate_databases import VARIABLE
from tests.simulators.house import Clock, House
from tests.simulators.postgres import Postgres, memory
from tests.simulators.staff import api_of, token_of

NOW = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
WAIT = 30


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A server that may be stopped."""
    with Postgres(where=memory()) as running:
        yield running


@pytest.fixture
def url(postgres: Postgres) -> str:
    """A database with our tables."""
    return postgres.new_database()


@pytest.fixture
def connect(url: str, tmp_path: Path) -> Iterator[Callable[..., Database]]:
    """Another server's way into the same database."""
    opened: list[Database] = []

    def one(**changed: Any) -> Database:
        settings = Settings(home=tmp_path, database_url=url, **changed)
        opened.append(Database.open(settings))
        return opened[-1]

    yield one
    for each in opened:
        each.close()


@pytest.fixture
def database(connect: Callable[..., Database]) -> Database:
    """One server's."""
    return connect()


def add(session: Session, name: str) -> None:
    """A client, with the deed and an event."""
    session.add(Client(id=name, created_at=NOW))
    tell(session, EventKind.CHECK_IN, NOW, site_id=name)
    audit.note(session, audit.Deed("ani", "client.add", f"client {name}"), NOW)


def clients(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.exec(select(Client.id).order_by(col(Client.id))))


# --- whose turn it is


def test_writers_of_several_servers_take_turns_and_events_are_numbered_as_they_are_committed(
    database: Database, connect: Callable[..., Database]
) -> None:
    """Somebody who reads on from the newest number misses nothing; the log has one end."""
    servers, seen = [connect() for _ in range(3)], list[int]()

    def write(server: int) -> None:
        for number in range(25):
            with servers[server].writing() as session:
                add(session, f"{server}-{number}")

    with ThreadPoolExecutor(3) as pool:
        writing = [pool.submit(write, server) for server in range(3)]
        while not all(each.done() for each in writing) or len(seen) < 75:
            with database.reading() as session:
                wanted = select(EventRow.id).where(col(EventRow.id) > (seen[-1] if seen else 0))
                seen += [number or 0 for number in session.exec(wanted.order_by(col(EventRow.id)))]
            assert all(each.exception() is None for each in writing if each.done())
    with database.reading() as session:
        assert seen == session.exec(select(EventRow.id).order_by(col(EventRow.id))).all()
        records = session.exec(select(AuditRow).order_by(col(AuditRow.seq))).all()
    assert [record.seq for record in records] == list(range(1, 76))
    before = chain.BEGINNING
    for record in records:
        assert record.prev_hash == before
        before = record.hash


def test_threads_of_one_process_wait_for_their_turn_without_a_connection(
    connect: Callable[..., Database],
) -> None:
    database = connect(database_connections=4)

    def write(number: int) -> None:
        with database.writing() as session:
            add(session, f"client-{number:02}")
            assert database.engine.pool.checkedout() <= 2  # type: ignore[attr-defined]

    with ThreadPoolExecutor(24) as pool:
        list(pool.map(write, range(24)))
    assert len(clients(database)) == 24


def test_a_writer_sees_what_the_one_before_it_has_committed(database: Database) -> None:
    with database.writing() as session:
        session.add(Lease(work="counting", holder="", fence=0, until=NOW))

    def count(_: int) -> None:
        with database.writing() as session:
            row = session.get_one(Lease, "counting")
            row.fence += 1
            session.add(row)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(40)))
    with database.reading() as session:
        assert session.get_one(Lease, "counting").fence == 40


def test_whoever_waits_too_long_for_the_turn_is_told_to_try_again(
    connect: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = connect()
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.2)
    other = connect()
    with first.writing() as session:
        session.add(Lease(work="held", holder="x", fence=0, until=NOW))
        with pytest.raises(Unavailable, match="lock timeout"), other.writing():
            pass
        with pytest.raises(Unavailable, match="others write for too long"), first.writing():
            pass
    with other.writing() as session:
        assert session.get_one(Lease, "held").holder == "x"


def test_those_who_only_append_do_not_wait_for_the_writer(
    connect: Callable[..., Database],
) -> None:
    first, other = connect(), connect()
    with first.writing() as session:
        add(session, "warung")
        session.flush()
        with other.appending() as appended, first.appending() as too:
            appended.add(Lease(work="one", holder="", fence=0, until=NOW))
            too.add(Lease(work="two", holder="", fence=0, until=NOW))
    with pytest.raises(Unavailable), other.appending() as again:
        again.add(Lease(work="one", holder="", fence=0, until=NOW))
    with first.reading() as session:
        assert session.exec(select(func.count()).select_from(Lease)).one() == 2


def test_what_needs_the_turn_is_refused_to_those_who_append(database: Database) -> None:
    with pytest.raises(NotNoted, match="an event needs"), database.appending() as session:
        tell(session, EventKind.CHECK_IN, NOW)
    with pytest.raises(NotNoted, match="a deed needs"), database.appending() as session:
        session.add(Client(id="x", created_at=NOW))
        audit.note(session, audit.Deed("ani", "client.add", "client x"), NOW)
    assert clients(database) == []


def test_what_is_done_alone_is_done_alone_on_all_servers(
    connect: Callable[..., Database],
) -> None:
    first, other, inside, entered = connect(), connect(), threading.Event(), []

    def wait() -> None:
        with other.alone("deltas"):
            entered.append("other")

    with first.alone("deltas"), other.alone("reviews"), other.writing():
        thread = threading.Thread(target=wait)
        thread.start()
        inside.wait(0.3)
        entered.append("first")
    thread.join(WAIT)
    assert entered == ["first", "other"]


# --- what a reader sees


def test_a_reader_sees_one_moment_and_changes_nothing(database: Database) -> None:
    with database.reading() as session:
        assert session.exec(select(Client.id)).all() == []
        with database.writing() as writer:
            add(writer, "warung")
        assert session.exec(select(Client.id)).all() == []
    assert clients(database) == ["warung"]
    with pytest.raises(InternalError, match="read-only"), database.reading() as session:
        session.add(Lease(work="x", holder="", fence=0, until=NOW))
        session.flush()


# --- what is a fault of ours, and what only means "later"


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT * FROM nothing", ProgrammingError),
        ("SELECT 1/0", DataError),
        ("INSERT INTO site (id) VALUES ('x')", IntegrityError),
    ],
)
def test_a_fault_of_ours_is_not_told_as_an_outage(
    database: Database, statement: str, error: type[Exception]
) -> None:
    with pytest.raises(error), database.writing() as session:
        session.connection().execute(text(statement))


def test_a_statement_that_takes_too_long_is_ended(
    connect: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "STATEMENT_SECONDS", 0.2)
    impatient = connect()
    with (
        pytest.raises(Unavailable, match="statement timeout"),
        impatient.reading() as session,
    ):
        session.connection().execute(text("SELECT pg_sleep(20)"))
    check_answers(impatient)


def test_a_deadlock_is_told_to_try_again(
    database: Database, connect: Callable[..., Database]
) -> None:
    other, locked, told = connect(), threading.Barrier(2, timeout=WAIT), []
    with database.writing() as session:
        for name in ("a", "b"):
            session.add(Lease(work=name, holder="", fence=0, until=NOW))

    def change(one: Database, *names: str) -> None:
        try:
            with one.appending() as session:
                for number, name in enumerate(names):
                    row = session.exec(select(Lease).where(Lease.work == name).with_for_update())
                    row.one().fence += 1
                    if number == 0:
                        locked.wait()
        except Unavailable as error:
            told.append(error.message)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(change, (database, other), "ab", "ba"))
    assert len(told) == 1
    assert "deadlock" in told[0]


def test_when_no_connection_is_free_the_answer_is_to_try_again(
    connect: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.2)
    small = connect(database_connections=4)
    with small.reading() as a, small.reading() as b, small.reading() as c, small.reading() as d:
        for session in (a, b, c, d):
            session.connection()
        with pytest.raises(Unavailable, match="no connection is free"), small.reading() as session:
            session.connection()


# --- away, and back


def test_away_is_told_at_once_and_back_is_back(
    postgres: Postgres, connect: Callable[..., Database]
) -> None:
    database = connect()
    with database.writing() as session:
        add(session, "warung")
    postgres.stop()
    begin = time.monotonic()
    with pytest.raises(Unavailable), database.writing() as session:
        add(session, "never")
    with pytest.raises(Unavailable):
        clients(database)
    with pytest.raises(Unavailable), database.alone("deltas"):
        pass
    assert time.monotonic() - begin < WAIT
    postgres.start()
    assert clients(database) == ["warung"], "the first one after it finds a connection that works"


def test_every_route_says_when_to_come_again_while_it_is_away(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "this module's")  # no other test is to get a copy of this one
    monkeypatch.setattr(estates, "estate_database", lambda like="": postgres.new_database())
    house = House.build(tmp_path / "house", Clock())
    site, token = house.site(), token_of(house.database, "ani", house.clock.now)
    asked = {
        "/v1/reports": site.message(Phase.DOWNLOADING),
        "/v1/check-in": site.sign_of_life(),
        "/v1/enrol": b"x",
        "/v1/sites": None,
        "/v1/tickets": None,
        "/fleet": None,
    }
    with api_of(house.server, token) as client:
        postgres.stop()
        for path, body in asked.items():
            answer = client.get(path) if body is None else client.post(path, content=body)
            assert (answer.status_code, path) == (503, path)
            assert int(answer.headers["retry-after"]) > 0
        postgres.start()
        for path, body in asked.items():
            answer = client.get(path) if body is None else client.post(path, content=body)
            assert answer.status_code == (400 if path == "/v1/enrol" else 200), path
    house.database.close()


def test_a_transaction_in_a_crash_is_whole_or_nothing_and_what_was_committed_is_there(
    postgres: Postgres, connect: Callable[..., Database]
) -> None:
    database = connect()
    with database.writing() as session:
        add(session, "before")
    with pytest.raises(Unavailable), database.writing() as session:
        add(session, "half")
        session.flush()
        postgres.crash()
    postgres.start()
    with database.writing() as session:
        add(session, "after")
    assert clients(database) == ["after", "before"]


def test_the_lock_of_a_server_that_is_gone_is_free(
    postgres: Postgres, connect: Callable[..., Database], url: str, tmp_path: Path
) -> None:
    program = (
        "import sys, time; from pathlib import Path; from distribution.database.sessions import Database; "
        "from distribution.settings import Settings; "
        "d = Database.open(Settings(home=Path(sys.argv[1]), database_url=sys.argv[2])); "
        "a = d.alone('deltas'); a.__enter__(); w = d.writing(); w.__enter__(); "
        "print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), url], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate()
    database = connect()
    with database.alone("deltas"), database.writing() as session:
        add(session, "warung")
    assert clients(database) == ["warung"]


def test_the_address_may_be_written_as_others_write_it(url: str, tmp_path: Path) -> None:
    for scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        settings = Settings(home=tmp_path, database_url=url.replace("postgresql", scheme, 1))
        database = Database.open(settings)
        assert schema.state(database.engine).revision
        database.close()
