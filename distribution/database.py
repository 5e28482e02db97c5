"""One way into the database: a session that reads, or one that writes and commits as a whole.

SQLite (the default) runs in WAL mode with ``synchronous=FULL``: what is committed survives a power
cut, which is what an acknowledged report promises. Writers take their turn at the beginning
(``BEGIN IMMEDIATE``), so that nobody finds out at the end that the ground has moved. PostgreSQL
comes by URL.

The only module that knows SQLAlchemy's errors.
"""

import fcntl
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    NoSuchModuleError,
    ProgrammingError,
    TimeoutError,
)
from sqlmodel import Session, SQLModel, create_engine, text

from distribution import (  # noqa: F401 - they fill the metadata
    calendar_tables,
    component_tables,
    control_tables,
    review_tables,
    tables,
)
from distribution.audit import tables as audit_tables  # noqa: F401 - they fill it too
from distribution.audit.session import AuditedSession
from distribution.desk import remote_tables  # noqa: F401 - and they
from distribution.desk import tables as desk_tables  # noqa: F401 - and they
from distribution.errors import Misconfigured, Unavailable
from distribution.notify import tables as notify_tables  # noqa: F401 - and they
from distribution.people import tables as people_tables  # noqa: F401 - and they
from distribution.settings import Settings

BUSY_SECONDS = 15
DATABASE_FILE = "hsp.db"

_WRITES = "hsp_writes"


Check = Callable[[Session], None]
"""What a transaction must hold to; it raises where it does not."""


class Database:
    """The engine and the two kinds of session over it."""

    def __init__(self, engine: Engine, locks: Path, check: Check | None = None) -> None:
        self.engine = engine
        self._writers = engine.execution_options(**{_WRITES: True})
        self._locks = locks
        self._check = check

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Connect, and make the tables that are missing.

        Raises:
            Misconfigured: there is no home, or no driver for the URL.
            Unavailable: the database does not answer.
        """
        if not settings.home.is_dir():
            raise Misconfigured(f"there is no server at {settings.home}", hint="run 'hsp init'")
        url = settings.database_url or f"sqlite:///{settings.home / DATABASE_FILE}"
        database = cls(_engine(url), settings.home)
        create_schema(database)
        return database

    def guarded(self, check: Check) -> "Database":
        """The same database, in which every transaction that writes begins with ``check``."""
        return Database(self.engine, self._locks, check)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent look; nothing is written.

        Raises:
            Unavailable: the database does not answer.
        """
        with _answers(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed and durable at the end, or nothing of it.

        Whoever changes what is audited notes who did it, see ``distribution.audit``.

        Raises:
            Unavailable: the database does not answer, or another writer kept it for too long.
        """
        with _answers(), AuditedSession(self._writers, expire_on_commit=False) as session:
            session.connection()  # takes the turn now, before anything is read
            if self._check is not None:
                self._check(session)
            yield session
            session.commit()

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Nobody else on this machine does ``what`` at the same time.

        For several machines this becomes PostgreSQL's advisory lock (issue 7).
        """
        name = re.sub(r"[^a-z0-9_-]", "_", what)
        with (self._locks / f".{name}.lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # given back with the file, however this ends
            yield

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


def create_schema(database: Database) -> None:
    """Make the tables that are missing. Alembic's migrations take this place in issue 7.

    SQLite remembers that they are there, so that not every command asks for each of them.

    Raises:
        Unavailable: the database does not answer.
    """
    is_sqlite, mark = database.engine.dialect.name == "sqlite", _schema_mark()
    if is_sqlite:
        with database.reading() as session:
            if session.connection().execute(text("PRAGMA user_version")).scalar() == mark:
                return
    with database.writing() as session:
        SQLModel.metadata.create_all(session.connection())
        if is_sqlite:
            session.connection().execute(text(f"PRAGMA user_version = {mark}"))


def _schema_mark() -> int:
    """A number that changes with the tables: 31 bits, as SQLite keeps them."""
    known = {each.name: each.columns.keys() for each in SQLModel.metadata.sorted_tables}
    return zlib.crc32(repr(known).encode()) >> 1


def check_answers(database: Database) -> None:
    """Ask the database for nothing.

    Raises:
        Unavailable: it does not answer.
    """
    with database.reading() as session:
        session.connection().execute(text("SELECT 1"))


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        try:
            return create_engine(url, pool_pre_ping=True)
        except (ImportError, ValueError, ArgumentError, NoSuchModuleError) as error:
            raise Misconfigured(f"database_url: {error}") from error
    engine = create_engine(
        url,
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
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _answers() -> Iterator[None]:
    try:
        yield
    except (ProgrammingError, DataError):
        raise  # a fault of ours, which trying again would not mend
    except (DBAPIError, TimeoutError) as error:
        # An IntegrityError too: somebody wrote the same row first, and the next try will see it.
        found = getattr(error, "orig", None) or error
        raise Unavailable(
            f"the database does not answer: {found}", hint="try again in a moment"
        ) from error
