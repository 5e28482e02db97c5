"""Connections of PostgreSQL that threads keep: each trip to the database is a transaction.

Taking a connection out of the pool, asking whether it lives, beginning and committing cost more
than a small insert itself. A thread that inserts all the time keeps its own instead. If that is
lost the insert fails, and the next one gets a new connection.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine


class KeptConnections:
    """One for each thread that asks, of the engine's pool."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._all: set[Connection] = set()

    @contextmanager
    def mine(self) -> Iterator[Connection]:
        """This thread's; whatever is raised here, the next one is a new one.

        Raises:
            DBAPIError: there is none to be had.
        """
        connection: Connection | None = getattr(self._mine, "connection", None)
        if connection is None or connection.closed:
            made = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection = self._mine.connection = made
            with self._lock:
                self._all.add(made)
        try:
            yield connection
        except BaseException:
            self._mine.connection = None
            with self._lock:
                self._all.discard(connection)
            connection.invalidate()
            connection.close()
            raise

    def close(self) -> None:
        """All of them; nobody is using one any more."""
        with self._lock:
            while self._all:
                self._all.pop().close()
