"""A rollout across the night in which two of three zones put their clocks back.

The server is real; its clock, and the sites', is the test's. A site decides with the function that
every agent decides with, over the plan that is published.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from distribution.control import explanation, rollouts
from distribution.repository import catalogue
from manifests.decision import Install, Wait, decide
from manifests.release import Release
from manifests.rollout import RolloutPlan
from manifests.site import InstalledProduct, Site, SitePolicy
from manifests.target_paths import plan_path
from tests.simulators.house import PRODUCT, Clock, House, Talker, schedule

NOON = datetime(2027, 10, 30, 12, tzinfo=UTC)
"""Of the Saturday before; at 01:00 UTC the clocks of Europe are put back."""

STEP, HOUR = timedelta(minutes=15), timedelta(hours=1)

NIGHTS = {
    "Europe/Berlin": ("2027-10-30T23:00", "2027-10-31T02:00"),
    "Europe/London": ("2027-10-31T00:00", "2027-10-31T03:00"),
    "Asia/Jakarta": ("2027-10-30T18:00", "2027-10-30T21:00"),
}
"""From 01:00 local for three hours that pass: in Berlin they end when the clock shows 03:00."""


NEXT_NIGHTS = {
    "Europe/Berlin": ("2027-11-01T00:00", "2027-11-01T03:00"),
    "Europe/London": ("2027-11-01T01:00", "2027-11-01T04:00"),
    "Asia/Jakarta": ("2027-10-31T18:00", "2027-10-31T21:00"),
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class Shop:
    """A site with a window from 01:00 local, for three hours."""

    talker: Talker
    zone: str
    installs: dict[str, datetime] = field(default_factory=dict)

    @property
    def policy(self) -> SitePolicy:
        window = {"zone": self.zone, "starts": "2027-01-01T01:00", "rule": "FREQ=DAILY"}
        return SitePolicy.from_plain({"windows": [{**window, "duration_seconds": 3 * 3600}]})

    def poll(self, plan: RolloutPlan, release: Release) -> None:
        """Do what the site's own function says."""
        version = release.manifest.version
        installed = {PRODUCT: InstalledProduct(version=self.talker.installed)}
        site = Site(self.talker.profile, self.policy, installed)
        match decide(release, plan, site, self.talker.now):
            case Install():
                assert version not in self.installs, "twice"
                self.installs[version] = self.talker.now
                self.talker.confirms(version)
            case Wait(gate, until, reason):
                self.talker.check_in(
                    candidate=str(release.path),
                    decision="wait",
                    gate=gate,
                    reason=reason,
                    until=until,
                )
            case _:
                self.talker.check_in()


@dataclass
class Street:
    """The shops of all zones, and their server."""

    house: House
    shops: list[Shop]

    def until(self, end: datetime, release: Release, step: timedelta = STEP) -> None:
        """Let the night pass, poll by poll."""
        while self.house.clock.now < end:
            self.house.tick(step.total_seconds())
            data = catalogue.read_target(self.house.server.store, plan_path(PRODUCT))
            plan = RolloutPlan.from_bytes(data)
            for shop in self.shops:
                shop.poll(plan, release)

    def state(self, version: str) -> str:
        with self.house.database.reading() as session:
            return rollouts.find(session, PRODUCT, version).state


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    """Two shops in each zone."""
    house = House.build(tmp_path, Clock(NOON))
    shops = [
        Shop(house.site(f"{zone.partition('/')[2].lower()}-{number}", installed="1.0"), zone)
        for zone in NIGHTS
        for number in (1, 2)
    ]
    for shop in shops:
        shop.talker.policy = shop.policy
    yield Street(house, shops)
    house.database.close()


def test_each_zone_is_updated_in_its_own_night_once(street: Street) -> None:
    release = street.house.start("2.0", schedule(5000, 10_000))
    street.until(utc("2027-11-01T03:00"), release, HOUR / 2)
    for shop in street.shops:
        nights = (NIGHTS[shop.zone], NEXT_NIGHTS[shop.zone])
        begun = shop.installs["2.0"]
        assert any(utc(start) <= begun < utc(end) for start, end in nights), shop
    assert street.state("2.0") == "finished"


def test_an_hour_that_comes_twice_opens_no_window_twice(street: Street) -> None:
    """At 02:15 UTC Berlin's clock shows 03:15, inside 01:00 to 04:00; its three hours are over."""
    first = street.house.start("2.0", schedule(10_000))
    street.until(utc("2027-10-30T17:00"), first, HOUR)
    street.until(utc("2027-10-31T02:15"), first)
    assert all("2.0" in shop.installs for shop in street.shops)
    for shop in street.shops:
        assert shop.installs["2.0"] == utc(NIGHTS[shop.zone][0])

    second = street.house.start("3.0", schedule(10_000))
    with street.house.database.reading() as session:
        [said] = explanation.explain(session, "berlin-1", [second], street.house.clock.now)
    assert said.decision == "wait"
    assert said.gates[-1].until == utc("2027-11-01T00:00")
    street.until(utc("2027-10-31T03:00"), second)
    street.until(utc("2027-11-01T01:00"), second, HOUR)
    begun = {shop.zone: shop.installs["3.0"] for shop in street.shops}
    assert begun == {
        "Europe/Berlin": utc("2027-11-01T00:00"),
        "Europe/London": utc("2027-10-31T02:30"),
        "Asia/Jakarta": utc("2027-10-31T18:00"),
    }
    assert street.state("3.0") == "finished"
