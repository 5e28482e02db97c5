"""Quiet hours on somebody's wall clock; pure."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def end_of_quiet(now: datetime, zone: str, begin: str, end: str) -> datetime | None:
    """When the quiet hours end that hold now; None if none do.

    Args:
        begin: with ``end`` as ``22:00``; they may go over midnight. Both empty: there are none.
    """
    if not begin:
        return None
    local = now.astimezone(ZoneInfo(zone))
    clock, starts, ends = local.time(), time.fromisoformat(begin), time.fromisoformat(end)
    if starts < ends:
        is_quiet, day = starts <= clock < ends, local.date()
    else:
        is_quiet = clock >= starts or clock < ends
        day = local.date() + timedelta(days=1 if clock >= starts else 0)
    if not is_quiet:
        return None
    over = datetime.combine(day, ends, ZoneInfo(zone)).astimezone(UTC)
    return max(over, now + timedelta(minutes=1))  # a night when the clock is put back lasts longer
