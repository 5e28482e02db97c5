"""From activated to confirmed: the restart that a version may need, its start, checks and soak."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from client_updater import health
from client_updater.errors import StartFailed
from client_updater.journal import Attempt, Journal, Step
from client_updater.ourselves import Ourselves
from client_updater.running import Installed, Services
from client_updater.slots import Slots
from manifests.decision import ADMINISTRATOR, NOBODY, Wait
from manifests.target_paths import AGENT_PRODUCT

MAX_STARTS = 3
"""A version that was started so often without being confirmed is put back."""


@dataclass
class Confirmation:
    """What watching a version works with. Its steps return None for: stay, look again later."""

    slots: Slots
    journal: Journal
    services: Services
    ourselves: Ourselves
    clock: Callable[[], datetime]
    pause: health.Pause
    boot_id: str
    is_proven: bool = False
    """Whether this very poll reached the repository and the server: the agent's own check."""

    def restart(self, attempt: Attempt) -> Attempt | None:
        """Wait for the machine, or the agent, to be started again.

        Raises:
            StartFailed: the launcher has put the agent of before back.
        """
        if attempt.product != AGENT_PRODUCT:
            return attempt.at(Step.CONFIRM) if attempt.boot_id != self.boot_id else None
        self._see_that_it_is_current(attempt)
        return attempt.at(Step.CONFIRM) if self.ourselves.version == attempt.version else None

    def confirm(self, attempt: Attempt, installed: Installed) -> Attempt | None:
        """Start a version and check its health.

        Raises:
            StartFailed, Unhealthy: it is to be reverted.
        """
        self._see_that_it_is_current(attempt)
        if attempt.starts == 0 or not self.services.is_up(installed):
            attempt = self._start_once_more(attempt, installed)
        self.check_health(installed)
        if attempt.product == AGENT_PRODUCT and not self.is_proven:
            return None
        soak = timedelta(seconds=installed.release.manifest.health.soak_seconds)
        if not soak:
            return attempt.at(Step.KEEP)
        until = self.clock() + soak
        return attempt.at(Step.SOAK).model_copy(update={"soak_until": until})

    def _see_that_it_is_current(self, attempt: Attempt) -> None:
        if self.slots.current(attempt.product) == attempt.version:
            return
        if attempt.product == AGENT_PRODUCT:  # the launcher's doing
            raise StartFailed(f"the agent {attempt.version} did not stay up, or did not poll")
        self.slots.activate(attempt.product, attempt.version)

    def _start_once_more(self, attempt: Attempt, installed: Installed) -> Attempt:
        if attempt.starts >= MAX_STARTS:
            raise StartFailed(f"started {attempt.starts} times and never found healthy")
        counted = attempt.model_copy(update={"starts": attempt.starts + 1, "boot_id": self.boot_id})
        self.journal.note(counted)  # before the start: what it starts may take us with it
        self.services.start(installed)
        return counted

    def soak(self, attempt: Attempt, installed: Installed) -> Attempt | None:
        """Look at a version that was healthy once; in the end it is kept.

        Only a restart of the machine is a reason for it not to run.

        Raises:
            StartFailed, Unhealthy: it is to be reverted, however late.
        """
        self._see_that_it_is_current(attempt)
        if not self.services.is_up(installed) and attempt.boot_id != self.boot_id:
            attempt = self._start_once_more(attempt, installed)
        self.check_health(installed)
        soak = timedelta(seconds=installed.release.manifest.health.soak_seconds)
        now, until = self.clock(), attempt.soak_until
        if until is None or now >= until:
            return attempt.at(Step.KEEP)
        if until > now + soak:  # the clock was set back: it does not make the soak longer
            self.journal.note(attempt.model_copy(update={"soak_until": now + soak}))
        return None

    def check_health(self, installed: Installed) -> None:
        """The manifest's checks.

        Raises:
            StartFailed, Unhealthy, Stopping: as ``health.check``.
        """

        def is_up() -> bool:
            return self.services.is_up(installed)

        def ended_with() -> int | None:
            return self.services.programs.ended_with(installed.product)

        health.check(health.Patient(installed, is_up, self.pause, ended_with))

    def wait(self, attempt: Attempt | None) -> Wait | None:
        """Why no other version is installed while this attempt is watched."""
        if attempt is None or not attempt.step.is_watching:
            return None
        if attempt.step is Step.SOAK:
            reason = f"{attempt.version} is healthy and is watched for a while"
            return Wait("confirmed", attempt.soak_until, reason, NOBODY)
        what = "this agent" if attempt.product == AGENT_PRODUCT else "this machine"
        by = NOBODY if attempt.product == AGENT_PRODUCT else ADMINISTRATOR
        reason = f"{attempt.version} is installed and runs when {what} is restarted"
        return Wait("confirmed", None, reason, by)
