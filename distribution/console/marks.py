"""How values look in a page: moments, shares, states. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup, escape

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

TONES: Mapping[str, str] = {
    # of sites
    "online": "good",
    "offline": "quiet",
    "silent": "bad",
    "held": "warn",
    "revoked": "quiet",
    "trouble": "bad",
    # of rollouts
    "running": "busy",
    "paused": "warn",
    "stopped": "bad",
    "finished": "good",
    # of attempts and standings
    "downloading": "busy",
    "staged": "busy",
    "activating": "busy",
    "confirming": "busy",
    "trying": "busy",
    "confirmed": "good",
    "reverted": "warn",
    "failed": "bad",
    "revert_failed": "bad",
    "refused": "warn",
    "waiting": "quiet",
    "pending": "quiet",
    # of gates and decisions
    "pass": "good",
    "install": "good",
    "wait": "quiet",
    "stay": "warn",
    # of tickets
    "open": "warn",
    "closed": "good",
    "L1": "quiet",
    "L2": "warn",
    "L3": "bad",
    "security": "bad",
    # of windows
    "used": "good",
    "unused": "quiet",
    "missed": "warn",
    "overrun": "bad",
    "to come": "quiet",
    # of roles
    "fresh": "good",
    "old": "warn",
    "expired": "bad",
    # of severities
    "critical": "bad",
    "important": "warn",
    "moderate": "quiet",
    "low": "quiet",
    # of remote steps
    "done": "good",
    "asked": "busy",
}
"""The colour of each state; a word beside the dot always says it too."""


def state(word: object, shown: str = "") -> Markup:
    """A dot with its word."""
    text = str(word)
    tone = TONES.get(text, "quiet")
    said = escape(shown or text.replace("_", " "))
    return Markup('<span class="state {}"><i></i>{}</span>').format(tone, said)


def when(moment: datetime | None, now: datetime, *, missing: str = "never") -> Markup:
    """How long ago, or until when; the moment itself is in the title."""
    if moment is None:
        return Markup('<span class="quiet">{}</span>').format(missing)
    at = moment.astimezone(UTC)
    return Markup('<time datetime="{}" title="{:%Y-%m-%d %H:%M:%S} UTC" data-ago>{}</time>').format(
        at.isoformat(), at, distance(at - now)
    )


def clock(moment: datetime | None) -> Markup:
    """The moment itself, in UTC."""
    if moment is None:
        return Markup('<span class="quiet">-</span>')
    at = moment.astimezone(UTC)
    return Markup('<time datetime="{}">{:%d %b %H:%M}</time>').format(at.isoformat(), at)


def distance(away: timedelta) -> str:
    """Between now and then, in the one unit that matters: ``3 min ago``, ``in 2 d``."""
    seconds = away.total_seconds()
    size = abs(seconds)
    if size < 1:
        return "now"
    words = span(size)
    return f"in {words}" if seconds > 0 else f"{words} ago"


def span(seconds: float) -> str:
    """A length of time in one unit."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit * (2 if unit == _DAY else 1):
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def size(count: float) -> str:
    """Bytes for people."""
    for name in ("B", "kB", "MB", "GB"):
        if count < 1000 or name == "GB":
            return f"{count:.0f} {name}" if name == "B" else f"{count:.1f} {name}"
        count /= 1000
    return ""


def share(part: float, whole: float) -> str:
    """A percentage."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def count(number: float) -> str:
    """A number with thin spaces between its thousands."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


FILTERS: dict[str, Callable[..., Any]] = {
    "state": state,
    "when": when,
    "clock": clock,
    "distance": distance,
    "span": span,
    "size": size,
    "count": count,
}
GLOBALS: dict[str, Callable[..., Any]] = {"share": share}
