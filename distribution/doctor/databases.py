"""The database: its tables, whether it keeps what it acknowledges, its room, its queue."""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from distribution.database import schema
from distribution.database.engines import is_postgres
from distribution.database.tables import Receipt
from distribution.doctor.findings import Context, Finding, broken, warning

OLDEST_POSTGRES = 14
LONGEST_QUEUE = timedelta(minutes=5)
LARGE_SQLITE, LARGE_POSTGRES = 10 * 10**9, 500 * 10**9
LONG_LOG = 10**9
"""Of bytes; SQLite takes its log into the file again after 4 MB, unless somebody reads."""
SPARE_CONNECTIONS = 2
"""Processes of ours that must still find room: one server that starts while another one ends."""


def tables(context: Context) -> Iterator[Finding]:
    """Of this program's revision."""
    found = schema.state(context.connected.engine)
    mend = schema.next_step(found)
    if not schema.is_fit(found):
        was = f"of revision {found.revision}" if found.revision else "none, or of release 0.1.0"
        yield broken("database.tables", f"the tables are {was}; servers refuse them", mend)
    elif mend:
        says = f"the tables are of revision {found.revision}, an older one that still works"
        yield warning("database.tables", says, mend)


def durability(context: Context) -> Iterator[Finding]:
    """What is acknowledged must survive a power cut."""
    if not is_postgres(context.connected.engine):
        mode = _value(context, "PRAGMA journal_mode")
        if mode != "wal":
            says = f"SQLite's journal is {mode}, not wal: is the home on a network's disk?"
            yield broken("database.durability", says, "move the home to a local disk")
        return
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        found = _value(context, f"SHOW {name}")
        if found == "off" or (name == "synchronous_commit" and found == "local"):
            says = f"PostgreSQL has {name} = {found}: reports that were acknowledged can be lost"
            mend = f"set {name} = on, for the server, the database and the role"
            yield broken("database.durability", says, mend)


def release(context: Context) -> Iterator[Finding]:
    """One that is still looked after."""
    if is_postgres(context.connected.engine):
        number = int(_value(context, "SHOW server_version_num")) // 10_000
        if number < OLDEST_POSTGRES:
            says = f"PostgreSQL {number} gets no security updates any more"
            yield warning("database.release", says, f"upgrade to {OLDEST_POSTGRES} or newer")


def isolation(context: Context) -> Iterator[Finding]:
    """Writers take turns, and that works as PostgreSQL comes."""
    if is_postgres(context.connected.engine):
        found = _value(context, "SHOW default_transaction_isolation")
        if found != "read committed":
            says = f"default_transaction_isolation is {found}: writers that wait would fail"
            mend = "reset it for the database and the role: ALTER ROLE ... RESET"
            yield broken("database.isolation", says, mend)


def connections(context: Context) -> Iterator[Finding]:
    """Room for the connections that our settings ask for."""
    if is_postgres(context.connected.engine):
        most = int(_value(context, "SHOW max_connections"))
        used = int(_value(context, "SELECT count(*) FROM pg_stat_activity"))
        wanted = SPARE_CONNECTIONS * context.settings.database_connections
        if most - used < wanted:
            says = f"{used} of {most} connections are taken; a server may ask for {wanted} more"
            mend = "raise max_connections, lower database_connections, or put a pooler in front"
            yield warning("database.connections", says, mend)


def queue(context: Context) -> Iterator[Finding]:
    """Reports that were stored and are not worked on."""
    with context.database.reading() as session:
        oldest, count = _waiting(session)
        failed = select(func.count()).where(col(Receipt.processed_at).is_(None), Receipt.tries > 0)
        tried = session.exec(failed).one()
    if tried:
        says = f"{tried} reports could not be worked on: their failures are unexplained"
        mend = "the scheduler's log says why; it tries them again by itself"
        yield broken("database.queue", says, mend)
    elif oldest is not None and context.now - oldest > LONGEST_QUEUE:
        says = f"{count} reports wait, the oldest since {oldest:%Y-%m-%d %H:%M} UTC"
        mend = "see that a scheduler runs ('hsp serve' or 'hsp schedule'), and what its log says"
        yield warning("database.queue", says, mend)


def _waiting(session: Session) -> tuple[datetime | None, int]:
    wanted = select(func.min(Receipt.received_at), func.count())
    return session.exec(wanted.where(col(Receipt.processed_at).is_(None))).one()


def size(context: Context) -> Iterator[Finding]:
    """One that has outgrown its engine or its disk, and a log of SQLite's that never ends."""
    if is_postgres(context.connected.engine):
        found = int(_value(context, "SELECT pg_database_size(current_database())"))
        if found > LARGE_POSTGRES:
            says = f"the database has {_gb(found)}: {', '.join(_largest(context))}"
            mend = "let its disk grow in time; over several estates it is smaller: docs/scale.md"
            yield warning("database.size", says, mend)
        return
    file = Path(str(context.connected.engine.url.database))
    log = file.with_name(f"{file.name}-wal")
    found, waits = file.stat().st_size, log.stat().st_size if log.exists() else 0
    if found > LARGE_SQLITE:
        says = f"SQLite's file has {_gb(found)}, and one process at a time writes to it"
        mend = "move to PostgreSQL: hsp backup, HSP_DATABASE_URL, hsp restore (docs/operator.md)"
        yield warning("database.size", says, mend)
    if found > shutil.disk_usage(file.parent).free:
        says = f"the database has {_gb(found)}, and less than that is free on its disk"
        mend = "make room: an upgrade of its tables or a restore needs as much again for a while"
        yield warning("database.size", says, mend)
    if waits > LONG_LOG:
        says = f"SQLite's log, {log.name}, has {_gb(waits)}: somebody has been reading for long"
        mend = "end what holds it open (a copy, a shell); 'lsof' on the file names it"
        yield warning("database.size", says, mend)


def _largest(context: Context) -> Iterator[str]:
    """The three largest tables, with their indexes."""
    wanted = (
        "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables"
        " ORDER BY 2 DESC LIMIT 3"
    )
    with context.connected.reading() as session:
        for name, taken in session.connection().execute(text(wanted)):
            yield f"{name} {_gb(taken)}"


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def vacuum(context: Context) -> Iterator[Finding]:
    """Rows are written anew at every check-in: what they were must be cleared away."""
    if is_postgres(context.connected.engine) and _value(context, "SHOW autovacuum") == "off":
        says = "autovacuum is off: tables grow without end, and queries slow down"
        yield broken("database.vacuum", says, "set autovacuum = on, and run VACUUM ANALYZE once")


def _value(context: Context, question: str) -> str:
    with context.connected.reading() as session:
        return str(session.connection().execute(text(question)).scalar())


CHECKS = (
    ("database.tables", tables),
    ("database.durability", durability),
    ("database.release", release),
    ("database.isolation", isolation),
    ("database.connections", connections),
    ("database.size", size),
    ("database.vacuum", vacuum),
    ("database.queue", queue),
)
