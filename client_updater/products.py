"""What a site has learnt about each product's releases, and what follows for its next decision.

A record says which versions failed here, how often, when the next try may come, and which ones
the administrator approved. What must survive even the loss of this record is in the trust floor:
the newest confirmed version, and the versions that were seen stopped.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from client_updater import durable
from client_updater.errors import StateUnusable
from client_updater.floor import Floor
from client_updater.slots import Slots
from client_updater.state import read_private
from manifests.decision import NOBODY, Wait
from manifests.documents import Document, UtcDatetime
from manifests.errors import ManifestError
from manifests.failures import FailureCode
from manifests.site import InstalledProduct

V = TypeVar("V")

MAX_TRIES = 3
"""After so many failed attempts a version waits for a person."""
_LONGEST_PAUSE = timedelta(hours=24)

TRIED_AGAIN = frozenset(
    {
        FailureCode.UNREACHABLE,
        FailureCode.DOWNLOAD_FAILED,
        FailureCode.DISK_FULL,
        FailureCode.DISK_ERROR,
        FailureCode.ARTIFACT_MISMATCH,
        FailureCode.INTERRUPTED,
    }
)
"""Failures that may pass by themselves: the site still runs what it ran, and tries again."""

_NEVER_FINAL = frozenset(
    {FailureCode.UNREACHABLE, FailureCode.DOWNLOAD_FAILED, FailureCode.INTERRUPTED}
)
"""Of those, the ones that say nothing against this version at this site."""


class ProductRecord(Document):
    """One product's history at this site, as far as it matters for what comes next."""

    failed: dict[str, str] = Field(default_factory=dict)
    approved: tuple[str, ...] = ()
    tries: dict[str, int] = Field(default_factory=dict)
    not_before: dict[str, UtcDatetime] = Field(default_factory=dict)

    def with_failure(self, version: str, code: FailureCode, now: datetime) -> "ProductRecord":
        """After an attempt failed: either a pause before the next one, or no next one."""
        tries = self.tries.get(version, 0) + 1
        patient = code in _NEVER_FINAL or (code in TRIED_AGAIN and tries < MAX_TRIES)
        if not patient:
            return self.rearmed(version).model_copy(
                update={"failed": {**self.failed, version: code.value}}
            )
        pause = min(timedelta(minutes=2.0 ** min(tries, 20)), _LONGEST_PAUSE)
        return self.model_copy(
            update={
                "tries": {**self.tries, version: tries},
                "not_before": {**self.not_before, version: now + pause},
            }
        )

    def rearmed(self, version: str) -> "ProductRecord":
        """With nothing held against ``version`` any more."""
        return self.model_copy(
            update={
                "failed": _without(self.failed, version),
                "tries": _without(self.tries, version),
                "not_before": _without(self.not_before, version),
            }
        )

    def with_approval(self, version: str) -> "ProductRecord":
        """After the administrator said yes to an emergency version."""
        return self.model_copy(update={"approved": tuple(sorted({*self.approved, version}))})

    def pause(self, version: str, now: datetime) -> Wait | None:
        """The wait between two tries of the same version."""
        until = self.not_before.get(version)
        if until is None or not now < until <= now + _LONGEST_PAUSE:
            return None  # a longer one was written under a clock that was ahead
        reason = f"attempt {self.tries.get(version, 0)} of it failed; it is tried again"
        return Wait("pause", until, reason, NOBODY)


def _without(mapping: dict[str, V], key: str) -> dict[str, V]:
    return {name: value for name, value in mapping.items() if name != key}


@dataclass(frozen=True)
class Products:
    """The records of all products, one file each."""

    folder: Path
    slots: Slots

    def read(self, product: str) -> ProductRecord:
        """The record; a lost one is an empty one, which only means another try."""
        with suppress(FileNotFoundError, StateUnusable, ManifestError):
            return ProductRecord.from_bytes(read_private(self._path(product)))
        return ProductRecord()

    def write(self, product: str, record: ProductRecord) -> None:
        """Keep the record durably.

        Raises:
            DiskFull, DiskError: it is as it was.
        """
        if record != self.read(product):
            durable.write(self._path(product), record.to_bytes())

    def installed(self, product: str, floor: Floor) -> InstalledProduct:
        """What ``decide`` needs to know about it."""
        record = self.read(product)
        return InstalledProduct(
            version=self.slots.current(product),
            failed=record.failed,
            stopped=floor.stopped.get(product, ()),
            approved=record.approved,
        )

    def all_installed(self, products: Iterable[str], floor: Floor) -> dict[str, InstalledProduct]:
        """The same of several products."""
        return {name: self.installed(name, floor) for name in products}

    def _path(self, product: str) -> Path:
        return self.folder / f"{product}.json"
