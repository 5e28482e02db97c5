"""The agent: all the parts of one site put together, and what it does between polls."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from client_updater.confirmation import Confirmation
from client_updater.downloads import Downloads
from client_updater.errors import NotEnrolled, PolicyInvalid, Refused, Unhealthy
from client_updater.fetcher import Fetcher, never
from client_updater.findings import Findings
from client_updater.floor import Floor, FloorFile
from client_updater.health import Pause
from client_updater.identity import KEY_FILE, load_key
from client_updater.installation import Installer
from client_updater.journal import Attempt, Journal, Step
from client_updater.ourselves import Ourselves, started_from
from client_updater.outbox import Outbox
from client_updater.placing import Placing
from client_updater.preparation import Preparation
from client_updater.processes import boot_id
from client_updater.products import Products
from client_updater.programs import Programs
from client_updater.reporting import Reporter
from client_updater.running import Services
from client_updater.server import Server
from client_updater.settings import AgentSettings, Enrolment, last_policy, read_enrolment
from client_updater.slots import Slots
from client_updater.state import StateFolder
from client_updater.trusted import Trusted, place_in
from manifests.site import SitePolicy
from manifests.target_paths import Lane, rollouts_role

log = logging.getLogger("hsp-updater")


@dataclass(frozen=True)
class Agent:
    """One site's agent. It keeps nothing in memory that the next poll relies on."""

    state: StateFolder
    enrolment: Enrolment
    urls: tuple[str, str, str]
    """Server, metadata, targets."""
    fetcher: Fetcher
    reporter: Reporter
    server: Server
    slots: Slots
    services: Services
    pause: Pause
    clock: Callable[[], datetime]
    settings: AgentSettings
    settings_problem: PolicyInvalid | None = None
    """A mistake in ``agent.toml``: the agent works with the defaults and installs nothing."""
    downloads: Downloads = field(init=False)
    journal: Journal = field(init=False)
    products: Products = field(init=False)

    def __post_init__(self) -> None:
        made = {
            "downloads": Downloads(self.state / "downloads", self.fetcher),
            "journal": Journal(self.state / "journal"),
            "products": Products(self.state / "products", self.slots),
        }
        for name, part in made.items():
            object.__setattr__(self, name, part)

    @property
    def floors(self) -> FloorFile:
        """The trust floor on the disk."""
        return self.reporter.floors

    def trusted(self) -> Trusted:
        """A fresh view of the repository.

        Raises:
            TrustLost: the pinned root is gone.
        """
        place = place_in(self.state, self.enrolment.root_sha256, *self.urls[1:])
        return Trusted(place, self.fetcher, self.floors, self.concerns)

    @property
    def concerns(self) -> set[str]:
        """The roles that the trust floor remembers."""
        products = self.enrolment.profile.products
        concerns = {"targets", Lane.HOTFIXES.value, Lane.BREAKGLASS.value, *products}
        return concerns | {rollouts_role(name) for name in products}

    def installer(self, policy: SitePolicy, trusted: Trusted | None = None) -> Installer:
        """What carries attempts out, with the policy as it is now."""
        platform = self.enrolment.profile.platform
        confirmation = Confirmation(
            slots=self.slots,
            journal=self.journal,
            services=self.services,
            ourselves=self.ourselves,
            clock=self.clock,
            pause=self.pause,
            boot_id=self.reporter.boot_id,
        )
        return Installer(
            slots=self.slots,
            journal=self.journal,
            products=self.products,
            floors=self.floors,
            services=self.services,
            reporter=self.reporter,
            preparation=Preparation(self.slots, self.downloads, self.journal, platform, trusted),
            placing=Placing(
                self.services.programs, self.state / "snapshots", self.settings.dpkg_folder
            ),
            confirmation=confirmation,
            clock=self.clock,
            policy=policy,
        )

    def read_key_again(self) -> None:
        """Speak with the key that is on the disk: a command may have changed it.

        Raises:
            StateUnusable: what is there is no key.
        """
        with suppress(FileNotFoundError):
            self.reporter.key.become(load_key(self.state / KEY_FILE))

    @property
    def ourselves(self) -> Ourselves:
        """The agent as one of its own products."""
        return Ourselves(self.slots, self.state / "launcher", started_from())

    def go_on(self, installer: Installer) -> None:
        """Finish what a crash or an order to stop has interrupted, unless nothing was changed yet.

        Raises:
            AgentError: it stays where it is.
            Stopping: likewise.
        """
        unfinished = self.journal.unfinished()
        for attempt in unfinished:
            self.reporter.report_step(attempt, self.clock())
        for attempt in unfinished:
            if not attempt.step.is_preparation:
                log.info("%s %s goes on: %s", attempt.product, attempt.version, attempt.step)
                installer.proceed(attempt)

    def keep_running(self, product: str, installer: Installer) -> bool:
        """See that the current version of a product runs; says whether it had to be started.

        Raises:
            AgentError: it does not start.
        """
        version = self.slots.current(product)
        attempt = self.journal.read(product)
        if version is None or (attempt is not None and attempt.step is Step.RESTART):
            return False
        installed = installer.installed(product, version)
        if self.services.is_up(installed):
            return False
        log.info("%s %s is not running: starting it", product, version)
        self.services.start(installed)
        return True

    def revert(self, product: str) -> Attempt:
        """Go back to the version that ran before, because a person says so.

        A version that is not confirmed yet takes the data that it changed back with it.

        Raises:
            Refused: there is none.
            AgentError: it cannot be done now; the next poll goes on with it.
        """
        why = Unhealthy("the site's administrator asked for it")
        installer = self.installer(last_policy(self.state))
        self.go_on(installer)
        unfinished = self.journal.read(product)
        if unfinished is not None and unfinished.step.may_be_undone:
            installer.proceed(installer.enter(unfinished.failed(why)))
            return unfinished
        confirmed = self._confirmed(product)
        if unfinished is not None:
            installer.abandon(unfinished, "the administrator goes back to an earlier version")
        installer.proceed(installer.enter(confirmed.failed(why)))
        return confirmed

    def _confirmed(self, product: str) -> Attempt:
        """The current version, as an attempt that can be reverted."""
        version, before = self.slots.current(product), self.slots.previous(product)
        if version is None or before is None or before == version:
            raise Refused(
                f"{product} has no earlier version here to go back to",
                hint="'hsp-updater status' shows what is installed",
            )
        return Attempt(
            attempt_id=f"revert-{self.reporter.next_sequence()}",
            product=product,
            release=str(self.slots.release(product, version).path),
            version=version,
            from_version=before,
            step=Step.CONFIRM,
            started_at=self.clock(),
            placings=1,
        )

    def known(self, product: str) -> str:
        """Return ``product`` if the site has it.

        Raises:
            Refused: it has not.
        """
        products = self.enrolment.profile.products
        if product not in products:
            raise Refused(
                f"this site has no product {product!r}",
                hint=f"it has {', '.join(products) or 'none'}",
            )
        return product

    def rearm_trust(self) -> None:
        """Begin a new trust floor, in place of one that was lost: a person vouches for it.

        What runs is the new lower bound for releases; what was seen stopped is forgotten.

        Raises:
            DiskFull, DiskError: it is as it was.
        """
        running = {name: self.slots.current(name) for name in self.enrolment.profile.products}
        releases = {name: version for name, version in running.items() if version is not None}
        sequence = self.reporter.next_sequence() - 1
        self.floors.save(Floor(releases=releases, report_sequence=sequence))


