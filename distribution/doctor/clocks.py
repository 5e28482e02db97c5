"""Whether this machine, the database and the store agree on what time it is.

Schedulers take over from each other by the clock, sites compare ours with theirs, and what is
signed says when it ends.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from sqlalchemy import text

from distribution.database.engines import is_postgres
from distribution.doctor.findings import Context, Finding, broken, unknown, warning
from distribution.repository.bucket import S3Store

TOLERATED_SECONDS = 3.0
"""A header of HTTP has whole seconds, and takes a while."""
WRONG_SECONDS = 30.0
_MEND = "let chrony or systemd-timesyncd keep the clocks of all machines, this one first"


def store_clock(context: Context) -> Iterator[Finding]:
    """The store's, by the date of its answer."""
    if isinstance(context.store, S3Store):
        answer = context.store.asked("head_bucket") or {}
        said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        if not said:
            yield unknown("clocks.store", "the store does not say what time it is", _MEND)
            return
        yield from compared("clocks.store", "the store", parsedate_to_datetime(said), context.now)


def database_clock(context: Context) -> Iterator[Finding]:
    """The database's, where it is a machine of its own."""
    if is_postgres(context.connected.engine):
        with context.connected.reading() as session:
            there = session.connection().execute(text("SELECT clock_timestamp()")).scalar()
        assert isinstance(there, datetime)  # noqa: S101 - PostgreSQL's own type
        yield from compared("clocks.database", "the database", there, context.now)


def compared(check: str, whose: str, there: datetime, here: datetime) -> Iterator[Finding]:
    """How far two clocks are from each other."""
    apart = (there.astimezone(UTC) - here).total_seconds()
    if abs(apart) <= TOLERATED_SECONDS:
        return
    ahead = "ahead of" if apart > 0 else "behind"
    says = f"the clock of {whose} is {abs(apart):.0f} seconds {ahead} this machine's"
    yield (broken if abs(apart) > WRONG_SECONDS else warning)(check, says, _MEND)


CHECKS = (("clocks.store", store_clock), ("clocks.database", database_clock))
