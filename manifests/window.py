"""Maintenance windows, blackouts, and what they mean in absolute time.

A window is a local wall-clock rule (RFC 5545 RRULE, IANA zone) with an *elapsed* duration, never
a UTC offset. An occurrence whose start falls in a DST gap begins at the first valid instant; one
whose start happens twice begins at the first. Nothing is ever added to a local datetime.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from manifests.documents import Part, UtcDatetime, in_range
from manifests.recurrence import check_rule, occurrences

HORIZON = timedelta(days=397)
"""A window must open within 13 months, or it never will in any useful sense."""

MAX_DURATION_SECONDS = 7 * 24 * 3600


_NOT_ZONES = ("posix", "right/", "localtime", "Factory")
"""What tzdata keeps beside its zones: other reckonings of seconds, and what differs by machine."""


def _iana_zone(name: str) -> str:
    try:
        if name.startswith(_NOT_ZONES):
            raise ValueError
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
    """Nothing starts after this, so that it is not cut off by the end."""


class MaintenanceWindow(Part):
    """A recurring time in which a site lets itself be changed.

    Attributes:
        starts: the first start on the local wall clock, ``YYYY-MM-DDTHH:MM[:SS]`` without zone.
        rule: an RRULE such as ``FREQ=WEEKLY;BYDAY=SA``; empty for one occurrence. What of RFC
            5545 it may use is in ``recurrence``.
        cutoff_seconds: nothing starts in the last so many seconds.
    """

    name: Annotated[str, Field(max_length=80)] = "maintenance window"
    zone: ZoneName
    starts: Annotated[datetime, AfterValidator(in_range)]
    rule: Annotated[str, Field(max_length=500)] = ""
    duration_seconds: Annotated[int, Field(ge=1, le=MAX_DURATION_SECONDS)]
    cutoff_seconds: Annotated[int, Field(ge=0, le=MAX_DURATION_SECONDS)] = 0

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.starts.tzinfo is not None:
            raise ValueError("starts is a local wall-clock time and carries no offset; name a zone")
        if self.cutoff_seconds >= self.duration_seconds:
            raise ValueError("the cutoff leaves no time in which anything may start")
        check_rule(self.rule, self.starts)
        return self

    def openings(self, after: datetime) -> Iterator[Opening]:
        """The occurrences that end after ``after``, in order."""
        duration = timedelta(seconds=self.duration_seconds)
        slack = duration + timedelta(days=2)  # a zone's offset and a gap are both under a day
        local_after = after.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None) - slack
        for local in occurrences(self.rule, self.starts, local_after):
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
) -> Opening | None:
    """The first opening, from ``now`` on, in which something that takes ``needed`` may start.

    The union of the windows, minus the blackouts; without any window, all time minus the
    blackouts. If the answer's start is not after ``now``, it may start now. None: nothing within
    13 months.
    """
    forbidden = _united(blackouts)
    for group in _groups(windows, now):
        start, end = max(group[0].start, now), max(opening.end for opening in group)
        for free_from, free_to in _free(start, end, forbidden):
            usable = _usable(group, free_from, free_to, needed)
            if usable is not None:
                return usable
    return None


def _groups(windows: Sequence[MaintenanceWindow], now: datetime) -> Iterator[list[Opening]]:
    """The openings of all windows, those together that leave no time between them."""
    horizon = now + HORIZON
    group = [] if windows else [Opening(now, horizon, horizon)]
    end = horizon
    for opening in merge(*(w.openings(now) for w in windows), key=lambda o: o.start):
        if opening.start > horizon:
            break
        if group and opening.start > end:
            yield group
            group = []
        end = max(end, opening.end) if group else opening.end
        group.append(opening)
    if group:
        yield group


def _usable(
    group: Sequence[Opening], free_from: datetime, free_to: datetime, needed: timedelta
) -> Opening | None:
    """The first start in a free stretch that some opening's cutoff and ``needed`` both allow."""
    inside = (
        Opening(max(free_from, o.start), free_to, min(o.latest_start, free_to - needed))
        for o in group
    )
    return next((o for o in inside if o.start <= o.latest_start and o.start < free_to), None)


Span = tuple[datetime, datetime]


def _united(blackouts: Sequence[Blackout]) -> list[Span]:
    """The blackouts in order, those that touch as one."""
    united: list[Span] = []
    for blackout in sorted(blackouts, key=lambda b: b.starts_at):
        if united and blackout.starts_at <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], blackout.ends_at))
        else:
            united.append((blackout.starts_at, blackout.ends_at))
    return united


def _free(start: datetime, end: datetime, forbidden: Sequence[Span]) -> Iterator[Span]:
    """The stretches of [start, end) that nothing forbids."""
    for begins, ends in forbidden[bisect_right(forbidden, start, key=lambda span: span[1]) :]:
        if begins >= end:
            break
        if begins > start:
            yield start, begins
        start = ends
    if start < end:
        yield start, end
