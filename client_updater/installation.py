"""One attempt, step by step: download, stage, activate, confirm, then keep, or revert and fail.

Each method below does one step and says which comes next; ``proceed`` notes it, reports it and
goes on. Every step can be done twice, so a crash anywhere ends in the same place as no crash.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from client_updater import health
from client_updater.errors import AgentError, InstallFailed, Interrupted, StartFailed, Unreachable
from client_updater.floor import FloorFile
from client_updater.journal import Attempt, Journal, Step
from client_updater.preparation import Preparation
from client_updater.products import Products
from client_updater.reporting import Reporter
from client_updater.running import Installed, Services
from client_updater.slots import Slots
from client_updater.values import values_for
from manifests.failures import FailureCode
from manifests.install_report import Phase
from manifests.release import Release
from manifests.site import SitePolicy

MAX_STARTS = 3
"""A version that was started so often without being confirmed is put back."""


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
    clock: Callable[[], datetime]
    pause: health.Pause
    policy: SitePolicy

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
            Step.CONFIRM: self._confirm,
            Step.REVERT: self._revert,
            Step.KEEP: self._keep,
            Step.FAIL: self._fail,
        }
        try:
            return steps[attempt.step](attempt)
        except AgentError as error:
            if attempt.step in (Step.KEEP, Step.FAIL):
                raise
            return self._after(attempt, error)

    def _after(self, attempt: Attempt, error: AgentError) -> Attempt:
        """What comes after a step that failed."""
        waits = isinstance(error, Unreachable) and attempt.step.is_preparation
        if waits and not self.preparation.has_stalled(attempt):
            raise error
        tail = self.services.programs.tail(attempt.product, attempt.version)
        log_tail = tail if attempt.step in (Step.ACTIVATE, Step.CONFIRM) else attempt.log_tail
        return attempt.failed(error).model_copy(update={"log_tail": log_tail})

    def _enter_or_fail(self, attempt: Attempt, following: Attempt) -> Attempt:
        try:
            return self.enter(following)
        except AgentError as error:
            if following.step not in (Step.STAGE, Step.ACTIVATE, Step.CONFIRM):
                raise
            return self.enter(attempt.failed(error))

    def _activate(self, attempt: Attempt) -> Attempt:
        _, artifact = self.preparation.wanted(attempt)
        self.slots.verify(attempt.product, attempt.version, artifact.files)
        self.slots.activate(attempt.product, attempt.version)
        self._stop(attempt.product, attempt.from_version)
        return attempt.at(Step.CONFIRM)

    def _confirm(self, attempt: Attempt) -> Attempt:
        if self.slots.current(attempt.product) != attempt.version:
            self.slots.activate(attempt.product, attempt.version)
        installed = self.installed(attempt.product, attempt.version)
        if attempt.starts == 0 or not self.services.is_up(installed):
            attempt = self._start_once_more(attempt, installed)
        self._check_health(installed)
        return attempt.at(Step.KEEP)

    def _start_once_more(self, attempt: Attempt, installed: Installed) -> Attempt:
        if attempt.starts >= MAX_STARTS:
            raise StartFailed(f"started {attempt.starts} times and never found healthy")
        counted = attempt.model_copy(update={"starts": attempt.starts + 1})
        self.journal.note(counted)  # before the start: what it starts may take us with it
        self.services.start(installed)
        return counted

    def _check_health(self, installed: Installed) -> None:
        def is_up() -> bool:
            return self.services.is_up(installed)

        health.check(health.Patient(installed, is_up, self.pause))

    def _keep(self, attempt: Attempt) -> None:
        product, version = attempt.product, attempt.version
        self.floors.save(self.floors.load().confirmed(product, version))
        self.products.write(product, self.products.read(product).rearmed(version))
        self.slots.keep(product, version, attempt.from_version)
        self.preparation.downloads.forget(attempt.compressed_sha256)
        self.journal.clear(product)

    def _revert(self, attempt: Attempt) -> Attempt:
        before = attempt.from_version
        if before is None:
            self._stop(attempt.product, attempt.version, for_good=True)
            self.slots.deactivate(attempt.product)
            return _ended(attempt, Phase.FAILED)
        self._stop(attempt.product, attempt.version)
        self._point_back(attempt.product, before)
        installed = self.installed(attempt.product, before)
        self.services.start(installed)
        self._check_health(installed)
        return _ended(attempt, Phase.REVERTED)

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
        release = self.slots.release(product, version)
        values = values_for(release.manifest, self.policy)
        return Installed(release, self.slots.path(product, version), values)

    def _stop(self, product: str, version: str | None, *, for_good: bool = False) -> None:
        """End whatever runs of the product; without its record, in the way that ends anything."""
        installed = None if version is None else self._stoppable(product, version)
        if installed is None:
            self.services.programs.stop(product, grace_seconds=10)
        elif for_good:
            self.services.shut_down(installed)
        else:
            self.services.stop(installed)

    def _stoppable(self, product: str, version: str) -> Installed | None:
        """A version as far as it is known: a value that is missing by now must not keep it up."""
        try:
            release = self.slots.release(product, version)
        except InstallFailed:
            return None
        values = self.policy.variables.get(product, {})
        return Installed(release, self.slots.path(product, version), values)


def _ended(attempt: Attempt, outcome: Phase) -> Attempt:
    return attempt.model_copy(update={"step": Step.FAIL, "outcome": outcome})
