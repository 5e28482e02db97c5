"""The step that each unfinished attempt has come to, noted before the step begins.

One file per product. After a crash the agent reads it and calls the same function that the note
names; so every step can be done twice, and what it reports carries the number that was noted.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field

from client_updater import durable
from client_updater.errors import AgentError, RevertFailed, StateUnusable
from client_updater.state import read_private
from manifests.documents import Document, UtcDatetime
from manifests.errors import ManifestError
from manifests.failures import FailureCode
from manifests.install_report import Phase
from manifests.target_paths import ProductName, VersionText

MAX_REVERTS = 12
"""Tries of a revert that the disk refuses, before it counts as failed."""


class Step(StrEnum):
    """What is being done. The first two change nothing that runs, the last two only tidy up."""

    DOWNLOAD = "download"
    STAGE = "stage"
    ACTIVATE = "activate"
    RESTART = "restart"
    CONFIRM = "confirm"
    SOAK = "soak"
    REVERT = "revert"
    KEEP = "keep"
    FAIL = "fail"

    @property
    def is_preparation(self) -> bool:
        """Whether the site is still untouched, so that it may be left for another day."""
        return self in (Step.DOWNLOAD, Step.STAGE)

    @property
    def is_watching(self) -> bool:
        """Whether all is done, and it is only to be seen how it goes."""
        return self in (Step.RESTART, Step.SOAK)

    @property
    def may_be_undone(self) -> bool:
        """Whether the new version is there, and the old one can still be put back."""
        return self in (Step.ACTIVATE, Step.RESTART, Step.CONFIRM, Step.SOAK)


class Attempt(Document):
    """One release on its way into one site."""

    attempt_id: str
    product: ProductName
    release: str
    version: VersionText
    from_version: VersionText | None = None
    step: Step
    sequence: Annotated[int, Field(ge=0)] = 0
    """The number of the report that this step makes, if it makes one."""
    started_at: UtcDatetime
    compressed_sha256: str = ""
    """Of what is downloaded."""
    starts: int = 0
    """How often the new version had to be started before it was confirmed."""
    placings: int = 0
    """How often an installer, ours or a vendor's, was begun to put it in place."""
    revert_tries: int = 0
    """How often the disk refused what putting the old version back needs."""
    boot_id: str = ""
    """The boot in which it was activated or last started."""
    soak_until: UtcDatetime | None = None
    """When it has been healthy for long enough."""
    stalls: int = 0
    """Polls in a row in which nothing of it could be downloaded."""
    downloaded_bytes: int = 0
    saved_bytes: int = 0
    """What a delta was shorter than the artifact."""
    delta_tries: int = 0
    """How often a delta was begun: one that ends the agent itself must not do so for ever."""
    outcome: Phase | None = None
    code: FailureCode | None = None
    detail: str = ""
    log_tail: str = ""
    hook_status: int | None = None

    @property
    def is_relied_on(self) -> bool:
        """Whether its note has to outlive a power loss from the moment that it is written.

        At STAGE, and at CONFIRM before the first start, nothing was told or done that would not
        come to the same when the step before is done again.
        """
        return not (self.step is Step.STAGE or (self.step is Step.CONFIRM and self.starts == 0))

    def at(self, step: Step) -> "Attempt":
        """The attempt at its next step."""
        return self.model_copy(update={"step": step})

    def failed(self, error: AgentError) -> "Attempt":
        """The attempt after its step failed: to be reverted where anything was changed."""
        detail, status = str(error)[:8000], error.hook_status
        why = {"code": error.code, "detail": detail, "hook_status": status}
        if self.step.is_preparation:
            return self.model_copy(update={**why, "step": Step.FAIL, "outcome": Phase.FAILED})
        if self.step.may_be_undone:
            return self.model_copy(update={**why, "step": Step.REVERT})
        detail = f"{error}; it was reverted because: {self.detail}"[:8000]
        return self.model_copy(
            update={
                "step": Step.FAIL,
                "outcome": Phase.REVERT_FAILED,
                "code": RevertFailed.code,
                "detail": detail,
            }
        )

    def seconds(self, now: datetime) -> float:
        """How long it has taken; a clock that was set back makes that zero."""
        return max((now - self.started_at).total_seconds(), 0)


@dataclass(frozen=True)
class Journal:
    """The notes of all products."""

    folder: Path

    def note(self, attempt: Attempt) -> Attempt:
        """Write down what comes next before it begins, durably where anything relies on it.

        Raises:
            DiskFull, DiskError: the old note still stands.
        """
        write = durable.write if attempt.is_relied_on else durable.write_in_order
        write(self._path(attempt.product), attempt.to_bytes())
        return attempt

    def revert_again(self, attempt: Attempt, error: AgentError) -> Attempt | None:
        """What follows when the disk refuses what a revert needs: another try at once.

        Later tries come with the next polls; None when there were too many. A disk that refuses
        is no reason to give a site up, but where it takes our notes of it a person has to come.

        Raises:
            AgentError: ``error``; the attempt stays where it is.
        """
        tries = attempt.revert_tries + 1
        counted = attempt.model_copy(update={"revert_tries": tries})
        if tries >= MAX_REVERTS:
            return None
        if tries == 1:
            return counted
        with suppress(AgentError):
            self.note(counted)
        raise error

    def clear(self, product: str) -> None:
        """The attempt is over. Coming to this point twice does no harm, so it is not synced."""
        durable.remove(self._path(product))

    def read(self, product: str) -> Attempt | None:
        """The unfinished attempt at this product.

        A note that cannot be read is dropped: the slots are whole whatever it said, and what the
        link points at is what runs.
        """
        try:
            return Attempt.from_bytes(read_private(self._path(product)))
        except FileNotFoundError:
            return None
        except (ManifestError, StateUnusable):
            durable.remove(self._path(product))
            return None

    def counted(self, attempt: Attempt) -> Attempt:
        """The attempt with what its present step has noted since it began."""
        noted = self.read(attempt.product)
        if noted is None or (noted.attempt_id, noted.step) != (attempt.attempt_id, attempt.step):
            return attempt
        return noted

    def unfinished(self) -> list[Attempt]:
        """All unfinished attempts, in the order of their products' names."""
        names = sorted(path.stem for path in self.folder.glob("[a-z0-9]*.json"))
        found = (self.read(name) for name in names)
        return [attempt for attempt in found if attempt is not None]

    def _path(self, product: str) -> Path:
        return self.folder / f"{product}.json"
