"""No more sites in progress at once than allowed, counted at sites that decide by themselves."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from distribution.control import rollouts
from distribution.control.turns import Elsewhere, InLine, next_ones
from distribution.repository import catalogue
from manifests.decision import Install, Stay, Wait, decide
from manifests.install_report import Phase
from manifests.release import Release
from manifests.rollout import Limits, Ring, RolloutPlan, Schedule, draw
from manifests.site import InstalledProduct, Site, SitePolicy
from manifests.target_paths import plan_path
from tests.simulators.house import BEGIN, PRODUCT, House, Talker, schedule

ALL = 10_000
POLL, STEP, TAKES = 120, 60, 150


def limited(*bounds: int, **limits: int) -> Schedule:
    return schedule(*bounds).model_copy(update={"limits": Limits(**limits)})


def window(minutes_from_now: int, minutes: int) -> SitePolicy:
    starts = (BEGIN + timedelta(minutes=minutes_from_now)).replace(tzinfo=None)
    night = {
        "zone": "UTC",
        "starts": starts,
        "rule": "FREQ=DAILY",
        "duration_seconds": minutes * 60,
    }
    return SitePolicy.from_plain({"windows": [night]})


@dataclass
class Till:
    """A site that polls, decides as every agent does, and takes a while to install."""

    talker: Talker
    busy_until: datetime | None = None

    def poll(self, plan: RolloutPlan, release: Release) -> None:
        now = self.talker.now
        if self.busy_until is not None:
            if now >= self.busy_until:
                self.busy_until, self.talker.installed = None, release.manifest.version
                self.talker.report(Phase.CONFIRMED)
                self.talker.check_in()
            return
        profile, policy = self.talker.profile, self.talker.policy
        runs = {PRODUCT: InstalledProduct(version=self.talker.installed)}
        said = decide(release, plan, Site(profile, policy, runs), now)
        about = {"candidate": str(release.path)}
        match said:
            case Install():
                self.talker.attempt += 1
                self.talker.report(Phase.ACTIVATING)
                self.busy_until = now + timedelta(seconds=TAKES)
            case Wait(gate, until, reason):
                self.talker.check_in(
                    **about, decision="wait", gate=gate, until=until, reason=reason
                )
            case Stay(gate):
                self.talker.check_in(**about, decision="stay", gate=gate)


@dataclass
class Town:
    """Tills that poll one after the other, and the most that were ever busy at once."""

    house: House
    tills: list[Till]
    most: int = 0
    most_of_a_client: int = 0
    history: list[int] = field(default_factory=list)

    def run(self, seconds: int, release: Release) -> None:
        for moment in range(0, seconds, STEP):
            self.house.tick(STEP)
            path, store = plan_path(PRODUCT), self.house.server.store
            plan = RolloutPlan.from_bytes(catalogue.read_target(store, path))
            for number, till in enumerate(self.tills):
                if (moment // STEP + number) % (POLL // STEP) == 0:
                    till.poll(plan, release)
            busy = [t.talker.client_id for t in self.tills if t.busy_until is not None]
            self.history.append(len(busy))
            self.most = max(self.most, len(busy))
            self.most_of_a_client = max([self.most_of_a_client, *map(busy.count, busy)])

    def runs(self) -> list[str | None]:
        return [till.talker.installed for till in self.tills]

    def state(self) -> str:
        with self.house.database.reading() as session:
            return rollouts.find(session, PRODUCT, "2.0").state


@pytest.fixture
def quick(house: House) -> House:
    """Its sites are asked to poll every two minutes."""
    settings = house.server.settings.model_copy(update={"poll_seconds": POLL})
    house.server = replace(house.server, settings=settings)
    return house


def town(house: House, clients: int = 2, each: int = 4, policy: SitePolicy | None = None) -> Town:
    found = []
    for number in range(clients * each):
        client = f"client-{number % clients}"
        till = house.site(f"till-{number}", client_id=client, installed="1.0")
        till.policy = policy or SitePolicy()
        house.clock.forward(1)
        till.check_in()
        found.append(Till(till))
    return Town(house, found)


def test_windows_at_the_same_hour_open_for_one_site_of_each_client(quick: House) -> None:
    """All wait for the same hour; without the limit all of them would begin in it."""
    street = town(quick, policy=window(10, 120))
    release = quick.start("2.0", limited(ALL, at_once_per_client=1))
    street.run(45 * 60, release)
    assert street.runs() == ["2.0"] * 8
    assert (street.most_of_a_client, street.most) == (1, 2)
    assert not any(street.history[:8]), "and the window is still a window"
    assert street.state() == "finished"


def test_so_many_of_all_and_no_more_whatever_their_clients(quick: House) -> None:
    street = town(quick, clients=6, each=1)
    release = quick.start("2.0", limited(ALL, at_once=3))
    street.run(20 * 60, release)
    assert street.runs() == ["2.0"] * 6
    assert street.most == 3


def test_a_wave_is_not_over_while_its_sites_stand_in_line(quick: House) -> None:
    street = town(quick, clients=1, each=3)
    for till in street.tills:
        till.talker.ring = Ring.PILOT
        quick.clock.forward(1)
        till.talker.check_in()
    late = Till(quick.site("late", client_id="other", ring=Ring.CRITICAL, installed="1.0"))
    street.tills.append(late)
    release = quick.start("2.0", limited(100, ALL, at_once_per_client=1))
    street.run(12 * 60, release)
    assert "2.0" in street.runs()
    assert street.runs()[:3] != ["2.0"] * 3
    assert late.talker.installed == "1.0"


def test_who_cannot_use_a_turn_gives_it_back_and_the_next_one_comes(quick: House) -> None:
    street = town(quick, clients=1, each=2)
    by_turn = sorted(street.tills, key=lambda t: draw(PRODUCT, "2.0", t.talker.site_id))
    first, second = by_turn
    release = quick.start("2.0", limited(ALL, at_once=1))
    street.tills = [second]  # the first one is switched off just now
    street.run(4 * POLL, release)
    assert second.talker.installed == "1.0", "the first one may have begun, for all we know"
    street.run(6 * POLL, release)
    assert second.talker.installed == "2.0"
    street.tills = [first, second]
    street.run(8 * POLL, release)
    assert first.talker.installed == "2.0"


def test_who_is_in_progress_with_something_else_counts_too(quick: House) -> None:
    street = town(quick, clients=1, each=2)
    other, busy = sorted(street.tills, key=lambda t: draw(PRODUCT, "2.0", t.talker.site_id))
    busy.talker.attempt += 1
    busy.talker.report(Phase.ACTIVATING, "1.5")
    release = quick.start("2.0", limited(ALL, at_once_per_client=1))
    street.tills = [other]
    street.run(4 * POLL, release)
    assert other.talker.installed == "1.0"
    busy.talker.report(Phase.CONFIRMED, "1.5")
    street.run(6 * POLL, release)
    assert other.talker.installed == "2.0"


# --- who comes next


def line(*clients: str, busy: int = 0, drawn: tuple[int, ...] = ()) -> list[InLine]:
    return [
        InLine(f"s{n}", client, drawn[n] if drawn else n, takes_room=n < busy, may_come=True)
        for n, client in enumerate(clients)
    ]


def chosen(found: list[InLine]) -> str:
    return " ".join(one.site_id for one in found)


@pytest.mark.parametrize(
    ("given", "limits", "elsewhere", "next_are"),
    [
        (line(*"aabb"), Limits(at_once=2), "", "s0 s1"),
        (line(*"aabb"), Limits(at_once_per_client=1), "", "s0 s2"),
        (line(*"aabb", busy=1), Limits(at_once=2, at_once_per_client=1), "", "s2"),
        (line(*"aabb", busy=2), Limits(at_once=2), "", ""),
        (line(*"aabb"), Limits(at_once_per_client=1), "a", "s2"),
        (line(*"aabb"), Limits(at_once=3), "ccc", ""),
        (line(*"aab", drawn=(5, 5, 7)), Limits(at_once=2), "", "s0 s1"),
        (line(*"aab", drawn=(5, 5, 7)), Limits(at_once=1), "", "s0 s1"),
        (line(*"caab", busy=1, drawn=(1, 5, 5, 7)), Limits(at_once=2), "", "s3"),
        (line(*"aab", drawn=(5, 7, 5)), Limits(at_once_per_client=1), "", "s0 s2"),
    ],
)
def test_who_comes_next(given: list[InLine], limits: Limits, elsewhere: str, next_are: str) -> None:
    others = Elsewhere(same_product=elsewhere)
    assert chosen(next_ones(given, limits, others, lambda _: True)) == next_are


def test_another_product_counts_for_its_client_and_not_for_this_product() -> None:
    others = Elsewhere(other_products="ac")
    limits = Limits(at_once=1, at_once_per_client=1)
    assert chosen(next_ones(line(*"ab"), limits, others, lambda _: True)) == "s1"


def test_who_cannot_begin_is_passed_over_and_asked_only_while_there_is_room() -> None:
    asked: list[str] = []

    def can_begin(one: InLine) -> bool:
        asked.append(one.site_id)
        return one.site_id != "s0"

    assert chosen(next_ones(line(*"aaaa"), Limits(at_once=1), Elsewhere(), can_begin)) == "s1"
    assert asked == ["s0", "s1"]
