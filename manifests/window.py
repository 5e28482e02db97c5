"""Maintenance windows, blackouts, and what they mean in absolute time.

A window is a local wall-clock rule (RFC 5545 RRULE, IANA zone) with an *elapsed* duration, never
a UTC offset. An occurrence whose start falls in a DST gap begins at the first valid instant; one
whose start happens twice begins at the first. Nothing is ever added to a local datetime.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrule, rruleset, rrulestr
from pydantic import AfterValidator, Field, model_validator

from manifests.documents import Part, UtcDatetime

HORIZON = timedelta(days=397)
"""A window must open within 13 months, or it never will in any useful sense."""

MAX_DURATION_SECONDS = 7 * 24 * 3600


def _iana_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone such as 'Asia/Jakarta'") from error
    return name


ZoneName = Annotated[str, AfterValidator(_iana_zone)]


@dataclass(frozen=True)
class Opening:
    """One occurrence of a window in absolute time."""

    start: datetime
    end: datetime
    latest_start: datetime
    """Nothing starts from here on, so that it is not cut off by the end."""


class MaintenanceWindow(Part):
    """A recurring time in which a site lets itself be changed.

    Attributes:
        starts: the first start on the local wall clock, ``YYYY-MM-DDTHH:MM[:SS]`` without zone.
        rule: an RRULE such as ``FREQ=WEEKLY;BYDAY=SA``; empty for one occurrence.
        cutoff_seconds: nothing starts in the last so many seconds.
    """

    name: Annotated[str, Field(max_length=80)] = "maintenance window"
    zone: ZoneName
    starts: Annotated[datetime, Field(strict=False)]
    rule: Annotated[str, Field(max_length=500)] = ""
    duration_seconds: Annotated[int, Field(ge=1, le=MAX_DURATION_SECONDS)]
    cutoff_seconds: Annotated[int, Field(ge=0, le=MAX_DURATION_SECONDS)] = 0

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.starts.tzinfo is not None:
            raise ValueError("starts is a local wall-clock time and carries no offset; name a zone")
        if self.cutoff_seconds >= self.duration_seconds:
            raise ValueError("the cutoff leaves no time in which anything may start")
        _rule(self.rule, self.starts)
        return self

    def openings(self, after: datetime) -> Iterator[Opening]:
        """The occurrences that end after ``after``, in order."""
        duration = timedelta(seconds=self.duration_seconds)
        slack = duration + timedelta(days=2)  # a zone's offset and a gap are both under a day
        local_after = after.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None) - slack
        for local in _rule(self.rule, self.starts).xafter(local_after, inc=True):
            start = first_instant(local, self.zone)
            if start + duration > after:
                cutoff = timedelta(seconds=self.cutoff_seconds)
                yield Opening(start, start + duration, start + duration - cutoff)

    def opens_within(self, horizon: timedelta, now: datetime) -> bool:
        """Whether it is open, or opens, between ``now`` and ``now + horizon``."""
        opening = next(self.openings(now), None)
        return opening is not None and opening.start <= now + horizon


class Blackout(Part):
    """A time in which a site must not be changed; it wins over every window."""

    name: Annotated[str, Field(max_length=200)] = "blackout"
    starts_at: UtcDatetime
    ends_at: UtcDatetime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise ValueError("a blackout ends after it starts")
        return self


def first_instant(local: datetime, zone: str) -> datetime:
    """The absolute time of a local wall-clock time: the first one, or the end of the gap."""
    tz = ZoneInfo(zone)
    moment = local.replace(tzinfo=tz, fold=0).astimezone(UTC)
    if moment.astimezone(tz).replace(tzinfo=None) == local:
        return moment
    # In a gap, fold=0 answers with the offset of before the gap, which lies after it by as much
    # as ``local`` lies behind its start. The gap's end is where the zone changes its offset.
    low, high = moment - timedelta(days=1), moment
    before = low.astimezone(tz).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(tz).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def current_or_next(
    windows: Sequence[MaintenanceWindow],
    blackouts: Sequence[Blackout],
    needed: timedelta,
    now: datetime,
    *,
    tries: int = 100,
) -> Opening | None:
    """The first opening, from ``now`` on, in which something that takes ``needed`` may start.

    The union of the windows, minus the blackouts. If the answer's start is not after ``now``, it
    may start now. None: nothing within 13 months.
    """
    candidates = (
        opening for window in windows for opening in _usable(window, blackouts, needed, now, tries)
    )
    return min(candidates, key=lambda opening: opening.start, default=None)


def _usable(
    window: MaintenanceWindow,
    blackouts: Sequence[Blackout],
    needed: timedelta,
    now: datetime,
    tries: int,
) -> Iterator[Opening]:
    """The first usable opening of one window, if there is one."""
    after = now
    for _ in range(tries):
        opening = next(window.openings(after), None)
        if opening is None or opening.start > now + HORIZON:
            return
        for start, end in _free(max(opening.start, now), opening.end, blackouts):
            latest = min(end - needed, opening.latest_start)
            if start <= latest:
                yield Opening(start, end, latest)
                return
        covering = (b.ends_at for b in blackouts if b.starts_at < opening.end)
        after = max([opening.end, *covering])


def _free(
    start: datetime, end: datetime, blackouts: Sequence[Blackout]
) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of [start, end) that no blackout covers."""
    for blackout in sorted(blackouts, key=lambda b: b.starts_at):
        if blackout.ends_at <= start or blackout.starts_at >= end:
            continue
        if blackout.starts_at > start:
            yield start, blackout.starts_at
        start = max(start, blackout.ends_at)
    if start < end:
        yield start, end


@lru_cache(maxsize=256)
def _rule(rule: str, starts: datetime) -> rrule | rruleset:
    if not rule:
        return rrule(freq=0, count=1, dtstart=starts)
    if "\n" in rule or "UNTIL" in rule.upper():
        raise ValueError("a rule is one RRULE line, without UNTIL: end it with a blackout")
    try:
        return rrulestr(rule, dtstart=starts)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{rule!r} is not an RRULE such as 'FREQ=WEEKLY;BYDAY=SA'") from error
