"""How values look in a page: moments, shares, states. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from distribution.languages import message

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

TONES: Mapping[str, str] = {
    # of sites
    message("online"): "good",
    message("offline"): "quiet",
    message("silent"): "bad",
    message("held"): "warn",
    message("revoked"): "quiet",
    message("trouble"): "bad",
    # of rollouts
    message("running"): "busy",
    message("paused"): "warn",
    message("stopped"): "bad",
    message("finished"): "good",
    # of attempts and standings
    message("downloading"): "busy",
    message("staged"): "busy",
    message("activating"): "busy",
    message("confirming"): "busy",
    message("trying"): "busy",
    message("confirmed"): "good",
    message("reverted"): "warn",
    message("failed"): "bad",
    message("revert_failed"): "bad",
    message("refused"): "warn",
    message("waiting"): "quiet",
    message("pending"): "quiet",
    # of gates and decisions
    message("pass"): "good",
    message("install"): "good",
    message("wait"): "quiet",
    message("stay"): "warn",
    # of tickets
    message("open"): "warn",
    message("closed"): "good",
    "L1": "quiet",
    "L2": "warn",
    "L3": "bad",
    message("security"): "bad",
    # of windows
    message("used"): "good",
    message("unused"): "quiet",
    message("missed"): "warn",
    message("overrun"): "bad",
    message("to come"): "quiet",
    # of roles
    message("fresh"): "good",
    message("old"): "warn",
    message("expired"): "bad",
    # of severities
    message("critical"): "bad",
    message("important"): "warn",
    message("moderate"): "quiet",
    message("low"): "quiet",
    # of remote steps
    message("done"): "good",
    message("asked"): "busy",
}
"""The colour of each state; a word beside the dot always says it too."""


@pass_context
def state(context: Context, word: object, shown: str = "") -> Markup:
    """A dot with its word, in the page's language."""
    text = str(word)
    tone = TONES.get(text, "quiet")
    said = escape(shown or context["t"](text).replace("_", " "))
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
