"""Reports that the server has not acknowledged yet: sealed, numbered without gaps, durable.

A report is one file, named by its number. It is removed only after the server's receipt for these
very bytes, and only after the number of the newest acknowledged one was written down; so a number
is never given twice, and a report may be sent twice but is never lost.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from client_updater import durable
from client_updater.errors import StateUnusable
from client_updater.state import read_private
from manifests.envelope import peek
from manifests.install_report import REPORT_TYPE

_SUFFIX = ".dsse"


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
        """The server has these reports: remember that, then forget them.

        Raises:
            DiskFull, DiskError: they may be sent again, which does no harm.
        """
        newest = max(*sequences, self.acknowledged())
        durable.write(self.folder / "acknowledged", str(newest).encode())
        for sequence in sequences:
            durable.remove(self._path(sequence))

    def set_aside(self, sequence: int) -> None:
        """Take out of the way what the server will never accept; it is kept for a person."""
        durable.make_folders(self.folder / "refused")
        path = self._path(sequence)
        durable.rename_unsynced(path, self.folder / "refused" / path.name)
        self.acknowledge(sequence)

    def _numbers(self) -> list[int]:
        names = (path.name.removesuffix(_SUFFIX) for path in self.folder.glob(f"*{_SUFFIX}"))
        return [int(name) for name in names if name.isdecimal()]

    def _path(self, sequence: int) -> Path:
        return self.folder / f"{sequence:012d}{_SUFFIX}"
