"""The time zones of an iCalendar file, as IANA's: those evaluate the same everywhere.

A file may bring zones of its own. One that says which IANA zone it is (``X-LIC-LOCATION``, or a
name such as ``/mozilla.org/20050126_1/Europe/Berlin``) is taken for that one where the two agree
for the time ahead; nothing else is guessed. Windows' names are known to the ``icalendar`` library.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from icalendar import Calendar

from manifests.window import HORIZON

_SAMPLES = timedelta(days=7)


class Zones:
    """The zones that one file brings."""

    def __init__(self, calendar: Calendar, now: datetime) -> None:
        self._own = {str(zone.get("TZID", "")): zone for zone in calendar.walk("VTIMEZONE")}
        self._now = now

    def in_iana(self, moment: datetime, named: str) -> datetime:
        """The same wall clock in an IANA zone; ``named`` is the file's name of the zone.

        Raises:
            ValueError: which zone it is cannot be known.
        """
        zone = moment.tzinfo
        if isinstance(zone, ZoneInfo):
            return moment
        if zone is UTC or zone is None:
            return moment.replace(tzinfo=ZoneInfo("UTC"))
        for name in self._candidates(named):
            if self._agree(zone, ZoneInfo(name)):
                return moment.replace(tzinfo=ZoneInfo(name))
            raise ValueError(f"its time zone {named[:60]!r} says that it is {name}, and is not")
        raise ValueError(f"its time zone {named[:60]!r} is the calendar's own, not an IANA zone")

    def _candidates(self, named: str) -> Iterator[str]:
        """The IANA zones that the file's own zone says it is."""
        own: Any = self._own.get(named)
        if own is None:  # the library remembers those of other files
            raise ValueError(f"its time zone {named[:60]!r} is unknown")
        parts = named.split("/")
        says = [str(own.get("X-LIC-LOCATION", "")), *("/".join(parts[n:]) for n in (-3, -2))]
        yield from (name for name in says if name in available_timezones())

    def _agree(self, one: tzinfo, other: ZoneInfo) -> bool:
        days = (self._now + _SAMPLES * n for n in range(HORIZON // _SAMPLES + 1))
        clocks = (day.replace(tzinfo=None) for day in days)
        return all(
            clock.replace(tzinfo=one).utcoffset() == clock.replace(tzinfo=other).utcoffset()
            for clock in clocks
        )
