"""What an estate of a test keeps its rows in: SQLite in its home, or a database of its own.

``HSP_TEST_DATABASE=postgresql`` puts all of them on the PostgreSQL of this process; tests that are
marked ``both_databases`` set it themselves.
"""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from distribution.settings import Settings
from tests.simulators.postgres import POSTGRES_BIN, shared

VARIABLE = "HSP_TEST_DATABASE"
_LEFT: list[str] = []
_MOST_LEFT = 10


def discard(settings: Settings) -> None:
    """A test has come to its end: its database is not needed any more."""
    if settings.database_url:
        _LEFT.append(settings.database_url)
        if len(_LEFT) >= _MOST_LEFT:
            while _LEFT:
                shared().drop(_LEFT.pop())


def written(settings: Settings) -> bytes:
    """All that a server's database holds: SQLite's files, or what PostgreSQL gives out."""
    if not settings.database_url:
        return b"".join(part.read_bytes() for part in sorted(settings.home.glob("hsp.db*")))
    command: list[str | Path] = [
        POSTGRES_BIN / "pg_dump",
        "--data-only",
        "--inserts",
        settings.database_url,
    ]
    return subprocess.run(command, capture_output=True, check=True).stdout


def keep_copy(settings: Settings) -> str:
    """A copy of a server's database, as a backup keeps it; nobody may be connected to it.

    Returns:
        What ``put_back`` takes.
    """
    if settings.database_url:
        return shared().new_database(settings.database_url.rpartition("/")[2])
    with closing(sqlite3.connect(settings.home / "hsp.db")) as live:
        live.execute(f"VACUUM INTO '{settings.home / 'backup.db'}'")
    return str(settings.home / "backup.db")


def put_back(settings: Settings, copy: str) -> None:
    """Put it in the place of the database."""
    if settings.database_url:
        name = settings.database_url.rpartition("/")[2]
        shared().drop(settings.database_url)
        shared().execute(f"ALTER DATABASE {copy.rpartition('/')[2]} RENAME TO {name}")
        return
    for file in settings.home.glob("hsp.db*"):
        file.unlink()
    shutil.move(copy, settings.home / "hsp.db")


def estate_database(like: str = "") -> str:
    """The ``database_url`` of a new estate: empty for SQLite in its home.

    Args:
        like: the address of one that it is to be a copy of.
    """
    if os.environ.get(VARIABLE, "sqlite") == "sqlite":
        return ""
    return shared().new_database(like.rpartition("/")[2])
