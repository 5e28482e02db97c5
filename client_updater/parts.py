"""A large file while it arrives: written, and hashed by a thread beside whoever writes it.

Receiving and writing wait for the line and the disk, hashing for the processor; so side by side
they take the time of the slower one. The disk is told early to begin with what was written: a
gigabyte that waits in memory for its sync would stop the site's programs when it comes.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from client_updater import durable
from client_updater.errors import ArtifactMismatch, disk_trouble
from client_updater.trusted import Target

Progress = Callable[[int], None]

_READ_BYTES = 1024 * 1024
_PIECES_AHEAD = 8
"""So many pieces, of 256 KiB each, may wait to be hashed: enough that neither side waits for the
other whenever the disk or the line takes a moment."""
_WRITE_BACK_BYTES = 4 * 1024 * 1024
"""So much is handed to the disk at a time; more at once and the end waits for it, less and every
handing over costs more than it saves."""


class _Beside:
    """Feeds a hash in a thread of its own, in order; at the end of the block it has everything."""

    def __init__(self, update: Callable[[bytes], None]) -> None:
        self._update = update
        self._pieces: SimpleQueue[bytes | None] = SimpleQueue()
        self._room = threading.Semaphore(_PIECES_AHEAD)
        self._thread = threading.Thread(target=self._hash, daemon=True)

    def _hash(self) -> None:
        while (piece := self._pieces.get()) is not None:
            self._update(piece)
            self._room.release()

    def __call__(self, piece: bytes) -> None:
        self._room.acquire()
        self._pieces.put(piece)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._pieces.put(None)
        self._thread.join()


class Part:
    """What has come of one file so far, and the hash of it."""

    def __init__(self, path: Path, target: Target) -> None:
        self.path = path
        self._target, self._most_bytes = target, target.length
        self._hash, self.size = target.hasher(), 0
        try:
            self._go_on()
        except OSError as error:  # the disk, or somebody who takes away what is being read
            raise disk_trouble(error, f"read {path}") from error

    def _go_on(self) -> None:
        path = self.path
        if not path.is_file() or path.is_symlink() or path.lstat().st_size > self._most_bytes:
            durable.remove(path)
            with durable.create(path):
                return
        with open(path, "rb") as file:
            while data := file.read(_READ_BYTES):
                self._hash.update(data)
                self.size += len(data)

    @property
    def digest(self) -> str:
        """The hash of all bytes so far."""
        return self._hash.hexdigest()

    def receive(self, chunks: Iterator[bytes], arrived: Progress) -> None:
        """Write the body of an answer to the end of the file.

        Raises:
            ArtifactMismatch: it goes on after the declared length; nothing beyond was written.
        """
        handed_over = self.size
        with durable.append(self.path) as file, _Beside(self._hash.update) as count:
            for chunk in chunks:
                arrived(len(chunk))
                if self.size + len(chunk) > self._most_bytes:
                    raise ArtifactMismatch(
                        f"more than the {self._most_bytes} bytes that were signed"
                    )
                file.write(chunk)
                count(chunk)
                self.size += len(chunk)
                if self.size - handed_over >= _WRITE_BACK_BYTES:
                    _write_back(file, handed_over, self.size)
                    handed_over = self.size

    def start_over(self) -> None:
        """Forget what has come."""
        with durable.append(self.path) as file:
            file.truncate()
        self._hash, self.size = self._target.hasher(), 0


def _write_back(file: durable.Sink, begin: int, end: int) -> None:
    """Have the disk begin with this part; Linux keeps in memory what is still being written."""
    with suppress(OSError):  # only a hint
        os.posix_fadvise(file.fileno(), begin, end - begin, os.POSIX_FADV_DONTNEED)
