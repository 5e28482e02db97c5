"""When a rule recurs on the local wall clock: the part of RFC 5545's RRULE that a window needs.

A site writes its rules and the server evaluates them too, so whatever could keep an evaluator busy
is refused: steps of less than a day, an INTERVAL of 0, and rules that never occur.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache

from dateutil.rrule import rrule, rrulestr

from manifests.documents import YEARS

_ALWAYS = frozenset({"FREQ", "INTERVAL", "COUNT", "WKST", "BYDAY", "BYMONTH"})
_ALLOWED = {
    "DAILY": _ALWAYS,
    "WEEKLY": _ALWAYS,
    "MONTHLY": _ALWAYS | {"BYMONTHDAY", "BYSETPOS"},
    "YEARLY": _ALWAYS | {"BYMONTHDAY", "BYSETPOS", "BYYEARDAY", "BYWEEKNO"},
}
_STEP_DAYS = {"DAILY": 1, "WEEKLY": 7}
_MOST_DIGITS = re.compile(r"\d{6}")
_COUNTING = re.compile(r"[1-9][0-9]{0,4}")
_MONTHS = re.compile(r"(0?[1-9]|1[0-2])(,(0?[1-9]|1[0-2]))*")


def check_rule(rule: str, starts: datetime) -> None:
    """Return if ``rule`` can recur, or is empty, which means once.

    Raises:
        ValueError: with the reason.
    """
    if rule and next(iter(_compiled(rule, starts)), None) is None:
        raise ValueError(f"{rule!r} never occurs")


def occurrences(rule: str, starts: datetime, after: datetime) -> Iterator[datetime]:
    """The local times at which a checked ``rule`` occurs, from ``after`` on, in order."""
    for local in _compiled(rule, _near(rule, starts, after)) if rule else [starts]:
        if local.year not in YEARS:
            return
        if local >= after:
            yield local


def _near(rule: str, starts: datetime, after: datetime) -> datetime:
    """A later start from which the rule recurs alike, so that years need not be walked through."""
    parts = _parts(rule)
    if parts["FREQ"] not in _STEP_DAYS or "COUNT" in parts or after <= starts:
        return starts
    step = timedelta(days=_STEP_DAYS[parts["FREQ"]] * int(parts.get("INTERVAL", 1)))
    return starts + (after - starts) // step * step


@lru_cache(maxsize=1024)
def _compiled(rule: str, starts: datetime) -> rrule:
    _parts(rule)
    try:
        compiled = rrulestr(rule, dtstart=starts)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{rule!r} is not an RRULE such as 'FREQ=WEEKLY;BYDAY=SA'") from error
    assert isinstance(compiled, rrule)  # noqa: S101 - a set needs lines that _parts refuses
    return compiled


@lru_cache(maxsize=1024)
def _parts(rule: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in rule.upper().removeprefix("RRULE:").split(";")]
    parts = {name: value for name, _, value in pairs}
    allowed = _ALLOWED.get(parts.get("FREQ", ""))
    if allowed is None or len(parts) != len(pairs):
        raise ValueError(
            f"{rule!r} is not a rule such as 'FREQ=WEEKLY;BYDAY=SA' "
            f"(one FREQ of {', '.join(_ALLOWED)}; each part once)"
        )
    if "UNTIL" in parts:
        raise ValueError("a rule has no UNTIL: end it with a blackout")
    if unknown := sorted(set(parts) - allowed):
        raise ValueError(f"a window's rule with FREQ={parts['FREQ']} has no {unknown[0][:20]!r}")
    _check_numbers(parts)
    return parts


def _check_numbers(parts: dict[str, str]) -> None:
    for name in ("INTERVAL", "COUNT"):
        if not _COUNTING.fullmatch(parts.get(name, "1")):
            raise ValueError(f"{name} is a whole number from 1 to 99999")
    if _MOST_DIGITS.search(";".join(parts.values())):
        raise ValueError("a number in a rule has at most five digits")
    if not _MONTHS.fullmatch(parts.get("BYMONTH", "1")):
        raise ValueError("BYMONTH has months from 1 to 12")
