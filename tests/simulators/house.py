"""A real server (a database, a directory, real keys), a clock that a test sets, sites that talk.

``Talker`` is a site's voice: it signs and sends what a test tells it to and decides nothing.
"""

import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from sqlalchemy import event

from distribution.control import rollouts
from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.repository import catalogue
from distribution.scheduling import scheduler
from distribution.server import Server
from distribution.sites import check_ins, enrolment, reports
from manifests import envelope
from manifests.check_in import (
    CHECK_IN_TYPE,
    ENROLMENT_TYPE,
    CheckIn,
    CheckInAnswer,
    Enrolment,
    EnrolmentAnswer,
    Invitation,
    ProductStatus,
    ReportReceipt,
)
from manifests.failures import FailureCode
from manifests.install_report import REPORT_TYPE, InstallReport, Phase
from manifests.release import Release
from manifests.rollout import Gates, Ring, Schedule, ScheduledWave
from manifests.site import InstalledProduct, SitePolicy, SiteProfile
from manifests.target_paths import Lane
from tests.simulators.estate import Estate
from tests.simulators.staff import hire

PRODUCT = "app"
BEGIN = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)


@dataclass
class Clock:
    """The server's time; it moves when a test says so."""

    now: datetime = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> datetime:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        return self.now


@dataclass
class Talker:
    """One site's voice."""

    site_id: str
    server: Server
    client_id: str = "warung"
    ring: Ring = Ring.BROAD
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    boot_id: str = "boot-1"
    sequence: int = 0
    attempt: int = 0
    installed: str | None = None
    problem: str = ""
    policy: SitePolicy = field(default_factory=SitePolicy)
    invitation: Invitation | None = None

    @property
    def profile(self) -> SiteProfile:
        """Who it is."""
        return SiteProfile(
            site_id=self.site_id, client_id=self.client_id, ring=self.ring, products=(PRODUCT,)
        )

    @property
    def now(self) -> datetime:
        """Its clock is the server's."""
        return self.server.clock()

    def sealed(self, body: bytes, body_type: str) -> bytes:
        """Signed by its key."""
        return envelope.seal(body, body_type, CryptoSigner(self.key))

    # --- bodies

    def enrolment(self, token: str = "") -> bytes:
        """A request to join."""
        assert self.invitation is not None
        request = Enrolment(
            token=token or self.invitation.token,
            public_key=envelope.public_hex(self.key.public_key()),
            site_id=self.site_id,
        )
        return self.sealed(request.to_bytes(), ENROLMENT_TYPE)

    def sign_of_life(self, **said: Any) -> bytes:
        """A check-in; ``said`` are fields of its one product's status."""
        status = ProductStatus(
            product=PRODUCT, installed=InstalledProduct(version=self.installed), **said
        )
        document = CheckIn(
            site_id=self.site_id,
            at=self.now,
            boot_id=self.boot_id,
            agent_version="1",
            ring=self.ring,
            policy=self.policy,
            products=(status,),
            problem=self.problem,
        )
        return self.sealed(document.to_bytes(), CHECK_IN_TYPE)

    def message(self, phase: Phase, version: str = "2.0", **fields: Any) -> bytes:
        """The next report about the present attempt."""
        self.sequence += 1
        return self.sealed(self.document(self.sequence, phase, version, **fields), REPORT_TYPE)

    def document(self, sequence: int, phase: Phase, version: str = "2.0", **fields: Any) -> bytes:
        """A report's body."""
        plain = {
            "site_id": self.site_id,
            "sequence": sequence,
            "boot_id": self.boot_id,
            "attempt_id": f"{self.site_id}-{self.attempt}",
            "at": self.now,
            "product": PRODUCT,
            "release": f"releases/{PRODUCT}/{version}/manifest.json",
            "version": version,
            "phase": phase,
            **fields,
        }
        return InstallReport.model_validate(plain).to_bytes()

    # --- sent

    def invited(self) -> Invitation:
        """Staff invite it."""
        trust = catalogue.trust_state(self.server.store)
        self.invitation = enrolment.invite(
            self.server.database, self.profile, trust, self.server.settings, "ani", self.now
        )
        return self.invitation

    def enrol(self) -> EnrolmentAnswer:
        """Join; invited if it was not yet."""
        if self.invitation is None:
            self.invited()
        body = self.enrolment()
        return enrolment.enrol(self.server.database, body, self.server.settings, self.now)

    def check_in(self, **said: Any) -> CheckInAnswer:
        """Give a sign of life."""
        trust = catalogue.trust_state(self.server.store)
        body, settings = self.sign_of_life(**said), self.server.settings
        return check_ins.accept(self.server.database, body, settings, trust, self.now)

    def report(self, phase: Phase, version: str = "2.0", **fields: Any) -> ReportReceipt:
        """Send the next report."""
        return self.send(self.message(phase, version, **fields))

    def send(self, message: bytes) -> ReportReceipt:
        """Send a report that was made before."""
        return reports.accept(self.server.database, message, self.now)

    # --- stories

    def confirms(self, version: str = "2.0", **fields: Any) -> None:
        """A whole attempt that ends well."""
        self.attempt += 1
        self.report(Phase.ACTIVATING, version, **fields)
        self.report(Phase.CONFIRMED, version, **fields)
        self.installed = version
        self.check_in()

    def fails(
        self,
        version: str = "2.0",
        code: FailureCode = FailureCode.UNHEALTHY,
        detail: str = "the prices are missing",
        **fields: Any,
    ) -> None:
        """A whole attempt that ends badly, with the old version running again."""
        self.attempt += 1
        self.report(Phase.ACTIVATING, version, **fields)
        self.report(Phase.REVERTED, version, code=code, detail=detail, **fields)
        self.check_in()


