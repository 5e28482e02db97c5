"""One attempt, step by step: download, stage, activate, confirm, then keep, or revert and fail.

Each method below does one step and says which comes next; ``proceed`` notes it, reports it and
goes on. Every step can be done twice, so a crash anywhere ends in the same place as no crash.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from client_updater.confirmation import Confirmation
from client_updater.data_folders import data_folders
from client_updater.errors import DISK_TROUBLE, AgentError, InstallFailed, Interrupted, Unreachable
from client_updater.floor import FloorFile
from client_updater.journal import Attempt, Journal, Step
from client_updater.placing import Placing
from client_updater.preparation import Preparation
from client_updater.products import Products
from client_updater.reporting import Reporter
from client_updater.restoring import restore
from client_updater.running import Installed, Services
from client_updater.slots import Slots
from client_updater.snapshots import Snapshots
from client_updater.versions import Versions
from manifests.failures import FailureCode
from manifests.install import SlotInstall
from manifests.install_report import Phase
from manifests.release import Release
from manifests.site import SitePolicy
from manifests.target_paths import AGENT_PRODUCT

MAX_PLACINGS = 3
"""An installer that was interrupted so often is not begun again."""


def always() -> bool:
    """For an attempt that may go on in any case."""
    return True


@dataclass
class Installer:
    """Everything that an attempt works with."""

    slots: Slots
    journal: Journal
    products: Products
    floors: FloorFile
    services: Services
    reporter: Reporter
    preparation: Preparation
    placing: Placing
    confirmation: Confirmation
    clock: Callable[[], datetime]
    policy: SitePolicy

    @property
    def versions(self) -> Versions:
        """What is here, seen with the policy."""
        return Versions(self.slots, self.policy)

    def begin(self, release: Release) -> Attempt:
        """Note a new attempt at a release, in place of one that it overtakes.

        Raises:
            AgentError: it cannot begin.
        """
        product, version = release.path.product, release.path.version
        before = self.journal.read(product)
        if before is not None and before.release == str(release.path):
            return before
        if before is not None:
            self.abandon(before, f"{release.path} is to be installed instead")
        target = self.preparation.target(release)
        self.slots.remember(release)
        return self.enter(
            Attempt(
                attempt_id=uuid.uuid4().hex,
                product=product,
                release=str(release.path),
                version=version,
                from_version=self.slots.current(product),
                step=Step.DOWNLOAD,
                started_at=self.clock(),
                compressed_sha256=target.digest,
            )
        )

    def enter(self, attempt: Attempt) -> Attempt:
        """Note the attempt's step, then report it.

        Raises:
            DiskFull, DiskError: it is not noted, or not reported.
        """
        number = self.reporter.next_sequence()
        noted = self.journal.note(attempt.model_copy(update={"sequence": number}))
        self.reporter.report_step(noted, self.clock())
        return noted

    def proceed(self, attempt: Attempt, may_change: Callable[[], bool] = always) -> None:
        """Go on from a noted step to the end of the attempt.

        Args:
            attempt: as it was noted.
            may_change: asked before the first step that changes what runs. If it says no, the
                attempt stays where it is, downloaded and staged, for a better moment.

        Raises:
            AgentError: the attempt stays where it is and goes on at the next poll.
            Stopping: likewise.
        """
        following: Attempt | None = attempt
        while following is not None:
            attempt = following
            following = self._run(attempt)
            if following is None:
                return
            if following.step is Step.ACTIVATE and not may_change():
                return
            following = self._enter_or_fail(attempt, following)

    def _run(self, attempt: Attempt) -> Attempt | None:
        steps: Mapping[Step, Callable[[Attempt], Attempt | None]] = {
            Step.DOWNLOAD: self.preparation.download,
            Step.STAGE: self.preparation.stage,
            Step.ACTIVATE: self._activate,
            Step.RESTART: self.confirmation.restart,
            Step.CONFIRM: self._watch,
            Step.SOAK: self._watch,
            Step.REVERT: self._revert,
            Step.KEEP: self._keep,
            Step.FAIL: self._fail,
        }
        try:
            return steps[attempt.step](attempt)
        except AgentError as error:
            if attempt.step in (Step.KEEP, Step.FAIL):
                raise
            if attempt.step is Step.REVERT and isinstance(error, DISK_TROUBLE):
                return self.journal.revert_again(attempt, error) or self._after(attempt, error)
            return self._after(attempt, error)

    def _after(self, attempt: Attempt, error: AgentError) -> Attempt:
        """What comes after a step that failed."""
        noted = self.journal.read(attempt.product)
        if noted is not None and (noted.attempt_id, noted.step) == (
            attempt.attempt_id,
            attempt.step,
        ):
            attempt = noted  # with what the step has counted before it failed
        waits = isinstance(error, Unreachable) and attempt.step.is_preparation
        if waits and not self.preparation.has_stalled(attempt):
            raise error
        tail = self.services.programs.tail(attempt.product, attempt.version)
        log_tail = tail if attempt.step.may_be_undone else attempt.log_tail
        return attempt.failed(error).model_copy(update={"log_tail": log_tail})

    def _enter_or_fail(self, attempt: Attempt, following: Attempt) -> Attempt:
        try:
            return self.enter(following)
        except AgentError as error:
            if not (following.step is Step.STAGE or following.step.may_be_undone):
                raise
            return self.enter(attempt.failed(error))

    def _activate(self, attempt: Attempt) -> Attempt:
        product, version, before = attempt.product, attempt.version, attempt.from_version
        release, artifact = self.preparation.wanted(attempt)
        self.slots.verify(product, version, artifact.files)
        installed = self.installed(product, version)
        folders = data_folders(release.manifest, self.policy, installed.values)
        snapshots = self._snapshots(product)
        if folders and snapshots.read(attempt.attempt_id) is None:
            snapshots.check_room(folders)
        if folders or not release.manifest.reboot_required:
            self._stop(product, before)  # else the old one goes on until the restart
        snapshots.take(attempt.attempt_id, folders)
        if product == AGENT_PRODUCT:
            self.confirmation.ourselves.prepare(before)
        self.slots.activate(product, version)
        attempt = self._put_in_place(attempt, installed)
        if product == AGENT_PRODUCT or release.manifest.reboot_required:
            boot_id = self.confirmation.boot_id
            return attempt.at(Step.RESTART).model_copy(update={"boot_id": boot_id})
        return attempt.at(Step.CONFIRM)

    def _put_in_place(self, attempt: Attempt, installed: Installed) -> Attempt:
        if isinstance(installed.release.manifest.install, SlotInstall):
            return attempt
        if attempt.placings >= MAX_PLACINGS:
            raise InstallFailed(f"its installer was begun {attempt.placings} times and never ended")
        counted = attempt.model_copy(update={"placings": attempt.placings + 1})
        self.journal.note(counted)  # before it begins: what was begun has to be undone
        self.placing.put(
            counted, installed, self.versions.known(attempt.product, attempt.from_version)
        )
        return counted

    def _watch(self, attempt: Attempt) -> Attempt | None:
        installed = self.installed(attempt.product, attempt.version)
        if attempt.step is Step.SOAK:
            return self.confirmation.soak(attempt, installed)
        return self.confirmation.confirm(attempt, installed)

    def _keep(self, attempt: Attempt) -> None:
        product, version = attempt.product, attempt.version
        self.floors.save(self.floors.load().confirmed(product, version))
        self.products.write(product, self.products.read(product).rearmed(version))
        self.slots.keep(product, version, attempt.from_version)
        if product == AGENT_PRODUCT:
            self.confirmation.ourselves.confirm(version)
        self._snapshots(product).forget(attempt.attempt_id)
        self.preparation.downloads.forget(attempt.compressed_sha256)
        self.journal.clear(product)

    def _revert(self, attempt: Attempt) -> Attempt:
        product, before = attempt.product, attempt.from_version
        self._stop(product, attempt.version, for_good=before is None)
        try:
            self._take_back(attempt)
        finally:  # a client's data comes back even where an installer's undo fails
            restore(self._snapshots(product), attempt.attempt_id)
        if before is None:
            self.slots.deactivate(product)
            return _ended(attempt, Phase.FAILED)
        self._point_back(product, before)
        installed = self.installed(product, before)
        self.placing.put_back(attempt, installed)
        self.services.start(installed)
        self.confirmation.check_health(installed)
        if product == AGENT_PRODUCT:
            self.confirmation.ourselves.confirm(before)
        return _ended(attempt, Phase.REVERTED)

    def _take_back(self, attempt: Attempt) -> None:
        installed = self.versions.stoppable(attempt.product, attempt.version)
        if installed is not None:
            before = self.versions.known(attempt.product, attempt.from_version)
            self.placing.take_back(attempt, installed, before)

    def _snapshots(self, product: str) -> Snapshots:
        return Snapshots(self.placing.snapshots / product)

    def _point_back(self, product: str, version: str) -> None:
        try:
            self.slots.activate(product, version)
        except AgentError:
            if self.slots.current(product) != version:
                raise

    def _fail(self, attempt: Attempt) -> None:
        assert attempt.code is not None  # noqa: S101 - ``failed`` sets it together with the step
        record = self.products.read(attempt.product)
        changed = record.with_failure(attempt.version, attempt.code, self.clock())
        self.products.write(attempt.product, changed)
        self.slots.discard(attempt.product, attempt.version)
        if attempt.outcome is not Phase.REVERT_FAILED:  # then a person may need it
            self._snapshots(attempt.product).forget(attempt.attempt_id)
        may_resume = attempt.code is FailureCode.DOWNLOAD_FAILED
        if not may_resume:
            self.preparation.downloads.forget(attempt.compressed_sha256)
        self.journal.clear(attempt.product)

    def abandon(self, attempt: Attempt, why: str) -> None:
        """Give up an attempt that has changed nothing yet.

        Raises:
            AgentError: it is still noted.
        """
        self.proceed(self.enter(attempt.failed(Interrupted(why))))

    def installed(self, product: str, version: str) -> Installed:
        """A version in its slot, with the site's values.

        Raises:
            InstallFailed: its record is lost. Incompatible: a value is missing.
        """
        return self.versions.installed(product, version)

    def _stop(self, product: str, version: str | None, *, for_good: bool = False) -> None:
        """End whatever runs of the product; without its record, in the way that ends anything."""
        installed = self.versions.stoppable(product, version)
        if installed is None:
            self.services.programs.stop(product, grace_seconds=10)
        elif for_good:
            self.services.shut_down(installed)
        else:
            self.services.stop(installed)


def _ended(attempt: Attempt, outcome: Phase) -> Attempt:
    return attempt.model_copy(update={"step": Step.FAIL, "outcome": outcome})
