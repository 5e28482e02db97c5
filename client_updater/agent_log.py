"""What the agent says of itself, on standard error and in a file that support can ask for.

The file lies among the programs' logs and is kept within the same bounds.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from client_updater import durable
from client_updater.errors import DISK_TROUBLE

AGENT_LOG_FILE = "logs/agent.log"
MOST_LOG_BYTES = 8 * 1024 * 1024
"""A log that has grown beyond this is shortened at the next full poll."""
TIMED = "%(asctime)s %(message)s"


class _File(logging.StreamHandler):  # type: ignore[type-arg]
    """Says nothing when the disk refuses: standard error has the same words."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Leave it out."""


@contextmanager
def logged(path: Path, line: str) -> Iterator[None]:
    """Write what the agent says to standard error, in lines of this form, and to the file."""
    log = logging.getLogger("hsp-updater")
    log.handlers[:] = [_formatted(logging.StreamHandler(), line)]
    log.setLevel(logging.INFO)
    log.propagate = False
    file = _opened(path)
    if file is None:
        yield
        return
    with file:
        handler = _formatted(_File(file), TIMED)
        log.addHandler(handler)
        try:
            yield
        finally:
            log.removeHandler(handler)


def _formatted(handler: logging.Handler, line: str) -> logging.Handler:
    handler.setFormatter(logging.Formatter(line))
    return handler


def _opened(path: Path) -> TextIO | None:
    with suppress(*DISK_TROUBLE):
        return os.fdopen(durable.open_log(path), "a", encoding="utf-8", errors="replace")
    return None


def tail(path: Path, most_bytes: int) -> str:
    """The last whole lines of a log; empty where there is none."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(size - most_bytes, 0))
            data = file.read(most_bytes)
    except OSError:
        return ""
    if size > most_bytes:  # what a line began with says what the rest of it is
        data = data.partition(b"\n")[2]
    text = data.decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "?" for letter in text)
