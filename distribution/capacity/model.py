"""From a fleet to what it needs and costs each month, and how far that goes. Pure.

Machines are reckoned for what comes on average, so that they are busy for ``BUSY`` of their time:
sites spread themselves, and the rest is for hours in which many install.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from distribution.capacity.inputs import Fleet, Prices, UnitCosts

SECONDS = 365.25 / 12 * 86_400
"""Of a month."""
HOURS = SECONDS / 3600
DAYS = SECONDS / 86_400
GB, TB = 1e9, 1e12

SOONER = 5 / 6
"""Sites ask sooner by up to a third, by chance: on average after this part of ``poll_seconds``."""
BUSY = 0.6
LEAST_MACHINES = 2
MACHINE_PROCESSORS = 2
LEAST_GB_PER_PROCESSOR, MOST_GB_PER_PROCESSOR = 2, 8
"""As Fargate has them; each processor has a process of its own."""
SERVER_GB = 0.4
"""Of a process that remembers no site."""
ANSWERS = 0.5
"""The part of the API's bytes that goes out."""
HEARD_IN_FULL_A_DAY = 24
"""Check-ins of a site that go the whole way even where they say nothing new."""
NEWS_OF_AN_INSTALL = 2
"""Check-ins that say something new: that it is under way, and that it is over."""
EDGES, KEPT_SECONDS = 100, 5
"""A CDN's places that each ask the store for the timestamp anew after so long."""
CONNECTION_SECONDS = 2
"""So long a site's connection to the API is open."""
DATABASE_SLACK, LEAST_DATABASE_GB = 1.5, 100
SIGNATURES = 3
"""For each change: the plan's role, snapshot, timestamp."""
KEYS = 4


@dataclass(frozen=True)
class Load:
    """What comes, and what that keeps busy."""

    api_per_second: float
    repository_per_second: float
    reports_per_second: float
    cdn_gb: float
    api_gb: float
    api_processors: float
    database_processors: float
    database_gb: float
    turn: float
    """The part of its time for which the writers' turn is taken, see ``TURN``."""
    turn_for_news: float
    """Of that, by check-ins that are heard in full."""


@dataclass(frozen=True)
class Limit:
    """Something of which there is one, and how many sites it carries with this fleet's habits."""

    name: str
    sites: int
    instead: str


@dataclass(frozen=True)
class Plan:
    """The answer.

    Attributes:
        load: of the whole fleet.
        estates: so many, each with its own servers and database, carry it together.
        machines: of each estate that run ``hsp serve``, each with ``MACHINE_PROCESSORS``.
        machine_gb: of memory, in each of them.
        database_processors: of each estate's instance.
        database_gb: of each estate.
        dollars: a month and for everything, by what they are for.
        limits: of one estate; what breaks first, in front.
    """

    fleet: Fleet
    load: Load
    estates: int
    machines: int
    machine_gb: int
    database_processors: int
    database_gb: int
    dollars: dict[str, float]
    limits: tuple[Limit, ...]

    @property
    def total(self) -> float:
        """Dollars a month."""
        return sum(self.dollars.values())


TURN = "the writers' turn"
MEMORY = "a server's memory"
ROOM = "the database's room"


def plan(fleet: Fleet, costs: UnitCosts, prices: Prices) -> Plan:
    """Reckon."""
    load = load_of(fleet, costs)
    limits = sorted(_limits(fleet, load, costs, prices), key=lambda limit: limit.sites)
    estates = ceil(fleet.sites / max(1, limits[0].sites))
    api, busy = load.api_processors / estates, load.database_processors / estates / BUSY
    machines = max(LEAST_MACHINES, ceil(api / BUSY / MACHINE_PROCESSORS))
    sizes = sorted(prices.database.sizes)
    processors = next((size for size in sizes if size >= busy), sizes[-1])
    room = ceil(max(LEAST_DATABASE_GB, load.database_gb / estates * DATABASE_SLACK))
    remembered = SERVER_GB + fleet.sites / estates * costs.remembered_site_bytes / GB
    memory = MACHINE_PROCESSORS * max(LEAST_GB_PER_PROCESSOR, ceil(remembered))
    made = Plan(fleet, load, estates, machines, memory, processors, room, {}, tuple(limits))
    return replace(made, dollars=_dollars(made, prices))


