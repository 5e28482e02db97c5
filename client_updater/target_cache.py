"""Targets that a relay keeps: fetched once however many ask, and kept only as what they are named.

A target's last byte is held back until all of it has the sha256 of its name and lies under it.
"""

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client_updater import durable
from client_updater.errors import AgentError, DiskFull, Stopping, Unreachable
from client_updater.fetcher import Fetcher, refusal

PATIENCE_SECONDS = 25.0
"""Less than the agents' own: they hear 503 instead of hanging up."""
KEPT_SECONDS = 30 * 24 * 3600
RESERVE_BYTES = 1024**3
"""Room that the cache leaves free on the disk."""

log = logging.getLogger("hsp-updater")


@dataclass
class Arrival:
    """A target on its way into the cache; several readers follow it as it grows."""

    path: Path
    length: int | None = None
    size: int = 0
    ended: bool = False
    missing: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self, **news: Any) -> None:
        """Tell those who wait."""
        with self._changed:
            for name, value in news.items():
                setattr(self, name, value)
            self._changed.notify_all()

    def wait_for_length(self) -> int | None:
        """Its length, as soon as the repository says so; None when it does not."""
        with self._changed:
            self._changed.wait_for(lambda: self.length is not None or self.ended, PATIENCE_SECONDS)
            return self.length

    def wait_beyond(self, offset: int) -> bool:
        """Whether there is more than ``offset``; False when nothing more comes."""
        with self._changed:
            self._changed.wait_for(lambda: self.size > offset or self.ended, PATIENCE_SECONDS)
            return self.size > offset


@dataclass
class Cache:
    """Targets by their hashes; each is fetched once, however many ask for it."""

    folder: Path
    fetcher: Fetcher
    url: str
    _arrivals: dict[str, Arrival] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, name: str, sha256: str) -> Arrival:
        """The target, here already or on its way."""
        done = self.folder / sha256
        with self._lock:
            if done.is_file() and not done.is_symlink():
                durable.disk.utime(done)
                size = done.stat().st_size
                return Arrival(done, size, size, ended=True)
            arrival = self._arrivals.get(sha256)
            if arrival is None:
                arrival = self._arrivals[sha256] = Arrival(self.folder / f"{sha256}.part")
                threading.Thread(
                    target=self._fetch, args=(name, sha256, arrival), daemon=True
                ).start()
            return arrival

    def _fetch(self, name: str, sha256: str, arrival: Arrival) -> None:
        try:
            self._receive(self.url + name, sha256, arrival)
        except (AgentError, Stopping) as error:
            log.warning("%s", error)
            with suppress(AgentError):
                durable.remove(arrival.path)
        finally:
            with self._lock:
                self._arrivals.pop(sha256, None)
            arrival.note(ended=True)

    def _receive(self, url: str, sha256: str, arrival: Arrival) -> None:
        seconds = self.fetcher.settings.download_seconds
        with self.fetcher.stream(url, seconds=seconds) as transfer:
            if transfer.status != 200:
                arrival.missing = transfer.status in (403, 404)
                raise refusal(url, transfer)
            length = _declared(transfer.headers.get("content-length", ""), url)
            self._make_room(length)
            durable.remove(arrival.path)
            with durable.create(arrival.path) as file:
                arrival.note(length=length)
                self._store(file, transfer.chunks, arrival, sha256)
        with self._lock:
            durable.rename_unsynced(arrival.path, self.folder / sha256)
        arrival.note(size=length)

    def _store(
        self, file: durable.Sink, chunks: Iterator[bytes], arrival: Arrival, sha256: str
    ) -> None:
        digest, written, length = hashlib.sha256(), 0, arrival.length or 0
        for chunk in chunks:
            digest.update(chunk)
            written += len(chunk)
            if written > length:
                raise Unreachable(f"{arrival.path.name} is longer than was said")
            file.write(chunk)
            arrival.note(size=min(written, max(length - 1, 0)))
        if written != length or digest.hexdigest() != sha256:
            raise Unreachable(f"{arrival.path.name} is cut off or not what its name says")

    def _make_room(self, length: int) -> None:
        """Forget what nobody has asked for the longest, until there is room for so much more."""
        kept = sorted(self._kept(), key=lambda path: path.lstat().st_mtime, reverse=True)
        while (found := os.statvfs(self.folder)).f_bavail * found.f_frsize < length + RESERVE_BYTES:
            if not kept:
                raise DiskFull(f"the relay's disk has no room for {length} bytes more")
            durable.remove(kept.pop())

    def forget_old(self) -> None:
        """Remove what nobody has asked for in a month, and what a crash has left."""
        for path in self._kept():
            if not 0 <= time.time() - path.lstat().st_mtime < KEPT_SECONDS:
                durable.remove(path)

    def _kept(self) -> list[Path]:
        """Everything that is not on its way just now."""
        with self._lock:
            arriving = set(self._arrivals)
        return [p for p in self.folder.iterdir() if p.name.partition(".")[0] not in arriving]


def _declared(text: str, url: str) -> int:
    if not text.isdecimal():
        raise Unreachable(f"{url} does not say how long it is")
    return int(text)
