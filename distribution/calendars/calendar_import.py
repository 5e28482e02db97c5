"""Freezes, or windows, from an iCalendar file (RFC 5545), as calendar programs write it.

Each event becomes a freeze, and each further date of it one more; dates taken out of its rule, or
moved, are taken out. What a freeze cannot say (a rule of exceptions, a time zone that nobody else
knows) is refused with the event's name, never guessed: a freeze that is read wrong would let a site
be changed on the very day that it must not be.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar

from distribution.calendars.calendar_zones import Zones
from distribution.errors import Invalid
from manifests.documents import validated
from manifests.errors import ManifestError
from manifests.freeze import Freeze
from manifests.recurrence import occurrences
from manifests.site import SitePolicy
from manifests.window import MaintenanceWindow

MAX_ICS_BYTES = 4 * 1024 * 1024
_MOST_OCCURRENCES = 10_000
_MOVED = "RECURRENCE-ID"


@dataclass(frozen=True)
class Read:
    """What a file holds: freezes that lie ahead, and the names of events that are over."""

    freezes: tuple[Freeze, ...]
    over: tuple[str, ...]


def read_freezes(data: bytes, zone: str, now: datetime) -> Read:
    """The events of an iCalendar file as freezes.

    Args:
        zone: of events that name none, such as whole days; empty: the calendar's own, if it has.

    Raises:
        Invalid: not an iCalendar file, or an event that cannot be a freeze, by its name.
    """
    freezes = _read(data, zone, now)
    ahead = tuple(freeze for freeze in freezes if not freeze.is_over(now))
    return Read(ahead, tuple(freeze.name for freeze in freezes if freeze not in ahead))


def read_policy(data: bytes, zone: str, cutoff_seconds: int, now: datetime) -> SitePolicy:
    """The events of an iCalendar file as maintenance windows; dates taken out of one are freezes.

    Raises:
        Invalid: not an iCalendar file, or an event that cannot be a window, by its name.
        ManifestError: a window that does not open within 13 months.
    """
    freezes = _read(data, zone, now)
    policy = SitePolicy(
        windows=tuple(_window(freeze, cutoff_seconds) for freeze in freezes),
        freezes=tuple(
            freeze.model_copy(update={"starts": start, "rule": "", "except_starts": ()})
            for freeze in freezes
            for start in freeze.except_starts
        ),
    )
    policy.check_opens(now)
    return policy


def _window(freeze: Freeze, cutoff_seconds: int) -> MaintenanceWindow:
    plain = freeze.model_dump(exclude={"except_starts"})
    named = {**plain, "name": freeze.name[:80], "cutoff_seconds": cutoff_seconds}
    try:
        return validated(MaintenanceWindow, named, strict=True)
    except ManifestError as error:
        raise Invalid(f"the event {freeze.name!r} cannot be a window: {error.message}") from error


def _read(data: bytes, zone: str, now: datetime) -> list[Freeze]:
    calendar = _calendar(data)
    zone = zone or str(calendar.get("X-WR-TIMEZONE", ""))
    everything = calendar.walk("VEVENT")
    events = [event for event in everything if event.get("STATUS") != "CANCELLED"]
    if not events:
        raise Invalid("there is no event in the calendar")
    moved = [event for event in everything if _MOVED in event]
    reader = _Reader(zone, Zones(calendar, now), moved)
    return [freeze for event in events for freeze in reader.freezes(event)]


def _calendar(data: bytes) -> Any:
    if len(data) > MAX_ICS_BYTES:
        raise Invalid(f"the calendar has more than {MAX_ICS_BYTES} bytes")
    try:
        calendar = Calendar.from_ical(data)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Invalid(f"this is not an iCalendar file: {str(error)[:200]}") from error
    if not isinstance(calendar, Calendar):
        raise Invalid("this is not an iCalendar file: it does not begin with VCALENDAR")
    return calendar


@dataclass(frozen=True)
class _Reader:
    """Reads the events of one file.

    Attributes:
        zone: of events that name none.
        moved: single occurrences of others, which take place at another time, or not at all.
    """

    zone: str
    zones: Zones
    moved: Sequence[Any]

    def freezes(self, event: Any) -> list[Freeze]:
        """One event: a freeze, and one for each further date.

        Raises:
            Invalid: with the event's name.
        """
        name = str(event.get("SUMMARY", "")).strip()[:200] or "freeze"
        try:
            return [
                validated(Freeze, {"name": name, **plain}, strict=True)
                for plain in self._plain(event)
            ]
        except ManifestError as error:
            raise Invalid(f"the event {name!r}: {error.message}") from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Invalid(f"the event {name!r} cannot be a freeze: {str(error)[:200]}") from error

    def _plain(self, event: Any) -> Iterator[dict[str, Any]]:
        if "EXRULE" in event:
            raise ValueError("it has an EXRULE; write it as events of their own")
        start, end = self._span(event)
        without = {*self._dates(event, "EXDATE", start), *self._moved_from(event, start)}
        if "RRULE" in event:
            yield {**_recurring(event, start, end), "except_starts": sorted(without)}
        elif start.replace(tzinfo=None) not in without:
            yield _once(start, end)
        length = end.replace(tzinfo=None) - start.replace(tzinfo=None)
        for other in sorted({*self._dates(event, "RDATE", start)} - without):
            yield _at(other, start, length)

    def _moved_from(self, event: Any, start: datetime) -> Iterator[datetime]:
        """When occurrences of an event would have begun that are events of their own now."""
        for one in self.moved:
            if one.get("UID") == event.get("UID"):
                if "RANGE" in one[_MOVED].params:
                    raise ValueError(f"it has a {_MOVED} for all that follow")
                there = self._moment(one, _MOVED)
                yield there.astimezone(start.tzinfo).replace(tzinfo=None)

    def _span(self, event: Any) -> tuple[datetime, datetime]:
        """Start and end, aware, both in the zone of the start."""
        start = self._moment(event, "DTSTART")
        if "DTEND" in event:
            end = self._moment(event, "DTEND")
        elif "DURATION" in event:
            end = (start.astimezone(UTC) + event["DURATION"].dt).astimezone(start.tzinfo)
        else:
            whole_day = not isinstance(event["DTSTART"].dt, datetime)
            end = start + timedelta(days=1) if whole_day else start
        if end.astimezone(UTC) <= start.astimezone(UTC):
            raise ValueError("it does not end after it starts")
        return start, end.astimezone(start.tzinfo)

    def _moment(self, event: Any, part: str) -> datetime:
        if part not in event:
            raise ValueError(f"it has no {part}")
        found, named = event[part].dt, str(event[part].params.get("TZID", ""))
        if isinstance(found, datetime) and found.tzinfo is not None:
            return self.zones.in_iana(found, named)
        if named:
            raise ValueError(f"its time zone {named[:60]!r} is unknown")
        if not self.zone:
            raise ValueError("it names no time zone, and neither does the calendar; use --zone")
        if isinstance(found, date) and not isinstance(found, datetime):
            found = datetime.combine(found, time())
        if not isinstance(found, datetime):
            raise ValueError(f"its {part} is no date")
        return found.replace(tzinfo=ZoneInfo(self.zone))

    def _dates(self, event: Any, part: str, start: datetime) -> Iterator[datetime]:
        """The dates of EXDATE or RDATE, on the wall clock of the start."""
        whole_days = not isinstance(event["DTSTART"].dt, datetime)
        lists = event.get(part, [])
        for each in lists if isinstance(lists, list) else [lists]:
            for one in each.dts:
                found = one.dt
                if isinstance(found, datetime) and found.tzinfo is not None:
                    there = self.zones.in_iana(found, str(one.params.get("TZID", "")))
                    found = there.astimezone(start.tzinfo).replace(tzinfo=None)
                elif whole_days and isinstance(found, date):
                    found = datetime.combine(found, time())
                if not isinstance(found, datetime):
                    raise ValueError(f"its {part} is of another kind than its DTSTART")
                yield found


def _once(start: datetime, end: datetime) -> dict[str, Any]:
    """Exactly these two moments, so in UTC."""
    begin = start.astimezone(UTC)
    length = end.astimezone(UTC) - begin
    return {
        "zone": "UTC",
        "starts": begin.replace(tzinfo=None),
        "duration_seconds": int(length.total_seconds()),
    }


def _at(local: datetime, start: datetime, length: timedelta) -> dict[str, Any]:
    """Once more, on the wall clock of the start's zone."""
    assert isinstance(start.tzinfo, ZoneInfo)  # noqa: S101 - _moment saw to it
    return {
        "zone": start.tzinfo.key,
        "starts": local,
        "duration_seconds": int(length.total_seconds()),
    }


