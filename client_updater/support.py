"""What support asks of this site, from its coming with an answer to the receipt for its result.

taken up and noted -> refused or done -> answered, sealed by the site -> sent until it is received.

Steps are done between attempts. Only ``collect``, which changes nothing, may come while a version
waits to be confirmed: that may be what support wants to look at.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from client_updater.agent import Agent
from client_updater.diagnostics import redaction_of
from client_updater.errors import AgentError, PolicyInvalid
from client_updater.installation import Installer
from client_updater.redaction import Redaction
from client_updater.server import Rejected
from client_updater.step_book import Answered, StepBook
from client_updater.step_doing import Doing, Done, refused
from client_updater.step_rules import is_too_much, why_not
from manifests.envelope import seal
from manifests.errors import ManifestError, UpdateError
from manifests.remote_steps import (
    STEP_RESULT_TYPE,
    Outcome,
    RemoteStep,
    StepKind,
    StepResult,
)

log = logging.getLogger("hsp-updater")

CUT_OFF = (
    "the agent ended while it did this; how far it came is not known, and it is not done again"
)


@dataclass(frozen=True)
class SupportDesk:
    """One site's answer to its provider's support."""

    agent: Agent

    @property
    def book(self) -> StepBook:
        """What was taken up here."""
        return StepBook(self.agent.state / "steps")

    @cached_property
    def redacted(self) -> Redaction:
        """Everything that is answered goes through it."""
        return redaction_of(self.agent)

    def settle(self) -> None:
        """Answer the steps that a crash has cut off.

        Raises:
            DiskFull, DiskError: they are answered later.
        """
        for taken in self.book.cut_off():
            log.warning("support's %s was cut off", taken.kind)
            self._answer(taken.step_id, taken.kind, Done(Outcome.FAILED, CUT_OFF))

    def work(
        self, steps: Iterable[RemoteStep], installer: Installer, problems: Iterable[AgentError]
    ) -> None:
        """Take up what is new of these, as far as now is the time for it.

        Args:
            problems: of this poll; while the site's policy is none, nobody knows what it allows.

        Raises:
            DiskFull, DiskError: the rest is for the next poll.
        """
        is_clear = not any(isinstance(error, PolicyInvalid) for error in problems)
        profile = self.agent.enrolment.profile
        for step in steps:
            taken = self.book.taken()
            if any(each.step_id == step.step_id for each in taken) or self._must_wait(step):
                continue
            if is_too_much(taken, self.agent.clock()):
                log.warning("support asks for too much; the rest is left alone")
                return
            why = "" if is_clear else "the settings here have a mistake and allow nothing"
            why = why or why_not(step, profile, installer.policy, taken, self.agent.clock())
            self.book.note(step, self.agent.clock())
            log.info("support (%s) asks for: %s", step.asked_by, step)
            done = refused(why) if why else self._done(step, installer)
            log.info("support's %s: %s, %s", step, done.outcome, done.sentence)
            self._answer(step.step_id, step.kind, done)

    def _must_wait(self, step: RemoteStep) -> bool:
        if step.kind == StepKind.COLLECT:
            return False
        return any(not each.step.is_preparation for each in self.agent.journal.unfinished())

    def _done(self, step: RemoteStep, installer: Installer) -> Done:
        try:
            return Doing(self.agent, installer, self.redacted).do(step)
        except UpdateError as error:
            return Done(Outcome.FAILED, str(error))

    def _answer(self, step_id: str, kind: str, done: Done) -> None:
        result = StepResult(
            site_id=self.agent.enrolment.profile.site_id,
            step_id=step_id,
            kind=kind,
            at=self.agent.clock(),
            outcome=done.outcome,
            sentence=self.redacted(done.sentence),
            drift=done.drift,
            diagnostics=done.diagnostics,
        )
        envelope = seal(result.to_bytes(), STEP_RESULT_TYPE, self.agent.reporter.key.signer)
        self.book.answer(Answered(step_id, envelope), done.outcome)

    def flush(self) -> None:
        """Send the answers, and forget what the server has durably.

        Raises:
            Unreachable, NotEnrolled: the rest is kept for the next time.
        """
        for answered in list(self.book.pending()):
            try:
                received = self.agent.server.step_result(answered)
            except (Rejected, ManifestError) as error:
                log.warning("the server will never take an answer to support: %s", error)
                received = True
            if received:
                self.book.forget(answered.step_id)
