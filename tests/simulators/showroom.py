"""A house with a past, to look at: clients, sites, a rollout that went wrong, people who log in.

    with Showroom.open(folder) as room:        # served on loopback by the real application
        room.url, room.password

Its hours are made in seconds, by the functions that make them elsewhere: reports that sites
sign, the scheduler's steps. From then on its clock is the real one.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn

from distribution.api.application import application
from distribution.calendars import freezes
from distribution.calendars.freeze_records import Scope as FreezeScope
from distribution.control import brakes, plans
from distribution.control.brakes import Scope
from distribution.control.rollouts import Word
from distribution.people import passwords
from distribution.people.roles import Person, Role
from manifests.failures import FailureCode
from manifests.freeze import Freeze
from manifests.rollout import Ring
from manifests.site import SitePolicy
from manifests.window import MaintenanceWindow
from tests.simulators.house import Clock, House, Talker, schedule
from tests.simulators.ports import free_port
from tests.simulators.staff import hire

PASSWORD = "empat kata yang panjang"
CLIENTS = ("apotek", "bank-sinar", "koperasi", "rs-medika", "warung")
PEOPLE = {
    "lina": (Role.L1,),
    "dewi": (Role.L2,),
    "agus": (Role.L3,),
    "maya": (Role.AUDITOR, Role.SECURITY_ADMINISTRATOR),
}
CUSTOMER = "pak-hadi"


def real_time() -> datetime:
    """The time."""
    return datetime.now(UTC)


@dataclass
class Showroom:
    """A house that is served."""

    house: House
    url: str
    password: str = PASSWORD

    @classmethod
    @contextmanager
    def open(cls, folder: Path, sites_each: int = 12) -> Iterator["Showroom"]:
        """Build it and serve it until the end of the block."""
        port = free_port()
        clock = Clock(real_time().replace(microsecond=0) - timedelta(hours=4))
        house = House.build(folder, clock)
        settings = house.server.settings.model_copy(
            update={"public_url": f"http://127.0.0.1:{port}", "requests_per_minute": 100_000}
        )
        house.server = replace(house.server, settings=settings)
        _furnish(house, sites_each)
        house.server = replace(house.server, clock=real_time)
        config = uvicorn.Config(
            application(house.server), port=port, log_level="warning", timeout_graceful_shutdown=2
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield cls(house, f"http://127.0.0.1:{port}")
        finally:
            server.should_exit = True
            thread.join(10)
            house.database.close()


def _furnish(house: House, sites_each: int) -> None:
    now = house.clock.now
    hire(house.database, now, PEOPLE)
    hire(house.database, now, {CUSTOMER: (Role.CUSTOMER,)}, client="warung")
    rina = Person("rina", frozenset({Role.SECURITY_ADMINISTRATOR}))
    for name in (*PEOPLE, CUSTOMER):
        passwords.put(house.database, rina, name, PASSWORD, now)
    sites = [
        house.site(f"{client}-{number:02}", client_id=client, ring=_ring(number), policy=_policy())
        for client in CLIENTS
        for number in range(1, sites_each + 1)
    ]
    house.start("1.0", schedule(10_000))
    for site in sites:
        site.confirms("1.0")
    house.tick()
    _second(house, sites)


def _ring(number: int) -> Ring:
    return Ring.PILOT if number == 1 else Ring.CRITICAL if number == 2 else Ring.BROAD


def _policy() -> SitePolicy:
    window = MaintenanceWindow(
        zone="Asia/Jakarta",
        starts=datetime(2026, 1, 1, 1),  # noqa: DTZ001 - a window is in local time
        rule="FREQ=DAILY",
        duration_seconds=3 * 3600,
    )
    return SitePolicy(windows=(window,))


def _second(house: House, sites: list[Talker]) -> None:
    """The next version spreads, and fails at two clients; two sites fall silent."""
    _live(house, sites, 60)
    house.start("2.0", schedule(1000, 3000, 6000, 10_000, error_threshold_percent=5))
    for number, site in enumerate(sites):
        house.clock.forward(40)
        if number % 3 == 0 and number < len(sites) // 2:
            site.confirms("2.0", duration_seconds=95, downloaded_bytes=4_200_000)
        elif number % 7 == 1 and number < len(sites) // 2:
            site.fails("2.0", detail="health check: GET /prices answered 500 after 12 s")
        if number % 10 == 0:
            house.tick()
    _hold(house, sites)
    _live(house, sites, 50, but=sites[-2:])
    house.clock.now = real_time()
    for site in sites[:-2]:
        site.check_in(**_said(site))
    sites[5].problem = FailureCode.DISK_FULL
    sites[5].check_in()
    house.tick()
    plans.reconcile(house.database, house.server.store, house.server.online, house.clock.now)


def _said(site: Talker) -> dict[str, object]:
    """What a site decides that waits for its window."""
    if site.installed == "2.0":
        return {}
    return {
        "candidate": "releases/app/2.0/manifest.json",
        "decision": "stay",
        "gate": "held",
        "reason": "the rollout is paused",
        "lifted_by": "an approver",
    }


def _live(house: House, sites: list[Talker], minutes: int, but: Sequence[Talker] = ()) -> None:
    """Everybody is heard of for so long."""
    for _ in range(minutes // 25):
        house.clock.forward(25 * 60)
        for site in sites:
            if site not in but:
                site.check_in()
        house.tick()


def _hold(house: House, sites: list[Talker]) -> None:
    """Somebody puts a brake on, a client closes its books, L3 writes on the ticket."""
    now = house.clock.now
    word = Word("lina", "their till prints nothing since noon, they called", "l1")
    brakes.put_on(house.database, Scope.SITE, sites[-4].site_id, word, now)
    closing = Freeze(
        name="stocktaking",
        zone="Asia/Jakarta",
        starts=(now + timedelta(days=9)).replace(hour=0, minute=0, second=0, tzinfo=None),
        duration_seconds=2 * 86_400,
    )
    said = Word("dewi", "nobody may touch the tills then", "l2")
    freezes.announce(house.database, FreezeScope.CLIENT, "bank-sinar", [closing], said, now)
