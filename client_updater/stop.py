"""The order to end, as a signal gives it, and a sleep that hears it."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import BinaryIO

from client_updater.errors import Stopping


class Stop:
    """Given once, heard everywhere."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._hearers: list[Callable[[], None]] = []

    def __call__(self) -> bool:
        """Whether it was given."""
        return self._event.is_set()

    def give(self) -> None:
        """End at the next place where that is possible."""
        self._event.set()
        for tell in self._hearers:
            tell()

    @contextmanager
    def heard_by(self, tell: Callable[[], None]) -> Iterator[None]:
        """Let ``tell`` be called when the order is given, or now where it was given already."""
        self._hearers.append(tell)
        try:
            if self():
                tell()
            yield
        finally:
            self._hearers.remove(tell)

    def at_the_end_of(self, pipe: BinaryIO) -> None:
        """Take the end of a pipe for the order: whoever holds its other end is gone."""

        def listen() -> None:
            while os.read(pipe.fileno(), 1024):
                pass
            self.give()

        threading.Thread(target=listen, daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Sleep; True as soon as the order is given."""
        return self._event.wait(max(seconds, 0))

    def pause(self, seconds: float) -> None:
        """Sleep.

        Raises:
            Stopping: the order was given.
        """
        if self.wait(seconds):
            raise Stopping

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT give the order."""

        def give(number: int, frame: FrameType | None) -> None:
            self.give()

        before = {kind: signal.signal(kind, give) for kind in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)
