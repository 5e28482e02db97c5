"""What must be there before somebody does something, and the records that it leaves.

Each ``Before`` brings a house to where one route or command can do its work.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import time_machine
from click.testing import CliRunner

from distribution import audit
from distribution.audit import log, publications
from distribution.audit.log import AuditRecord
from distribution.calendars import freezes
from distribution.calendars.freeze_records import Scope as Whose
from distribution.cli import main
from distribution.control import brakes, rollouts
from distribution.control.brakes import Scope
from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.desk import incidents
from distribution.desk.opening import Sighting
from distribution.emergency.reviewed_publish import reviewed
from manifests.failures import FailureCode
from manifests.freeze import Freeze
from manifests.target_paths import Lane
from tests.simulators.estate import ON_CALL
from tests.simulators.house import PRODUCT, House, schedule

Before = Callable[[House], None]

SARI = Word("sari", "prices are missing")
REASON = {"reason": "prices are missing"}
CLOSING: dict[str, Any] = {
    "name": "year-end",
    "zone": "UTC",
    "starts": "2026-12-30T00:00:00",
    "duration_seconds": 3600,
}


def records(database: Database) -> list[AuditRecord]:
    """All of them."""
    with database.reading() as session:
        return log.page(session, 0, 1000)


def hsp(house: House, *words: str) -> str:
    """A command, at the house's time."""
    home = str(house.server.settings.home)
    with time_machine.travel(house.clock.now, tick=False):
        done = CliRunner().invoke(main, ["--home", home, *words])
    assert done.exit_code == 0, done.output
    return done.output


def running(house: House) -> None:
    """A rollout that Sari has started."""
    release = house.estate.publish("2.0")
    rollouts.start(house.database, release, schedule(10_000), "sari", house.clock.now)


def paused(house: House) -> None:
    """And paused."""
    running(house)
    rollouts.pause(house.database, PRODUCT, "2.0", SARI, house.clock.now)


def braked(house: House) -> None:
    """A brake that is on."""
    running(house)
    brakes.put_on(house.database, Scope.GLOBAL, "", SARI, house.clock.now)


def frozen(house: House) -> None:
    """A freeze that is announced."""
    one = Freeze.model_validate(CLOSING)
    freezes.announce(house.database, Whose.EVERYTHING, "", [one], SARI, house.clock.now)


def unreviewed(house: House) -> None:
    """A break-glass release."""
    proposal = a_breakglass(house)
    server = house.server
    with reviewed(server.settings, server.store, proposal, house.clock.now):
        house.estate.publish_proposal(proposal)


def a_breakglass(house: House) -> Path:
    """A proposal of one, that Tono has signed."""
    estate = house.estate
    estate.now = house.clock.now
    until = estate.now + timedelta(hours=10)
    built = estate.build("2.1", issued_at=estate.now, sites=["shop"], expires_at=until)
    proposal = estate.propose(built, Lane.BREAKGLASS)
    estate.sign(proposal, "tono")
    return proposal


def shared(house: House) -> None:
    """A calendar that somebody subscribes to."""
    hsp(house, "calendar", "subscribe", "warung", "--by", "ani")


def notified(house: House) -> None:
    """A chat that L2 reads."""
    words = ("--tier", "L2", "--reason", "us", "--by", "wati")
    hsp(house, "notify", "add", "chat", "https://chat.example/T0", *words)


def ticketed(house: House) -> None:
    """Ticket 1, of L2: the shop has tried the release in vain."""
    _seen(house, Sighting("shop", FailureCode.UNHEALTHY, "rain", house.clock.now, PRODUCT, "2.0"))


def mended(house: House) -> None:
    """The signed proposal ``proposals/fix`` of what mends ticket 1; what was there is recorded."""
    ticketed(house)
    estate = house.estate
    estate.sign(estate.propose(estate.build("2.0.post1"), Lane.HOTFIXES, "fix"), *ON_CALL)
    publications.record(house.database, house.server.store, "before", house.clock.now)


def alarmed(house: House) -> None:
    """Ticket 1, of security."""
    _seen(house, Sighting("shop", FailureCode.CLOCK, "2 h ahead", house.clock.now))


def _seen(house: House, seen: Sighting) -> None:
    with house.database.writing() as session:
        incidents.record(session, seen)


def known(house: House) -> None:
    """Known issue K-1."""
    words = ("--product", PRODUCT, "--words", "rain", "--workaround", "wait", "--sentence", "Wait.")
    hsp(house, "known-issue", "add", *words, "--by", "wati")


def overridden(house: House) -> None:
    """A failure code of which somebody says otherwise."""
    hsp(house, "failure", "set", "unhealthy", "--tier", "L3", "--reason", "rain", "--by", "wati")


def nothing(_: House) -> None:
    """The shop is there, and that is enough."""


def deed(house: House, about: str = "something") -> None:
    """A record more."""
    with house.database.writing() as session:
        audit.note(session, audit.Deed("ani", "test.do", about), house.clock.now)
