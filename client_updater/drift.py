"""Installed files that are not what was signed, by drift, damage or tampering, and mending them.

A file comes from the other slot where that has it, else from the repository; each is checked before
it takes its place, and gets it in one step. Files that nobody signed are named and left alone: they
may be a client's own.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from client_updater import archive, durable
from client_updater.agent import Agent
from client_updater.errors import ArtifactMismatch, InstallFailed, disk_trouble
from client_updater.installation import Installer
from client_updater.journal import Attempt, Step
from client_updater.settings import last_policy
from client_updater.slots import files_below, verify_tree
from manifests.file_list import FileEntry
from manifests.release import Artifact, FileAgeCheck, Release

_TEMPORARY = ".hsp-updater.mended"
_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was signed."""

    what: str
    entry: FileEntry | None = None
    """The signed file that is damaged or missing; None for what nobody signed."""


@dataclass(frozen=True)
class Drift:
    """The current version of one product, compared with what was signed."""

    agent: Agent
    product: str
    version: str

    @property
    def installer(self) -> Installer:
        """With the policy as it last was."""
        return self.agent.installer(last_policy(self.agent.state))

    @property
    def slot(self) -> Path:
        """Where it lies."""
        return self.agent.slots.path(self.product, self.version)

    def differences(self) -> list[Difference]:
        """Everything that differs, in the slot and beyond it.

        Raises:
            AgentError: the record of what was signed is lost.
        """
        release, artifact = self._signed()
        installed = self.installer.installed(self.product, self.version)
        elsewhere = self.installer.placing.differences(installed)
        return [
            *_damaged(self.slot, artifact),
            *_added(self.slot, artifact, release),
            *(Difference(what) for what in elsewhere),
        ]

    def repair(self) -> list[Difference]:
        """Mend what can be mended, start the version again, and say what differed.

        Raises:
            AgentError: something could not be had or put in place; what was mended stays so.
        """
        found = self.differences()
        broken = [each.entry for each in found if each.entry is not None]
        for entry in broken:
            if not self._mend_from_neighbour(entry):
                self._mend_from_repository(broken)
                break
        installed = self.installer.installed(self.product, self.version)
        if self.installer.placing.differences(installed):
            self.installer.placing.put_back(self._as_attempt(), installed)
        if found:
            self.agent.services.stop(installed)
            self.agent.services.start(installed)
        return found

    def _signed(self) -> tuple[Release, Artifact]:
        return self.installer.preparation.wanted(self._as_attempt())

    def _as_attempt(self) -> Attempt:
        return Attempt(
            attempt_id="repair",
            product=self.product,
            release=str(self.agent.slots.release(self.product, self.version).path),
            version=self.version,
            step=Step.CONFIRM,
            started_at=self.agent.clock(),
        )

    def _mend_from_neighbour(self, entry: FileEntry) -> bool:
        slots = self.agent.slots
        previous = slots.previous(self.product)
        if previous is None or previous == self.version:
            return False
        platform = self.agent.enrolment.profile.platform
        with suppress(InstallFailed, ArtifactMismatch):
            other = slots.release(self.product, previous).manifest.artifact_for(platform)
            for twin in other.files if other is not None else ():
                if twin.sha256 == entry.sha256:
                    folder = slots.path(self.product, previous)
                    verify_tree(folder, (twin,), exactly=False)
                    _put(folder / twin.path, self.slot, entry)
                    return True
        return False

    def _mend_from_repository(self, entries: list[FileEntry]) -> None:
        release, artifact = self._signed()
        trusted, agent = self.agent.trusted(), self.agent
        trusted.refresh()
        preparation = self.agent.installer(last_policy(agent.state), trusted).preparation
        target = preparation.target(release)
        fresh = agent.slots.staging / f"{self.product}-{self.version}.repair"
        try:
            compressed = agent.downloads.fetch(target, lambda count: None)
            archive.unpack(compressed, artifact, fresh)
            for entry in entries:
                _put(fresh / entry.path, self.slot, entry)
        finally:
            durable.remove(fresh)
            agent.downloads.forget(target.digest)


def _damaged(slot: Path, artifact: Artifact) -> Iterator[Difference]:
    for entry in artifact.files:
        try:
            verify_tree(slot, (entry,), exactly=False)
        except ArtifactMismatch as error:
            yield Difference(error.message, entry)


def _added(slot: Path, artifact: Artifact, release: Release) -> Iterator[Difference]:
    checks = release.manifest.health.checks
    known = {entry.path for entry in artifact.files}
    known |= {check.path for check in checks if isinstance(check, FileAgeCheck)}
    for path in sorted(set(files_below(slot)) - known):
        yield Difference(f"{slot / path} is not in the signed list")


def _put(source: Path, slot: Path, entry: FileEntry) -> None:
    """Copy a good file to its place; what stands in its way goes."""
    target = slot / entry.path
    for folder in [*reversed(target.relative_to(slot).parents)][1:]:
        _make_way(slot / folder)
    if target.is_dir() and not target.is_symlink():
        durable.remove(target)
    new = target.with_name(_TEMPORARY)
    durable.remove(new)
    try:
        with source.open("rb") as file, durable.create(new, mode=int(entry.mode, 8)) as copy:
            while piece := file.read(_PIECE_BYTES):
                copy.write(piece)
            copy.sync()
    except OSError as error:
        raise disk_trouble(error, f"mend {target}") from error
    durable.move(new, target)


def _make_way(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        durable.remove(folder)
        parent = durable.open_folder(folder.parent)
        try:
            os.close(durable.make_folder_at(folder.name, parent))
        finally:
            os.close(parent)
