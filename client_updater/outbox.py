"""Reports that the server has not acknowledged yet: sealed, numbered without gaps, durable.

A report is one file, named by its number. It is put aside only after the server's receipt for these
very bytes, and only after the number of the newest acknowledged one was written down; so a number
is never given twice, and a report may be sent twice but is never lost.

The newest of those that were acknowledged are kept, for a server that was restored from a backup
and has forgotten them. Putting one aside and taking it out again is a change of its name within
this folder, so that no loss of power can lose it; at worst it is sent once more.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from client_updater import durable
from client_updater.errors import StateUnusable
from client_updater.state import read_private
from manifests.envelope import peek
from manifests.errors import ManifestError
from manifests.install_report import REPORT_TYPE

_SUFFIX, _KEPT = ".dsse", ".kept"

MOST_KEPT = 1000
MOST_KEPT_BYTES = 8 * 1024 * 1024
"""Of acknowledged reports, the newest are kept within both bounds."""
AGAIN_AT_ONCE = 50
"""So many a poll are sent again: whoever stole the server gets no more out of a site by asking."""


@dataclass(frozen=True)
class Sealed:
    """One report as it will be sent."""

    sequence: int
    envelope: bytes

    @property
    def sha256(self) -> str:
        """Of the body inside, as the receipt names it.

        Raises:
            ManifestError: it is not an envelope any more.
        """
        return hashlib.sha256(peek(self.envelope, REPORT_TYPE)).hexdigest()


@dataclass(frozen=True)
class Outbox:
    """The folder of reports, and what was acknowledged of them."""

    folder: Path

    def last_sequence(self) -> int:
        """The number of the newest report that was ever written here."""
        return max([self.acknowledged(), *self._numbers()])

    def acknowledged(self) -> int:
        """The number of the newest report whose receipt came; 0 for none."""
        with suppress(FileNotFoundError, StateUnusable, ValueError):
            return int(read_private(self.folder / "acknowledged"))
        return 0

    def add(self, report: Sealed) -> None:
        """Keep a report until it is acknowledged. One whose number was used already is dropped.

        Raises:
            DiskFull, DiskError: it is not kept.
        """
        if report.sequence > self.last_sequence():
            durable.write(self._path(report.sequence), report.envelope)

    def replace(self, report: Sealed) -> None:
        """The same report under another signature.

        Raises:
            DiskFull, DiskError: it is as it was.
        """
        durable.write(self._path(report.sequence), report.envelope)

    def pending(self) -> Iterator[Sealed]:
        """What is still to be sent, oldest first."""
        for number in sorted(self._numbers()):
            try:
                yield Sealed(number, read_private(self._path(number)))
            except StateUnusable:
                self.set_aside(number)  # somebody has been at it: not ours to send any more

    def acknowledge(self, *sequences: int) -> None:
        """The server has these reports: remember that, then put them aside.

        Raises:
            DiskFull, DiskError: they may be sent again, which does no harm.
        """
        self._note_acknowledged(*sequences)
        for sequence in sequences:
            durable.rename_unsynced(self._path(sequence), self._path(sequence, _KEPT))
        self._forget_oldest()

    def send_again(self, known: int, seal_now: Callable[[bytes], bytes]) -> int:
        """The server knows the reports up to ``known``, and no others: take out those above it that
        are kept, the oldest first; how many were taken out.

        Args:
            seal_now: from an envelope to one of this site's present key.

        Raises:
            DiskFull, DiskError: some are not taken out, and are when the server asks again.
        """
        wanted = [number for number in sorted(self._numbers(_KEPT)) if number > known]
        for number in wanted[:AGAIN_AT_ONCE]:
            kept = self._path(number, _KEPT)
            try:
                before = read_private(kept)
                envelope = seal_now(before)
            except (StateUnusable, ManifestError):
                durable.remove(kept)  # somebody has been at it: not ours to send any more
                continue
            if envelope != before:
                durable.write_in_order(kept, envelope)
            durable.rename_unsynced(kept, self._path(number))
        return len(wanted[:AGAIN_AT_ONCE])

    def set_aside(self, sequence: int) -> None:
        """Take out of the way what the server will never accept; it is kept for a person."""
        durable.make_folders(self.folder / "refused")
        path = self._path(sequence)
        durable.rename_unsynced(path, self.folder / "refused" / path.name)
        self._note_acknowledged(sequence)

    def _note_acknowledged(self, *sequences: int) -> None:
        newest = max(*sequences, self.acknowledged())
        durable.write(self.folder / "acknowledged", str(newest).encode())

    def _forget_oldest(self) -> None:
        left = MOST_KEPT_BYTES
        for count, number in enumerate(sorted(self._numbers(_KEPT), reverse=True)):
            path = self._path(number, _KEPT)
            left -= path.stat().st_size
            if count >= MOST_KEPT or left < 0:
                durable.remove(path)

    def _numbers(self, suffix: str = _SUFFIX) -> list[int]:
        names = (path.name.removesuffix(suffix) for path in self.folder.glob(f"*{suffix}"))
        return [int(name) for name in names if name.isdecimal()]

    def _path(self, sequence: int, suffix: str = _SUFFIX) -> Path:
        return self.folder / f"{sequence:012d}{suffix}"
