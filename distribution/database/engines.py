"""The engines under ``database``: SQLite in the home, or PostgreSQL by URL.

SQLite runs in WAL mode with ``synchronous=FULL``: what is committed survives a power cut, which is
what an acknowledged report promises. PostgreSQL promises the same as long as nobody switches
``fsync`` or ``synchronous_commit`` off there.

The only module that knows the drivers' errors.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, TimeoutError

from distribution.errors import Invalid, Misconfigured, Unavailable

BUSY_SECONDS = 15
"""So long a writer waits for its turn, and anybody for a connection or a row."""
CONNECT_SECONDS = 5
STATEMENT_SECONDS = 60
"""PostgreSQL ends a statement of ours that takes longer."""

WRITES = "hsp_writes"
"""The option of an SQLite connection whose transaction takes the turn at its beginning."""
TURN = 0x68737061
"""PostgreSQL's advisory lock of whoever writes: the number means nothing."""

_ALONE = 0x6873
"""The first half of the advisory locks of ``Database.alone``."""

_POSTGRES = frozenset({"postgresql", "postgres", "postgresql+psycopg"})


def open_engine(url: str, connections: int) -> Engine:
    """The engine for an address; nothing is connected yet. At most ``connections`` at once.

    Raises:
        Misconfigured: it is no address of SQLite or PostgreSQL.
    """
    try:
        address = make_url(url)
        if address.drivername in _POSTGRES:
            return _postgres(address, connections)
        if address.drivername == "sqlite":
            return _sqlite(address)
    except (ImportError, ValueError, ArgumentError, NoSuchModuleError) as error:
        raise Misconfigured(f"database_url: {error}", hint=_HINT) from error
    raise Misconfigured(f"database_url: {address.drivername} is not known here", hint=_HINT)


_HINT = "leave it empty for SQLite, or write postgresql://user@host/database"


def _postgres(address: URL, connections: int) -> Engine:
    milliseconds = {
        "statement_timeout": STATEMENT_SECONDS * 1000,
        "lock_timeout": int(BUSY_SECONDS * 1000),
        "idle_in_transaction_session_timeout": STATEMENT_SECONDS * 1000,
    }
    engine = create_engine(
        address.set(drivername="postgresql+psycopg"),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        pool_pre_ping=True,  # after a restart of the database nobody gets a dead connection
        pool_use_lifo=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "target_session_attrs": "read-write",  # after a failover, the one that leads
            "application_name": "hsp",
            "options": " ".join(f"-c {name}={value}" for name, value in milliseconds.items()),
            # A machine that is gone without a word is noticed in half a minute.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 4,
            "tcp_user_timeout": 30_000,
        },
    )
    event.listen(engine, "begin", _begin_postgres)
    return engine


def _begin_postgres(connection: Connection) -> None:
    """Whoever writes takes the turn, and only then looks: each statement sees what is committed."""
    if connection.get_execution_options().get(WRITES):
        connection.execute(select(func.pg_advisory_xact_lock(TURN)))


