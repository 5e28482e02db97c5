"""The database: its tables, whether it keeps what it acknowledges, its room, its queue."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from distribution.database import schema
from distribution.database.engines import is_postgres
from distribution.database.tables import Receipt
from distribution.doctor.findings import Context, Finding, broken, warning

OLDEST_POSTGRES = 14
LONGEST_QUEUE = timedelta(minutes=5)
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


def _value(context: Context, question: str) -> str:
    with context.connected.reading() as session:
        return str(session.connection().execute(text(question)).scalar())


CHECKS = (
    ("database.tables", tables),
    ("database.durability", durability),
    ("database.release", release),
    ("database.isolation", isolation),
    ("database.connections", connections),
    ("database.queue", queue),
)