def _recurring(event: Any, start: datetime, end: datetime) -> dict[str, Any]:
    """On the wall clock of the start's zone."""
    assert isinstance(start.tzinfo, ZoneInfo)  # noqa: S101 - _moment saw to it
    local = start.replace(tzinfo=None)
    rule = _rule(event["RRULE"], local, start.tzinfo)
    return {**_at(local, start, end.replace(tzinfo=None) - local), "rule": rule}


def _rule(found: Any, local: datetime, zone: ZoneInfo) -> str:
    """The rule in our spelling: an UNTIL becomes the COUNT that it means."""
    if isinstance(found, list):
        raise ValueError("it has several rules")
    parts = dict(found)
    until = parts.pop("UNTIL", [None])[0]
    text = str(type(found)(parts).to_ical().decode())
    if until is None:
        return text
    last = _local(until, zone)
    times = sum(1 for _ in takewhile(lambda each: each <= last, _first(text, local)))
    if not 1 <= times < _MOST_OCCURRENCES:
        raise ValueError(f"its rule ends {last:%Y-%m-%d}, after {times} times")
    return f"{text};COUNT={times}"


def _first(rule: str, local: datetime) -> list[datetime]:
    found = []
    for each in occurrences(rule, local, local):
        found.append(each)
        if len(found) >= _MOST_OCCURRENCES:
            break
    return found


def _local(until: date, zone: ZoneInfo) -> datetime:
    if not isinstance(until, datetime):
        return datetime.combine(until, time.max)
    return until.astimezone(zone).replace(tzinfo=None) if until.tzinfo else until
