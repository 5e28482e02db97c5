"""One poll, the whole way, and what is kept of it.

flush the outbox -> finish what was interrupted -> see that the current versions run -> refresh what
is trusted -> choose, download, stage, activate, check, keep or revert -> report -> check in -> do
what support asks for.

Each station may fail on its own; the others still take place. So a site whose server is down keeps
what it runs and still installs, and a site that must not install still says so.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from client_updater.aftermath import leave_quiet, record_of
from client_updater.agent import Agent
from client_updater.choice import Chooser
from client_updater.clockwork import check_skew, check_time
from client_updater.errors import (
    DISK_TROUBLE,
    AgentError,
    ExpiredMetadata,
    Incompatible,
    PolicyInvalid,
    RootWithheld,
    Unreachable,
    Untrusted,
)
from client_updater.fitness import check_fit
from client_updater.floor import Seen
from client_updater.installation import Installer
from client_updater.journal import Step
from client_updater.key_rotation import KeyChange
from client_updater.offers import Offers, read_offers
from client_updater.quiet import forget_quiet
from client_updater.server import Rejected
from client_updater.settings import last_policy, read_policy
from client_updater.sign_of_life import Decided, check_in_of, statuses
from client_updater.status import LAST_POLL_FILE, LastPoll, read_last_poll, write_last_poll
from client_updater.support import SupportDesk
from client_updater.trusted import Trusted
from client_updater.witness import keep
from manifests.check_in import CheckInAnswer
from manifests.decision import ADMINISTRATOR, Decision, Install, Stay
from manifests.release import Release
from manifests.target_paths import AGENT_PRODUCT

log = logging.getLogger("hsp-updater")


def poll(agent: Agent) -> LastPoll:
    """Poll once. What goes wrong is in the answer, and at the server as far as it is reachable.

    Raises:
        AlreadyRunning: another process is at work in the folder and does not end.
        Stopping: the agent is to end; the next poll goes on where this one stopped.
    """
    with agent.state.at_work():
        return Poll(agent).run()


@dataclass
class Poll:
    """The state of one poll, from its start to its end."""

    agent: Agent
    problems: list[AgentError] = field(default_factory=list)
    """What keeps the site from being updated."""
    server_problems: list[AgentError] = field(default_factory=list)
    """What keeps it from talking to the server, which is another matter."""
    reported: list[AgentError] = field(default_factory=list)
    decided: dict[str, Decided] = field(default_factory=dict)
    read: dict[str, dict[str, str]] = field(default_factory=dict)
    withdrawn: dict[str, str] = field(default_factory=dict)
    answer: CheckInAnswer | None = None
    refreshed: bool = False
    offers: dict[str, Offers] = field(default_factory=dict)
    has_acted: bool = False
    """Whether it has installed or started anything, or tried to."""

    def __post_init__(self) -> None:
        agent = self.agent
        self.before = read_last_poll(agent.state / LAST_POLL_FILE)
        self.support, self.key = SupportDesk(agent), KeyChange(agent)
        self.chooser = Chooser(
            agent.enrolment.profile,
            last_policy(agent.state),
            agent.products,
            agent.floors,
            agent.clock,
            server_hold=self.before.answer.hold if self.before.answer else "",
            server_freezes=self.before.answer.freezes if self.before.answer else (),
            client_approved=self.before.answer.approved if self.before.answer else {},
        )

    def run(self) -> LastPoll:
        """All stations, then the record."""
        agent = self.agent
        self._try(agent.state.make)
        self._try(partial(forget_quiet, agent.state))
        agent.read_key_again()
        agent.fetcher.forget_clocks()
        self._try(self._read_policy)
        agent.fetcher.download_bytes_per_second = self.chooser.policy.download_bytes_per_second
        self.installer: Installer = agent.installer(self.chooser.policy)
        self._try(self.support.settle)
        self._ask(partial(self.key.change_if_due, self.chooser.policy.rotate_key_days))
        self._ask(self._flush)
        self._try(partial(agent.go_on, self.installer))
        for product in agent.enrolment.profile.products:
            self._try(partial(self._keep_running, product))
        self._try(self._update)
        self._try(self._report_refusals)
        self._ask(self._flush)
        self._ask(self._check_in)
        self._try(partial(keep, agent.state, self.answer.audit_checkpoint if self.answer else ""))
        self._ask(partial(agent.reporter.send_again, self.answer, agent.server))
        self._try(self._help_support)
        self._try(self._confirm_ourselves)
        self._try(self._tidy)
        record = record_of(self)
        self._try(partial(write_last_poll, agent.state / LAST_POLL_FILE, record))
        self._try(partial(leave_quiet, self))
        return record

    def _keep_running(self, product: str) -> None:
        self.has_acted |= self.agent.keep_running(product, self.installer)

    def _try(self, station: Callable[[], object]) -> None:
        try:
            station()
        except AgentError as error:
            log.warning("%s", error)
            self.problems.append(error)

    def _ask(self, question: Callable[[], None]) -> None:
        try:
            question()
        except AgentError as error:
            log.warning("%s", error)
            is_ours = isinstance(error, DISK_TROUBLE)
            (self.problems if is_ours else self.server_problems).append(error)

    def _hold(self, error: AgentError) -> None:
        """Go on looking, but install nothing in this poll."""
        self.chooser.hold = self.chooser.hold or error
        log.warning("nothing is installed: %s", error)
        self.problems.append(error)

    def _read_policy(self) -> None:
        if self.agent.settings_problem is not None:
            self._hold(self.agent.settings_problem)
        try:
            self.chooser.policy = read_policy(self.agent.state, self.agent.clock())
        except PolicyInvalid as error:
            self._hold(error)

    def _update(self) -> None:
        trusted = self.agent.trusted()
        try:
            seen = trusted.refresh()
        except ExpiredMetadata:
            check_skew(self.agent.fetcher.skews.values())  # the likelier reason, where it is one
            raise
        self.refreshed = True
        self.installer.preparation.trusted = trusted
        self._hold_where_in_doubt(seen)
        for product in self.agent.enrolment.profile.products:
            self._try(partial(self._look_after, product, trusted))
        trusted.forget_unread()

    def _hold_where_in_doubt(self, seen: Seen) -> None:
        agent = self.agent
        try:
            check_time(agent.floors, agent.fetcher.skews.values(), agent.clock())
        except Untrusted as error:
            self._hold(error)
        known = self.before.answer.root_version if self.before.answer else 0
        if known > seen.root_version:
            message = f"the server knows of root {known}, the repository shows {seen.root_version}"
            hint = "something between this site and the repository keeps the new root back"
            self._hold(RootWithheld(message, hint=hint))

    def _look_after(self, product: str, trusted: Trusted) -> None:
        offers = read_offers(trusted, product, self.agent.slots.current(product))
        self.offers[product], self.read[product] = offers, offers.read
        self.withdrawn |= {str(r.path): r.withdrawn for r in offers.releases if r.withdrawn}
        for path, problem in offers.problems:
            self._refuse(problem, product, path)
        floors = self.agent.floors
        floors.save(floors.load().with_stopped(product, offers.stopped))
        decision = self._decide(offers)
        if isinstance(decision, Install):
            self._install(offers, decision.release)
        else:
            self._give_up_what_was_stopped(offers)
            self._fetch_early(offers, decision)

    def _decide(self, offers: Offers) -> Decision | None:
        attempt = self.agent.journal.read(offers.product)
        watched = self.installer.confirmation.wait(attempt)
        decision = watched or self.chooser.decide(offers)
        if decision is not None:
            self._note(offers, decision)
        return decision

    def _note(self, offers: Offers, decision: Decision) -> None:
        newest = str(offers.releases[0].path) if offers.releases else None
        chosen = str(decision.release.path) if isinstance(decision, Install) else newest
        self.decided[offers.product] = Decided(decision, chosen)

    def _install(self, offers: Offers, release: Release) -> None:
        self.has_acted = True
        try:
            check_fit(release, self.installer)
        except Incompatible as error:
            self._refuse(error, offers.product, str(release.path))
            self._note(offers, Stay("values", error.message, ADMINISTRATOR, expected=False))
            return
        log.info("%s %s is to be installed", offers.product, release.version)
        try:
            attempt = self.installer.begin(release)
        except Untrusted as error:
            self._refuse(error, offers.product, str(release.path))
            return
        self.installer.proceed(attempt, partial(self.chooser.still, offers, release))
        self._decide(offers)

    def _fetch_early(self, offers: Offers, decision: Decision | None) -> None:
        """Download and stage what waits for the window only, so that little of it is needed."""
        release = self.chooser.early(offers, decision)
        if release is not None and not self.installer.preparation.is_ready(release):
            self._install(offers, release)

    def _give_up_what_was_stopped(self, offers: Offers) -> None:
        attempt = self.agent.journal.read(offers.product)
        is_early = attempt is not None and attempt.step.is_preparation
        if attempt is not None and is_early and attempt.version in offers.stopped:
            self.installer.abandon(attempt, "the rollout was stopped")

    def _refuse(self, error: AgentError, product: str | None, release: str | None) -> None:
        log.warning("%s", error)
        self.problems.append(error)
        self.reported.append(error)
        self.agent.reporter.report_refusal(error, self.agent.clock(), product, release)

    def _report_refusals(self) -> None:
        for error in self.problems:
            if isinstance(error, Untrusted | PolicyInvalid) and error not in self.reported:
                self.agent.reporter.report_refusal(error, self.agent.clock(), None, None)

    def _flush(self) -> None:
        self.key.check_settled()
        self.agent.reporter.flush(self.agent.server)
        self.support.flush()

    def _help_support(self) -> None:
        if self.answer is not None and self.answer.steps:
            self.support.work(self.answer.steps, self.installer, self.problems)
            self._ask(self._flush)

    def _check_in(self) -> None:
        self.key.check_settled()
        products = statuses(self.agent, self.decided)
        message = check_in_of(self.agent, self.chooser.policy, products, self.problems)
        try:
            self.answer = self.agent.server.check_in(message)
        except Rejected as error:
            raise Unreachable(f"the server does not take the check-in: {error}") from error
        self.key.old_key_was_answered()

    def _confirm_ourselves(self) -> None:
        """An agent that has polled the whole way is one that works."""
        attempt = self.agent.journal.read(AGENT_PRODUCT)
        if attempt is not None and self.refreshed and self.answer is not None:
            self.installer.confirmation.is_proven = True
            if attempt.step is Step.CONFIRM:
                self.installer.proceed(attempt)

    def _tidy(self) -> None:
        agent = self.agent
        agent.slots.empty_staging()
        unfinished = agent.journal.unfinished()
        agent.downloads.forget_old({attempt.compressed_sha256 for attempt in unfinished})
        agent.services.programs.bound_logs(agent.slots.kept(agent.enrolment.profile.products))
        agent.reporter.findings.forget_the_rest(everything_was_met=self.refreshed)
