"""One way into the database: a session that reads, one that writes and commits as a whole, one that
only adds.

Whoever writes takes the turn at the beginning (SQLite: ``BEGIN IMMEDIATE``; PostgreSQL: an advisory
lock of the transaction, over all servers), so that nobody finds out at the end that the ground has
moved: there is one writer at a time, numbers of events appear in the order in which they are
committed, and the audit log has one end. Drivers and their errors are the business of ``engines``.
"""

import fcntl
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine
from sqlmodel import Session, text

from distribution.audit.session import AuditedSession
from distribution.database import engines, every_table, schema  # noqa: F401 - all of them
from distribution.database.engines import answers, is_postgres
from distribution.database.kept_connections import KeptConnections
from distribution.errors import Misconfigured, Unavailable
from distribution.settings import Settings

DATABASE_FILE = "hsp.db"

Check = Callable[[Session], None]
"""What a transaction must hold to; it raises where it does not."""


class Database:
    """The engine and the kinds of session over it."""

    def __init__(
        self,
        engine: Engine,
        locks: Path,
        check: Check | None = None,
        turn: "threading.Lock | None" = None,
    ) -> None:
        self.engine = engine
        self._readers = engines.reader_of(engine)
        self._writers = engine.execution_options(**{engines.WRITES: True})
        self._kept = KeptConnections(engine)
        self._locks = locks
        self._check = check
        # Of this process's writers one waits in the database, and the others without a connection.
        self._turn = turn or threading.Lock()

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Connect, and see to it that the tables are those that this program works with.

        Raises:
            Misconfigured: there is no home, the URL is wrong, or the tables are of another program.
            Unavailable: the database does not answer.
        """
        database = cls.connect(settings)
        schema.prepare(database.engine)
        return database

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """The same, whatever the tables are: for those who make, mend or copy them.

        Raises:
            Misconfigured: there is no home, or the URL is wrong.
        """
        if not settings.home.is_dir():
            raise Misconfigured(f"there is no server at {settings.home}", hint="run 'hsp init'")
        url = settings.database_url or f"sqlite:///{settings.home / DATABASE_FILE}"
        return cls(engines.open_engine(url, settings.database_connections), settings.home)

    def guarded(self, check: Check) -> "Database":
        """The same database, in which every transaction that writes begins with ``check``."""
        return Database(self.engine, self._locks, check, self._turn)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent look; nothing is written.

        Raises:
            Unavailable: the database does not answer.
        """
        with answers(), Session(self._readers, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed and durable at the end, or nothing of it.

        Whoever changes what is audited notes who did it, see ``distribution.audit``.

        Raises:
            Unavailable: the database does not answer, or another writer kept it for too long.
        """
        with (
            self._in_turn(),
            answers(),
            AuditedSession(self._writers, expire_on_commit=False) as session,
        ):
            session.connection()  # takes the turn now, before anything is read
            if self._check is not None:
                self._check(session)
            yield session
            session.commit()

    @contextmanager
    def appending(self) -> Iterator[Session]:
        """A transaction beside the writers': only for rows that a unique constraint keeps apart.

        On PostgreSQL many of them run at once, on SQLite it is ``writing``. What it looks at may
        change under it; it tells no event and does nothing that is audited.

        Raises:
            Unavailable: the database does not answer, or somebody has just added the same row.
        """
        if self._check is not None or not is_postgres(self.engine):
            with self.writing() as session:
                yield session
            return
        with answers(), AuditedSession(self.engine, expire_on_commit=False) as session:
            session.has_turn = False
            yield session
            session.commit()

    @contextmanager
    def adding(self) -> Iterator[Connection]:
        """The same for statements of which each stands alone: ``Ready.run`` gets the connection.

        On PostgreSQL what one of them has added is durable when it returns; on SQLite all of them
        are ``writing``, and durable at the end.

        Raises:
            Unavailable: as above.
        """
        if self._check is not None or not is_postgres(self.engine):
            with self.writing() as session:
                yield session.connection()
            return
        with answers(), self._kept.mine() as connection:
            yield connection

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=engines.BUSY_SECONDS):
            raise Unavailable(
                "the database is locked: others write for too long", hint="try again in a moment"
            )
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Nobody else does ``what`` at the same time: on this machine, with PostgreSQL anywhere.

        Raises:
            Unavailable: PostgreSQL does not answer.
        """
        if is_postgres(self.engine):
            with answers(), engines.advisory_lock(self.engine, what):
                yield
            return
        name = re.sub(r"[^a-z0-9_-]", "_", what)
        with (self._locks / f".{name}.lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # given back with the file, however this ends
            yield

    def close(self) -> None:
        """Let go of every connection."""
        self._kept.close()
        self.engine.dispose()


def check_answers(database: Database) -> None:
    """Ask the database for nothing.

    Raises:
        Unavailable: it does not answer.
    """
    with database.reading() as session:
        session.connection().execute(text("SELECT 1"))