def system_clock() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def open_agent(
    state: StateFolder,
    pause: Pause,
    stopping: Callable[[], bool] = never,
    clock: Callable[[], datetime] = system_clock,
) -> Agent:
    """The agent of an enrolled site.

    Raises:
        NotEnrolled: the site has not joined.
        StateUnusable: the folder, or something in it, cannot be trusted.
    """
    enrolment = read_enrolment(state)
    settings, fetcher, problem = _outside(state, stopping)
    try:
        key = load_key(state / KEY_FILE)
    except FileNotFoundError as error:
        raise NotEnrolled(
            f"the site's key {state / KEY_FILE} is lost",
            hint="restore it from your backup, or enrol this site again",
        ) from error
    urls = settings.urls(enrolment)
    boot = boot_id()
    return Agent(
        state=state,
        enrolment=enrolment,
        urls=urls,
        fetcher=fetcher,
        reporter=Reporter(
            site_id=enrolment.profile.site_id,
            key=key,
            outbox=Outbox(state / "outbox"),
            floors=FloorFile(state / "trust"),
            findings=Findings(state / "findings.json"),
            boot_id=boot,
        ),
        server=Server(fetcher, urls[0], key),
        slots=Slots(state / "slots", state / "staging"),
        services=Services(Programs(state / "run", state / "logs", boot)),
        pause=pause,
        clock=clock,
        settings=settings,
        settings_problem=problem,
    )


def _outside(
    state: StateFolder, stopping: Callable[[], bool]
) -> tuple[AgentSettings, Fetcher, PolicyInvalid | None]:
    """How to reach the outside world; with a mistake in ``agent.toml``, by the defaults."""
    try:
        settings = AgentSettings.read(state)
        return settings, Fetcher(settings.line, stopping), None
    except PolicyInvalid as error:
        error.hint = error.hint or "correct it, then restart hsp-updater"
        return AgentSettings(), Fetcher(stopping=stopping), error
