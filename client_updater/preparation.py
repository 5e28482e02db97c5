"""The part of an attempt that changes nothing that runs: download a release and stage it."""

import logging
from dataclasses import dataclass
from functools import partial

from client_updater import archive
from client_updater.deltas import Basis, Deltas
from client_updater.downloads import Downloads
from client_updater.errors import (
    AgentError,
    Incompatible,
    Interrupted,
    Stopping,
    Unreachable,
    UntrustedMetadata,
)
from client_updater.journal import Attempt, Journal, Step
from client_updater.parts import Progress
from client_updater.slots import Slots
from client_updater.trusted import Target, Trusted
from manifests.release import Artifact, Release
from manifests.target_paths import role_of

log = logging.getLogger("hsp-updater")

MAX_DELTA_TRIES = 2
MAX_STALLS = 3
"""Polls in a row without a byte of progress, after which a download has failed."""


@dataclass
class Preparation:
    """What downloading and staging work with."""

    slots: Slots
    downloads: Downloads
    journal: Journal
    platform: str
    trusted: Trusted | None = None
    """None before the repository was asked; only attempts that are past this part go on then."""

    @property
    def deltas(self) -> Deltas:
        """The shorter way, where there is one."""
        return Deltas(self.slots, self.platform)

    def target(self, release: Release) -> Target:
        """What is to be downloaded for ``release``.

        Raises:
            Incompatible: it has nothing for this platform.
            Untrusted, Unreachable: as ``Trusted.find``; or the artifact was not signed.
        """
        if self.trusted is None:
            raise Interrupted("the repository has not been asked yet")
        artifact = self._artifact(release)
        found = self.trusted.find(str(release.path.sibling(artifact.name)), role_of(release.path))
        if found is None:
            raise UntrustedMetadata(f"{release.path} names {artifact.name}, which nobody signed")
        return found

    def download(self, attempt: Attempt) -> Attempt:
        """Fetch the artifact, as far as it is not here.

        Raises:
            AgentError: it does not come, does not fit, or is not what was signed.
            Stopping: the agent is to end; what came is kept.
        """
        release, artifact = self.wanted(attempt)
        if self.slots.is_staged(release, artifact):
            return attempt.at(Step.STAGE)
        self.slots.check_room(artifact)
        arrived: list[int] = []
        try:
            attempt = self._by_delta(attempt, release, artifact, arrived.append)
            if not attempt.saved_bytes:
                self.downloads.fetch(self.target(release), arrived.append)
        except (Unreachable, Stopping):
            self.journal.note(_moved(attempt, sum(arrived)))
            raise
        return _moved(attempt, sum(arrived)).at(Step.STAGE)

    def _by_delta(
        self, attempt: Attempt, release: Release, artifact: Artifact, arrived: Progress
    ) -> Attempt:
        """Stage the release by a delta; where that does not work, the artifact is still to come."""
        if self.trusted is None or attempt.from_version is None:
            return attempt
        if attempt.delta_tries >= MAX_DELTA_TRIES:
            return attempt
        try:
            basis = self.deltas.basis(attempt.product, attempt.from_version)
            delta = self.deltas.offered(self.trusted, basis, release, artifact)
            saved = self.target(release).length - delta.length if delta else 0
            if delta is None or saved <= 0:
                return attempt
            return self._staged_by(delta, basis, attempt, saved, arrived)
        except AgentError as error:
            log.warning("the delta is of no use, the whole artifact is fetched: %s", error)
            may_resume = isinstance(error, Unreachable)
            tries = attempt.delta_tries if may_resume else MAX_DELTA_TRIES
            return attempt.model_copy(update={"delta_tries": tries})

    def _staged_by(
        self, delta: Target, basis: Basis, attempt: Attempt, saved: int, arrived: Progress
    ) -> Attempt:
        fetched = self.downloads.fetch(delta, arrived)
        begun = attempt.model_copy(update={"delta_tries": attempt.delta_tries + 1})
        self.journal.note(begun)
        try:
            self.deltas.stage(fetched, basis, *self.wanted(attempt))
        finally:
            self.downloads.forget(delta.digest)
        log.info("a delta of %d bytes spared %d", delta.length, saved)
        return begun.model_copy(update={"saved_bytes": saved})

    def is_ready(self, release: Release) -> bool:
        """Whether an attempt at it waits, staged, for its moment."""
        attempt = self.journal.read(release.path.product)
        return (
            attempt is not None
            and (attempt.release, attempt.step) == (str(release.path), Step.STAGE)
            and self.slots.path(attempt.product, attempt.version).is_dir()
        )

    def has_stalled(self, attempt: Attempt) -> bool:
        """Whether its download has come no further for too many polls."""
        noted = self.journal.read(attempt.product)
        return noted is not None and noted.stalls >= MAX_STALLS

    def stage(self, attempt: Attempt) -> Attempt:
        """Unpack what was downloaded; where a power loss took it, go back a step.

        Raises:
            ArtifactMismatch: it is not what was signed.
            DiskFull, DiskError: the system refuses.
        """
        release, artifact = self.wanted(attempt)
        if self.slots.is_staged(release, artifact):
            return attempt.at(Step.ACTIVATE)
        target = self.target(release)
        compressed = self.downloads.ready(target)
        if compressed is None:
            return attempt.at(Step.DOWNLOAD)
        self.slots.stage(release, artifact, partial(archive.unpack, compressed, artifact))
        self.downloads.forget(target.digest)
        return attempt.at(Step.ACTIVATE)

    def wanted(self, attempt: Attempt) -> tuple[Release, Artifact]:
        """The release of an attempt, from the record that was kept of it.

        Raises:
            InstallFailed: the record is lost. Incompatible: nothing for this platform.
        """
        release = self.slots.release(attempt.product, attempt.version)
        return release, self._artifact(release)

    def _artifact(self, release: Release) -> Artifact:
        artifact = release.manifest.artifact_for(self.platform)
        if artifact is None:
            raise Incompatible(f"{release.path} has nothing for the platform {self.platform}")
        return artifact


def _moved(attempt: Attempt, arrived: int) -> Attempt:
    """The attempt after ``arrived`` more bytes came; none at all is a stall."""
    return attempt.model_copy(
        update={
            "downloaded_bytes": attempt.downloaded_bytes + arrived,
            "stalls": 0 if arrived else attempt.stalls + 1,
        }
    )
