"""The trust floor: what this site has seen, so that nothing older is ever believed again.

python-tuf's own folder does not survive a power loss (it syncs nothing), and a clock can be set
back. So the agent keeps this record: two copies, each with a CRC and a generation, both written
durably *before* anything new is acted on. A lost floor is an alarm, never a first use.

Source: the TUF specification 5.3 to 5.6 for versions, 5.3.11 for the reset; ``THREATS`` 0.a.
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from packaging.version import Version

from client_updater import durable, floor_text
from client_updater.errors import ClockWrong, Rollback, StateUnusable, TrustLost, UntrustedMetadata
from client_updater.state import read_private
from manifests.errors import ManifestError
from manifests.json_text import parse_json, to_json

CLOCK_TOLERANCE = timedelta(minutes=10)
"""How far a clock may be set back, as time servers do, before it is not believed."""
_PROOF_STEP = timedelta(minutes=10)
"""The proven time is written down in steps of this, to spare the disk."""


@dataclass(frozen=True)
class Seen:
    """What one verified refresh of the repository showed."""

    root_version: int
    root_sha256: str
    keyset: str
    """A hash of the keys of timestamp and snapshot."""
    timestamp: int
    snapshot: int
    roles: Mapping[str, int] = field(default_factory=dict)
    """Versions of the roles that concern this site, as the snapshot lists them."""


@dataclass(frozen=True)
class Floor:
    """The newest of everything. ``raised`` and its kin give a new floor and never a lower one."""

    root_version: int = 0
    root_sha256: str = ""
    keyset: str = ""
    timestamp: int = 0
    snapshot: int = 0
    roles: dict[str, int] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)
    """Per product, the newest version that was ever confirmed here."""
    stopped: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Per product, versions newer than that which this site has once seen stopped."""
    proven_time: datetime | None = None
    """The newest moment at which the clock and somebody else's agreed."""
    report_sequence: int = 0

    def raised(self, seen: Seen) -> "Floor":
        """The floor after a refresh.

        Raises:
            Rollback: something is older than it was.
            UntrustedMetadata: the same root version with other bytes.
        """
        self._check_root(seen)
        rotated = seen.root_version > self.root_version and seen.keyset != self.keyset
        below = Floor() if rotated else self
        _check_versions(below, seen)
        roles = {**below.roles, **seen.roles}
        return replace(self, **{**vars(seen), "roles": roles})

    def _check_root(self, seen: Seen) -> None:
        if seen.root_version < self.root_version:
            raise Rollback(f"root is {seen.root_version} and was {self.root_version} before")
        if seen.root_version == self.root_version and seen.root_sha256 != self.root_sha256:
            raise UntrustedMetadata(f"root {seen.root_version} is not the one seen before")

    def check_clock(self, now: datetime) -> None:
        """Refuse a clock that stands before a moment that has certainly passed.

        Raises:
            ClockWrong: by more than ten minutes.
        """
        if self.proven_time is not None and now < self.proven_time - CLOCK_TOLERANCE:
            raise ClockWrong(
                f"the clock says {now:%Y-%m-%d %H:%M} UTC, but {self.proven_time:%Y-%m-%d %H:%M} "
                "has passed already",
                hint="set the clock of this system",
            )

    def proven(self, now: datetime) -> "Floor":
        """The floor after somebody else's clock agreed that it is ``now``."""
        if self.proven_time is not None and now < self.proven_time + _PROOF_STEP:
            return self
        return replace(self, proven_time=now)

    def confirmed(self, product: str, version: str) -> "Floor":
        """The floor after ``version`` was found healthy: no older one is installed afresh."""
        newest = max(version, self.releases.get(product, version), key=Version)
        stopped = [
            text for text in self.stopped.get(product, ()) if Version(text) > Version(newest)
        ]
        return replace(
            self,
            releases={**self.releases, product: newest},
            stopped={**self.stopped, product: tuple(stopped)},
        )

    def with_stopped(self, product: str, versions: Iterable[str]) -> "Floor":
        """The floor after the plan called these versions stopped: they stay so here."""
        known = self.stopped.get(product, ())
        if not (added := sorted(set(versions) - set(known), key=Version)):
            return self
        return replace(self, stopped={**self.stopped, product: (*known, *added)})

    def numbered(self, sequence: int) -> "Floor":
        """The floor after the report with this number was acknowledged."""
        return replace(self, report_sequence=max(sequence, self.report_sequence))


def _check_versions(floor: Floor, seen: Seen) -> None:
    before = {"timestamp": floor.timestamp, "snapshot": floor.snapshot, **floor.roles}
    found = {"timestamp": seen.timestamp, "snapshot": seen.snapshot, **seen.roles}
    for role, version in before.items():
        if found.get(role, 0) < version:
            raise Rollback(f"{role} is {found.get(role, 'missing')} and was {version} before")


@dataclass
class FloorFile:
    """The floor on the disk: ``floor.a`` and ``floor.b`` in one folder."""

    folder: Path
    _synced: bool = field(default=False, init=False, compare=False)

    def load(self) -> Floor:
        """The newer of the two copies.

        Raises:
            TrustLost: neither can be read.
        """
        found = [copy for copy in map(_read, self._copies) if copy is not None]
        if not found:
            raise TrustLost(
                "both copies of the trust floor are lost or damaged: nothing is installed",
                hint="find out why, then: hsp-updater rearm --trust",
            )
        return max(found, key=lambda copy: copy[0])[1]

    def save(self, floor: Floor) -> Floor:
        """Make both copies say so durably; returns ``floor``.

        Raises:
            DiskFull, DiskError: at least one copy still says what it said.
        """
        self._synced &= not self.note(floor)
        if not self._synced:  # or who wrote what is there was killed before this
            durable.sync_folder(self.folder)
            self._synced = True
        return floor

    def note(self, floor: Floor) -> bool:
        """As ``save``, but a power loss may undo it; says whether anything was written."""
        found = [_read(path) for path in self._copies]
        if all(copy is not None and copy[1] == floor for copy in found):
            return False
        newest = max((copy[0] for copy in found if copy is not None), default=0)
        body = to_json({"generation": newest + 1, "floor": floor_text.plain(vars(floor))})
        for path in self._copies:
            durable.write_in_order(path, b"%08x\n" % zlib.crc32(body) + body)
        return True

    @property
    def _copies(self) -> tuple[Path, Path]:
        return self.folder / "floor.a", self.folder / "floor.b"


def _read(path: Path) -> tuple[int, Floor] | None:
    try:
        return _parsed(read_private(path))
    except (FileNotFoundError, StateUnusable, ManifestError, KeyError, TypeError, ValueError):
        return None


@lru_cache(maxsize=4)  # a poll reads the same bytes many times
def _parsed(content: bytes) -> tuple[int, Floor] | None:
    checksum, _, body = content.partition(b"\n")
    if checksum != b"%08x" % zlib.crc32(body):
        return None
    plain = parse_json(body, "the trust floor")
    return int(plain["generation"]), Floor(**floor_text.fields(plain["floor"]))