def load_of(fleet: Fleet, costs: UnitCosts) -> Load:
    """What so many sites do."""
    polls = fleet.sites * SECONDS / (fleet.poll_seconds * SOONER)
    changed = min(polls, fleet.sites * fleet.changes_a_day * DAYS)
    installs = fleet.sites * fleet.installs_a_month
    reports, check_ins = installs * costs.reports_per_install, polls * costs.check_ins_per_poll
    fetched = fleet.artifact_mb * 1e6 * (1 - fleet.deltas * (1 - costs.delta_share))
    repository_bytes = (
        (polls - changed) * costs.noop_poll_bytes
        + changed * costs.change_poll_bytes
        + installs * (costs.install_bytes + fetched)
    )
    repository_requests = (
        (polls - changed) * costs.noop_poll_requests
        + changed * costs.change_poll_requests
        + installs * costs.install_requests
    )
    kept = reports * fleet.months_kept * costs.report_database_bytes
    full = fleet.sites * DAYS * max(fleet.changes_a_day, HEARD_IN_FULL_A_DAY)
    new = min(check_ins, full + NEWS_OF_AN_INSTALL * installs)
    for_news = new * costs.changed_check_in_database_cpu_seconds / SECONDS
    turn = for_news + (
        (check_ins - new) * costs.check_in_database_cpu_seconds
        + reports * costs.report_database_cpu_seconds
    ) / SECONDS  # fmt: skip
    return Load(
        api_per_second=(check_ins + reports) / SECONDS,
        repository_per_second=repository_requests / SECONDS,
        reports_per_second=reports / SECONDS,
        cdn_gb=repository_bytes / GB,
        api_gb=(check_ins * costs.check_in_bytes + reports * costs.report_bytes) / GB,
        api_processors=(
            (check_ins - new) * costs.check_in_cpu_seconds
            + new * costs.changed_check_in_cpu_seconds
            + reports * costs.report_cpu_seconds
        )
        / SECONDS,
        database_processors=turn,
        database_gb=(kept + fleet.sites * costs.site_database_bytes) / GB,
        turn=turn,
        turn_for_news=for_news,
    )


def _limits(fleet: Fleet, load: Load, costs: UnitCosts, prices: Prices) -> Iterator[Limit]:
    several = "split the clients over several estates, each with its own database"
    yield Limit(
        TURN,
        _carries(fleet, load.turn, BUSY),
        f"whatever is new is written one after the other, and {load.turn_for_news / load.turn:.0%} "
        f"of that are check-ins that are heard in full: fewer changes a day, or {several}",
    )
    yield Limit(
        MEMORY,
        int((MOST_GB_PER_PROCESSOR - SERVER_GB) * GB / costs.remembered_site_bytes),
        f"each process remembers every site: machines with more than {MOST_GB_PER_PROCESSOR} GB "
        f"for each processor, or {several}",
    )
    yield Limit(
        ROOM,
        _carries(fleet, load.database_gb * DATABASE_SLACK, prices.database.most_gb),
        f"reports are evidence and are never removed: {several}",
    )


def _carries(fleet: Fleet, taken: float, there_is: float) -> int:
    """How many sites, when so many take this much: everything here grows with their number."""
    return int(fleet.sites * there_is / taken)


def _dollars(made: Plan, prices: Prices) -> dict[str, float]:
    fleet, load, estates = made.fleet, made.load, made.estates
    requests = load.repository_per_second * SECONDS
    changes = estates * fleet.changes_a_day * DAYS
    misses = min(requests, estates * EDGES * SECONDS / KEPT_SECONDS)
    store, machine = prices.store, prices.machines
    return {
        "store": estates * fleet.repository_gb * store.gb_month
        + misses / 1000 * store.get_per_1000
        + changes * SIGNATURES / 1000 * store.put_per_1000,
        "CDN": _tiered(load.cdn_gb, prices) + requests / 10_000 * prices.cdn.requests_per_10000,
        "load balancer": _load_balancer(load, estates, prices),
        "API machines": estates
        * made.machines
        * HOURS
        * (MACHINE_PROCESSORS * machine.processor_hour + made.machine_gb * machine.gb_hour),
        "database": estates * made.database_processors * HOURS * prices.database.processor_hour
        + estates * made.database_gb * prices.database.gb_month,
        "keys": estates * KEYS * prices.keys.key_month
        + changes * SIGNATURES / 10_000 * prices.keys.sign_per_10000,
    }


def _tiered(gb: float, prices: Prices) -> float:
    dollars = below = 0.0
    for tier in prices.cdn.tiers:
        ends = tier.up_to_tb * 1024
        dollars += max(0.0, min(gb, ends) - below) * tier.gb
        below = ends
    return dollars + max(0.0, gb - below) * prices.cdn.tiers[-1].gb


def _load_balancer(load: Load, estates: int, prices: Prices) -> float:
    """Of one in each estate the hours, the most used of a unit's measures, and what goes out."""
    price = prices.load_balancer
    units = max(
        load.api_per_second / price.unit_new_connections_per_second,
        load.api_per_second * CONNECTION_SECONDS / price.unit_connections,
        load.api_gb / HOURS / price.unit_gb_per_hour,
    )
    hours = HOURS * (estates * price.hour + units * price.unit_hour)
    return hours + load.api_gb * ANSWERS * price.out_gb
