"""When two failures are the same one. Pure.

A signature has the code, the phase in which the attempt ended, the status with which the release's
own program ended, what the agent said, and the line of the program's log that tells the most; of
all words without what differs from site to site: addresses, paths, times, numbers, names of sites.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from manifests.failures import FailureCode

_PART_CHARACTERS = 160
_READ_CHARACTERS = 2_000
"""Of a line: whoever writes more has told what it is about by then."""

_NOISE = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (r"\x1b\[[0-9;]{0,20}[a-z]", ""),
        (r"\b[a-z][a-z0-9+.-]{0,20}://[^\s\"'<>]+", "<url>"),
        (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>"),
        (r"(?<!\w)(?:[a-z]:)?(?:[\\/][\w.@~+-]+)+[\\/]?", "<path>"),
        (
            r"\b\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?)?"
            r"(?:z\b|[+-]\d\d:?\d\d)?",
            "<time>",
        ),
        (r"\b\d\d?:\d\d(?::\d\d)?(?:[.,]\d+)?(?:z\b|[+-]\d\d:?\d\d)?", "<time>"),
        (
            r"\b(?:mon|tue|wed|thu|fri|sat|sun)?,? ?\d{0,2} ?"
            r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) +\d{1,4}\b",
            "<time>",
        ),
        (r"\b(?:0x[0-9a-f]+|(?=[a-f]*\d)[0-9a-f]{8,})\b", "<hex>"),
        (r"\d+(?:[.:,]\d+)*", "<n>"),
        (r"(?:<time>[\s,]*){2,}", "<time> "),
        (r"\s+", " "),
    )
)  # fmt: skip

_TELLS = re.compile(
    r"error|exception|fatal|panic|traceback|abort|segfault|segmentation|killed|denied|refused"
    r"|cannot|can't|could not|failed|failure|no such|not found|missing|out of memory",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Failed:
    """What a report says of a failure.

    Attributes:
        hook_status: what the release's program or check ended with; None when none did.
    """

    code: FailureCode
    detail: str = ""
    phase: str = ""
    hook_status: int | None = None
    log_tail: str = ""


def signature(failed: Failed, names: Iterable[str] = ()) -> str:
    """What two failures of one cause have in common.

    Args:
        names: of the site and its client, which tell nothing about the cause.
    """
    head = str(failed.code)
    if failed.phase:
        head += f" {failed.phase}"
    if failed.hook_status is not None:
        head += f" [{failed.hook_status}]"
    said = _first(failed.detail)
    logged = _telling(failed.log_tail, ended=failed.hook_status is not None)
    known = tuple(names)
    words = [normalised(line, known)[:_PART_CHARACTERS] for line in (said, logged)]
    tail = " | ".join(word for word in words if word)
    return f"{head}: {tail}" if tail else head


def normalised(line: str, names: Iterable[str] = ()) -> str:
    """A line without what differs from site to site, in small letters."""
    line = line[:_READ_CHARACTERS]
    for name in sorted(filter(None, names), key=len, reverse=True):
        line = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "<site>", line, flags=re.IGNORECASE)
    for pattern, word in _NOISE:
        line = pattern.sub(word, line)
    return line.strip().lower()


def _first(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")


def _telling(log: str, *, ended: bool) -> str:
    """The last line that sounds like an error.

    Args:
        ended: whether the program has ended: then its last line tells, whatever it sounds like,
            while one that still runs goes on to write about other things.
    """
    lines = [line for line in log.splitlines() if line.strip()]
    found = next((line for line in reversed(lines) if _TELLS.search(line[:_READ_CHARACTERS])), "")
    return found or (lines[-1] if ended and lines else "")
