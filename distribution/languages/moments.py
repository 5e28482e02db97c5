"""Moments, days and lengths of time as somebody writes them who speaks the language."""

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from distribution.languages import Language, message, translate

_CLOCK = {Language.ENGLISH: "HH:mm", Language.INDONESIAN: "HH.mm"}
_DAY = "d MMM y"
_MONTH = "MMMM y"

_UNITS = (
    (timedelta(days=2), timedelta(days=1), message("{number} days")),
    (timedelta(hours=1), timedelta(hours=1), message("{number} h")),
    (timedelta(minutes=1), timedelta(minutes=1), message("{number} min")),
)
"""From which length on, counted in what, in which words."""


def moment(when: datetime, zone: str, language: Language) -> str:
    """On the wall clock of a zone, to the minute: ``28 Nov 2026, 22:00``."""
    return _formatted(when, f"{_DAY}, {_CLOCK[language]}", zone, language)


def moment_with_zone(when: datetime, zone: str, language: Language) -> str:
    """The same with the zone as people call it there: ``28 Nov 2026, 22.00 WIB``."""
    return _formatted(when, f"{_DAY}, {_CLOCK[language]} z", zone, language)


def span(starts: datetime, ends: datetime, zone: str, language: Language) -> str:
    """``28 Nov 2026, 22:00 - 23:30``; the second day where it is another one."""
    local = ZoneInfo(zone)
    if starts.astimezone(local).date() == ends.astimezone(local).date():
        last = _formatted(ends, _CLOCK[language], zone, language)
    else:
        last = moment(ends, zone, language)
    return f"{moment(starts, zone, language)} - {last}"


def month(when: datetime, zone: str, language: Language) -> str:
    """``November 2026``."""
    return _formatted(when, _MONTH, zone, language)


def _formatted(when: datetime, pattern: str, zone: str, language: Language) -> str:
    # Here, so that a command that writes no moment does not wait for it.
    from babel.dates import format_datetime

    return str(format_datetime(when, pattern, ZoneInfo(zone), locale=language))


def number(count: int, language: Language) -> str:
    """``1,234`` or ``1.234``."""
    from babel.numbers import format_decimal

    return str(format_decimal(count, locale=language))


def share(part: float, language: Language) -> str:
    """Of a whole, rounded down to a tenth of a percent: only all of it is 100 %."""
    from babel.numbers import format_decimal

    shown = format_decimal(math.floor(part * 1000) / 10, locale=language)
    return f"{shown} %"


def length(time: timedelta, language: Language) -> str:
    """In the one unit that matters: ``3 days``, ``7.5 h``, ``12 min``."""
    from babel.numbers import format_decimal

    for least, unit, words in _UNITS:
        if time >= least:
            number = format_decimal(round(time / unit, 1), locale=language)
            return translate(words, language).format(number=number)
    seconds = format_decimal(round(time.total_seconds()), locale=language)
    return translate("{number} s", language).format(number=seconds)
