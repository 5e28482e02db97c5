"""Freezes from an iCalendar file (RFC 5545), as calendar programs and holiday services write it.

Each event becomes one freeze. What a freeze cannot say (dates taken out of a rule, a time zone of
the calendar's own) is refused with the event's name, never guessed: a freeze that is read wrong
would let a site be changed on the very day that it must not be.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar

from distribution.errors import Invalid
from manifests.documents import validated
from manifests.errors import ManifestError
from manifests.freeze import Freeze
from manifests.recurrence import occurrences

MAX_ICS_BYTES = 4 * 1024 * 1024
_MOST_OCCURRENCES = 10_000
_UNSPEAKABLE = ("EXDATE", "RDATE", "EXRULE", "RECURRENCE-ID")


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
    calendar = _calendar(data)
    zone = zone or str(calendar.get("X-WR-TIMEZONE", ""))
    events = [event for event in calendar.walk("VEVENT") if event.get("STATUS") != "CANCELLED"]
    if not events:
        raise Invalid("there is no event in the calendar")
    freezes = [_freeze(event, zone) for event in events]
    ahead = tuple(freeze for freeze in freezes if not freeze.is_over(now))
    return Read(ahead, tuple(freeze.name for freeze in freezes if freeze not in ahead))


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


def _freeze(event: Any, zone: str) -> Freeze:
    name = str(event.get("SUMMARY", "")).strip()[:200] or "freeze"
    try:
        for part in _UNSPEAKABLE:
            if part in event:
                raise ValueError(f"it has an {part}; write it as events of their own")
        start, end = _span(event, zone)
        plain = _recurring(event, start, end) if "RRULE" in event else _once(start, end)
        return validated(Freeze, {"name": name, **plain}, strict=True)
    except ManifestError as error:
        raise Invalid(f"the event {name!r}: {error.message}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Invalid(f"the event {name!r} cannot be a freeze: {str(error)[:200]}") from error


def _span(event: Any, zone: str) -> tuple[datetime, datetime]:
    """Start and end, aware, both in the zone of the start."""
    start = _moment(event, "DTSTART", zone)
    if "DTEND" in event:
        end = _moment(event, "DTEND", zone)
    elif "DURATION" in event:
        end = (start.astimezone(UTC) + event["DURATION"].dt).astimezone(start.tzinfo)
    else:
        whole_day = not isinstance(event["DTSTART"].dt, datetime)
        end = start + timedelta(days=1) if whole_day else start
    if end.astimezone(UTC) <= start.astimezone(UTC):
        raise ValueError("it does not end after it starts")
    return start, end.astimezone(start.tzinfo)


def _moment(event: Any, part: str, zone: str) -> datetime:
    if part not in event:
        raise ValueError(f"it has no {part}")
    found = event[part].dt
    named = event[part].params.get("TZID", "")
    if isinstance(found, datetime) and found.tzinfo is not None:
        return found.astimezone(_zone_of(found, named))
    if named:
        raise ValueError(f"its time zone {str(named)[:60]!r} is unknown")
    if not zone:
        raise ValueError("it names no time zone, and neither does the calendar; use --zone")
    if isinstance(found, date) and not isinstance(found, datetime):
        found = datetime.combine(found, time())
    if not isinstance(found, datetime):
        raise ValueError(f"its {part} is no date")
    return found.replace(tzinfo=ZoneInfo(zone))


def _zone_of(found: datetime, named: str) -> ZoneInfo:
    """As an IANA zone, which evaluates the same everywhere; a zone of the file's own does not."""
    if isinstance(found.tzinfo, ZoneInfo):
        return found.tzinfo
    if found.tzinfo is UTC:
        return ZoneInfo("UTC")
    raise ValueError(f"its time zone {str(named)[:60]!r} is the calendar's own, not an IANA zone")


def _once(start: datetime, end: datetime) -> dict[str, Any]:
    """Exactly these two moments, so in UTC."""
    begin = start.astimezone(UTC)
    length = end.astimezone(UTC) - begin
    return {
        "zone": "UTC",
        "starts": begin.replace(tzinfo=None),
        "duration_seconds": int(length.total_seconds()),
    }


def _recurring(event: Any, start: datetime, end: datetime) -> dict[str, Any]:
    """On the wall clock of the start's zone."""
    assert isinstance(start.tzinfo, ZoneInfo)  # noqa: S101 - _moment saw to it
    local = start.replace(tzinfo=None)
    length = end.replace(tzinfo=None) - local
    return {
        "zone": start.tzinfo.key,
        "starts": local,
        "rule": _rule(event["RRULE"], local, start.tzinfo),
        "duration_seconds": int(length.total_seconds()),
    }


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