def schedule(*bounds: int, **gates: Any) -> Schedule:
    """Waves up to these basis points, a minute apart, with a soak of ten seconds."""
    return Schedule(
        name="quick",
        waves=tuple(
            ScheduledWave(after_seconds=60 * number, up_to_basis_points=bound)
            for number, bound in enumerate(bounds)
        ),
        gates=Gates(
            **{
                "soak_seconds": 10,
                "success_threshold_percent": 95,
                "error_threshold_percent": 5,
                "minimum_failed_sites": 2,
                **gates,
            }
        ),
    )


def in_haste(connection: Any, _: object) -> None:
    """Set up a connection that does not wait for the disk."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


@dataclass
class House:
    """The server with everything around it."""

    server: Server
    estate: Estate
    clock: Clock
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def database(self) -> Database:
        """The server's."""
        return self.server.database

    def site(self, name: str = "", **fields: Any) -> Talker:
        """An enrolled site that has checked in."""
        talker = Talker(name or f"site-{next(self.numbers)}", self.server, **fields)
        talker.enrol()
        talker.check_in()
        return talker

    def sites(self, count: int, **fields: Any) -> list[Talker]:
        """Several."""
        return [self.site(**fields) for _ in range(count)]

    def start(self, version: str, plan: Schedule, *, lane: Lane = Lane.RELEASES) -> Release:
        """Publish a release that may spread at once by its own pace, and start its rollout."""
        release = self.estate.publish(version, lane=lane)
        rollouts.start(self.database, release, plan, "sari", self.clock.now)
        self.tick()
        return release

    def tick(self, seconds: float = 0) -> None:
        """Let time pass, then let the scheduler do everything once."""
        scheduler.tick(self.server, self.clock.forward(seconds))

    def resume(self, version: str = "2.0") -> None:
        """An approver has looked and resumes."""
        word = Word("budi", "it was the network")
        rollouts.resume(self.database, PRODUCT, version, word, self.clock.now)

    @classmethod
    def build(cls, folder: Path, clock: Clock) -> "House":
        """Make the estate and open a server over it; its database does not wait for the disk."""
        estate = Estate.usual(folder, PRODUCT, clock.now)
        database = Database.open(estate.settings)
        event.listen(database.engine, "connect", in_haste)
        database.engine.dispose()
        hire(database, clock.now)
        return cls(
            Server(estate.settings, database, estate.store, estate.online, clock), estate, clock
        )
