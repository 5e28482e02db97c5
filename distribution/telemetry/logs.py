"""Lines on standard error, for people or for programs, each saying what it is about.

Domain code logs with the standard library and knows nothing of this. What a line is about (the
request, the site, the attempt) comes from the context that it is written in: ``about``.
"""

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import orjson
import structlog
from structlog.types import EventDict, Processor

from distribution.audit.records import REQUEST
from distribution.settings import LogFormat

_OWN = frozenset({"event", "level", "logger", "timestamp", "exception"})


def set_up(form: LogFormat) -> None:
    """From now on, this process logs to standard error in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_GATHER,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _as_json if form is LogFormat.JSON else _as_text,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


@contextmanager
def about(**what: object) -> Iterator[None]:
    """Whatever is logged inside of this says so: ``about(site="a", attempt="b")``."""
    with structlog.contextvars.bound_contextvars(**what):
        yield


def _with_request(_: Any, __: str, event: EventDict) -> EventDict:
    number = REQUEST.get()
    if number:
        event.setdefault("request", number)
    return event


def _without_colours(_: Any, __: str, event: EventDict) -> EventDict:
    """The web server's own lines come once more for terminals."""
    event.pop("color_message", None)
    return event


_GATHER: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    _without_colours,
    _with_request,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def _as_json(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    said = {"time": event.pop("timestamp"), "level": event.pop("level")}
    return orjson.dumps({**said, **event}, default=str).decode()


def _as_text(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    more = " ".join(f"{key}={value}" for key, value in event.items() if key not in _OWN)
    line = f"{event['timestamp']} {event['level'].upper()} {event['logger']}: {event['event']}"
    trace = f"\n{event['exception']}" if event.get("exception") else ""
    return _one_line(f"{line} [{more}]" if more else line) + trace


def _one_line(text: str) -> str:
    """What others wrote is in it, and must not look like a line of ours."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