def _sqlite(address: URL) -> Engine:
    engine = create_engine(
        address,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_size=8,
        max_overflow=56,  # more than the web server has threads: nobody waits for a connection
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; see _begin_sqlite
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def is_postgres(engine: Engine) -> bool:
    """Whether it is PostgreSQL."""
    return engine.dialect.name == "postgresql"


def reader_of(engine: Engine) -> Engine:
    """The engine with transactions that see one moment and change nothing.

    SQLite's are such by themselves, as long as they only read.
    """
    if not is_postgres(engine):
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@contextmanager
def advisory_lock(engine: Engine, what: str) -> Iterator[None]:
    """PostgreSQL's lock of this name, held by a connection that leaves the pool for it.

    It goes with the connection, however this ends. Waiting for it has no limit, as what is done
    alone may take minutes.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()
        connection.exec_driver_sql("SET lock_timeout = 0; SET statement_timeout = 0")
        connection.execute(select(func.pg_advisory_lock(_ALONE, zlib.crc32(what.encode()) >> 1)))
        yield


# --- errors

_SQLITE_AWAY = frozenset(
    {
        3,  # PERM
        5,  # BUSY
        6,  # LOCKED
        7,  # NOMEM
        8,  # READONLY
        10,  # IOERR
        11,  # CORRUPT
        13,  # FULL
        14,  # CANTOPEN
        15,  # PROTOCOL
        26,  # NOTADB
    }
)
_SQLITE_TAKEN = frozenset({1555, 2067, 2579})
"""PRIMARYKEY, UNIQUE, ROWID."""

_POSTGRES_AWAY = ("08", "28", "3D", "40", "53", "55006", "55P03", "57", "58")
"""How SQLSTATEs begin: connection, not let in, no such database, rollback (a deadlock), resources,
in use, locked, an operator's intervention (also a statement's time), the system."""
_POSTGRES_TAKEN = "23505"


@contextmanager
def answers() -> Iterator[None]:
    """Whatever means "away or busy" becomes ``Unavailable``; a fault of ours stays what it is.

    A value that must be unique and is there already is a busy one: somebody wrote the same row
    first, and the next try will see it.

    Raises:
        Invalid: a text has U+0000 in it, which PostgreSQL cannot keep.
        Unavailable: the database does not answer.
    """
    try:
        yield
    except TimeoutError as error:
        raise Unavailable("the database is busy: no connection is free", hint=_LATER) from error
    except DBAPIError as error:
        if _NUL in str(error.orig):
            raise Invalid("a text has the character U+0000 in it", hint="leave it out") from error
        if not _is_away(error):
            raise
        said = str(error.orig).strip().partition("\n")[0]
        hint = _COMPARE if any(words in said for words in _REFUSED) else _LATER
        raise Unavailable(f"the database does not answer: {said}", hint=hint) from error


_NUL = "cannot contain NUL"
"""In the words of PostgreSQL's driver, which gives this error no number."""
_LATER = "try again in a moment"
_REFUSED = ("does not exist", "authentication failed", "pg_hba.conf", "no password supplied")
"""In the words of PostgreSQL, which refuses connections without a number for the driver."""
_COMPARE = (
    "compare database_url, its passfile and pg_hba.conf; a new database is made by createdb, and a "
    "lost one is filled by 'hsp restore' (docs/operator.md)"
)


def _is_away(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    found: Any = error.orig
    sqlite = getattr(found, "sqlite_errorcode", None)
    if sqlite is not None:
        return bool(sqlite & 0xFF in _SQLITE_AWAY or sqlite in _SQLITE_TAKEN)
    state = getattr(found, "sqlstate", None)
    if state is not None:
        return bool(state == _POSTGRES_TAKEN or state.startswith(_POSTGRES_AWAY))
    # No connection came about, or it broke: the driver speaks for itself.
    return type(found).__name__ == "OperationalError"


# --- PostgreSQL calls out


def heard(engine: Engine, channel: str, seconds: float) -> Iterator[bool]:
    """Whether anything was called out on a channel: at once when it was, else after some seconds.

    The first time it comes as soon as somebody listens, by a connection that leaves the pool.

    Raises:
        Unavailable: the connection is lost; what was called out since then was not heard.
    """
    with answers(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        raw: Any = connection.connection.driver_connection
        connection.detach()
        connection.exec_driver_sql(f"LISTEN {channel}")
        yield False
        while True:
            try:
                calls = list(raw.notifies(timeout=seconds, stop_after=1))
                if not calls:  # whoever is gone without a word does not answer this
                    raw.execute("SELECT 1")
            except engine.dialect.loaded_dbapi.Error as error:
                raise Unavailable(f"the database does not answer: {error}", hint=_LATER) from error
            yield bool(calls)


def in_one_trip(
    connection: Connection, statements: Sequence[tuple[str, Mapping[str, Any]]]
) -> Sequence[Any]:
    """Run statements of PostgreSQL one after the other and wait once; the rows of the last.

    Each of them sees what was committed before it began, as always. On a connection that commits by
    itself all of them together are one transaction, which is durable when this returns.

    Raises:
        DBAPIError: as from the connection itself; of such a transaction nothing is there then.
    """
    raw: Any = connection.connection.driver_connection
    try:
        with raw.pipeline():
            cursors = [raw.execute(text, parameters) for text, parameters in statements]
        # Only behind the end of the pipeline, which is where PostgreSQL commits.
        rows: Sequence[Any] = cursors[-1].fetchall()
    except connection.dialect.loaded_dbapi.Error as error:
        text, parameters = statements[-1]
        raise DBAPIError.instance(
            text, dict(parameters), error, connection.dialect.loaded_dbapi.Error,
            connection_invalidated=raw.closed, dialect=connection.dialect,
        ) from error  # fmt: skip
    return rows
