"""Whether what this process remembers is still what the database has, asked at every request.

SQLite says for two microseconds whether anybody has committed anything; then one number is read
that only changes with what matters (``change_stamps``). So it is exact there. PostgreSQL calls out;
who hears nothing believes that for a few seconds only, after which the number is read again.
"""

import logging
import sqlite3
import threading
import time
from typing import Protocol

from distribution.database import engines
from distribution.database.sessions import Database
from distribution.errors import Unavailable
from distribution.quick.change_stamps import CHANNEL

log = logging.getLogger(__name__)

BELIEVED_SECONDS = 5.0
RETRY_SECONDS = 1.0


class Watch(Protocol):
    """One of the two."""

    def is_current(self, number: int) -> bool:
        """Whether the change stamp is surely this; asked by the thread that answers."""
        ...

    def about_to_read(self) -> None:
        """The number is about to be read: what is heard from now on is news."""
        ...

    def was_read(self) -> None:
        """It was read just now."""
        ...

    def close(self) -> None:
        """End."""
        ...


def of(database: Database) -> Watch:
    """The one for this database."""
    if engines.is_postgres(database.engine):
        return PostgresWatch(database)
    return SqliteWatch(str(database.engine.url.database))


class SqliteWatch:
    """A connection that only looks; it never waits."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False
        )
        self._version, self._number = -1, -1

    def is_current(self, number: int) -> bool:
        """Whether the change stamp is surely this."""
        try:
            version = self._connection.execute("PRAGMA data_version").fetchall()[0][0]
            if version != self._version:
                found = self._connection.execute("SELECT number FROM changestamp").fetchall()
                self._number, self._version = found[0][0] if found else 0, version
        except sqlite3.Error:
            return False  # busy: for this once it is looked up
        return bool(self._number == number)

    def about_to_read(self) -> None:
        """Nothing to do: it is asked at every request."""

    def was_read(self) -> None:
        """The same."""

    def close(self) -> None:
        """End."""
        self._connection.close()


class PostgresWatch:
    """A thread that listens; without its connection nothing is current."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ending = threading.Event()
        self._listening = False
        self._has_heard = True
        self._read_at = 0.0
        self._thread = threading.Thread(target=self._run, name="change-watch", daemon=True)
        self._thread.start()

    def is_current(self, number: int) -> bool:
        """Whether the change stamp is surely what it was when it was last read."""
        is_recent = time.monotonic() - self._read_at < BELIEVED_SECONDS
        return self._listening and not self._has_heard and is_recent

    def about_to_read(self) -> None:
        """What is heard from now on is news."""
        self._has_heard = False

    def was_read(self) -> None:
        """It was read just now."""
        self._read_at = time.monotonic()

    def close(self) -> None:
        """End."""
        self._ending.set()
        self._thread.join(RETRY_SECONDS * 5)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                for calls in engines.heard(self._database.engine, CHANNEL, RETRY_SECONDS):
                    if self._ending.is_set():
                        return
                    # The first time too: nobody has listened before.
                    self._has_heard = self._has_heard or calls or not self._listening
                    self._listening = True
            except Unavailable as error:
                log.warning("not listening to the database: %s", error)
            finally:
                self._listening = False
            self._ending.wait(RETRY_SECONDS)
