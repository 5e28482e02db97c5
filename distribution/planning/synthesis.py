"""A fleet that nobody has, but somebody could: clients of all sizes, zones, and habits.

The same seed makes the same fleet. What makes planning hard is in it on purpose: weekly and monthly
windows, a window that is too short, a window that is over, closings at the month's and year's end,
brakes, and sites that may be changed at any time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from distribution.errors import Invalid
from distribution.planning.fleet_file import MOST_SITES
from manifests.freeze import Freeze
from manifests.rollout import Ring
from manifests.site import InstalledProduct, LocalBrake, Site, SitePolicy, SiteProfile
from manifests.window import MaintenanceWindow

ZONES = (
    "Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "Europe/Berlin", "America/New_York",
    "Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo", "Africa/Lagos", "Asia/Kathmandu",
    "Europe/London", "America/Los_Angeles", "Pacific/Auckland", "Australia/Lord_Howe",
)  # fmt: skip
"""In this order; those that follow the first three move their clocks or are hours away."""

TRADES = (
    "apotek", "bank", "bengkel", "dapur", "gudang", "hotel", "kafe", "klinik", "koperasi",
    "laundry", "optik", "pabrik", "pasar", "percetakan", "rumahsakit", "salon", "sekolah", "studio",
    "toko", "warung",
)  # fmt: skip

_LONG_AGO = datetime(2026, 1, 1)  # noqa: DTZ001 - a wall clock's
_HOUR = 3600


@dataclass(frozen=True)
class Wanted:
    """What fleet is to be made.

    Raises:
        Invalid: more clients than sites, or more zones than are known.
    """

    sites: int = 300
    clients: int = 20
    zones: int = 6
    seed: int = 0
    product: str = "app"
    installed: str = "1.0"

    def __post_init__(self) -> None:
        if not 1 <= self.clients <= self.sites <= MOST_SITES:
            raise Invalid(f"a fleet has 1 to {MOST_SITES:,} sites, and no client without a site")
        if not 1 <= self.zones <= len(ZONES):
            raise Invalid(f"there are 1 to {len(ZONES)} zones to choose from")


def make_fleet(wanted: Wanted) -> list[Site]:
    """The sites, each client's together."""
    random = Random(wanted.seed)  # noqa: S311 - chance for a plan, not for a secret
    owners = _owners(wanted, random)
    habits = [_habit(number, wanted, random) for number in range(wanted.clients)]
    return [
        _site(number, owner, habits[owner], wanted, random) for number, owner in enumerate(owners)
    ]


def _owners(wanted: Wanted, random: Random) -> list[int]:
    """The client of each site: everybody has one, and a few have many."""
    weights = [1 / (1 + number) ** 0.7 for number in range(wanted.clients)]
    others = random.choices(range(wanted.clients), weights, k=wanted.sites - wanted.clients)
    return sorted([*range(wanted.clients), *others])


@dataclass(frozen=True)
class _Habit:
    """What the sites of one client have in common."""

    client_id: str
    windows: Callable[[str], tuple[MaintenanceWindow, ...]]
    zones: Sequence[str]
    freezes: Callable[[str], tuple[Freeze, ...]]


def _habit(number: int, wanted: Wanted, random: Random) -> _Habit:
    zones = [ZONES[(number + step) % wanted.zones] for step in range(random.choice([1, 1, 2, 3]))]
    trade, round_ = TRADES[number % len(TRADES)], number // len(TRADES)
    return _Habit(
        client_id=f"{trade}-{round_ + 1}" if round_ else trade,
        windows=random.choices(list(_WINDOWS.values()), list(_SHARES.values()))[0],
        zones=zones,
        freezes=random.choices([_no_freeze, _month_end, _year_end], [6, 2, 2])[0],
    )


def _site(number: int, owner: int, habit: _Habit, wanted: Wanted, random: Random) -> Site:
    zone = random.choice(list(habit.zones))
    ring = random.choices(list(Ring), [4, 88, 8])[0]
    profile = SiteProfile(
        site_id=f"{habit.client_id}-{number + 1:03d}",
        client_id=habit.client_id,
        ring=ring,
        region=zone.partition("/")[2].lower().replace("_", "-"),
        products=(wanted.product,),
    )
    policy = SitePolicy(
        windows=habit.windows(zone), freezes=habit.freezes(zone), brake=_brake(random)
    )
    if random.random() < 0.015:
        policy = policy.model_copy(update={"windows": (_short(zone),)})
    return Site(profile, policy, {wanted.product: InstalledProduct(version=wanted.installed)})


def _brake(random: Random) -> LocalBrake | None:
    if random.random() >= 0.01:
        return None
    at = _LONG_AGO.replace(tzinfo=UTC)
    return LocalBrake(by="the administrator", at=at, reason="the shop is being rebuilt")


def _window(zone: str, name: str, at: datetime, rule: str, hours: float) -> MaintenanceWindow:
    return MaintenanceWindow(
        name=name, zone=zone, starts=at, rule=rule, duration_seconds=int(hours * _HOUR)
    )


def _short(zone: str) -> MaintenanceWindow:
    return _window(zone, "lunch break", _LONG_AGO.replace(hour=12), "FREQ=DAILY", 1 / 30)


def _nightly(zone: str) -> tuple[MaintenanceWindow, ...]:
    return (_window(zone, "every night", _LONG_AGO.replace(hour=22), "FREQ=DAILY", 4),)


def _weekend(zone: str) -> tuple[MaintenanceWindow, ...]:
    rule = "FREQ=WEEKLY;BYDAY=SA,SU"
    return (_window(zone, "weekend nights", _LONG_AGO.replace(hour=23), rule, 5),)


def _workdays(zone: str) -> tuple[MaintenanceWindow, ...]:
    rule = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH"
    return (_window(zone, "before work", _LONG_AGO.replace(hour=4), rule, 2),)


def _tuesdays(zone: str) -> tuple[MaintenanceWindow, ...]:
    rule = "FREQ=WEEKLY;BYDAY=TU"
    return (_window(zone, "Tuesday", _LONG_AGO.replace(hour=1), rule, 3),)


def _monthly(zone: str) -> tuple[MaintenanceWindow, ...]:
    rule = "FREQ=MONTHLY;BYDAY=2SU"
    return (_window(zone, "second Sunday", _LONG_AGO.replace(hour=1), rule, 4),)


def _always(_: str) -> tuple[MaintenanceWindow, ...]:
    return ()


_WINDOWS = {
    "nightly": _nightly,
    "weekend": _weekend,
    "workdays": _workdays,
    "tuesdays": _tuesdays,
    "monthly": _monthly,
    "always": _always,
}
_SHARES = {"nightly": 9, "weekend": 3, "workdays": 4, "tuesdays": 2, "monthly": 1, "always": 2}


def _no_freeze(_: str) -> tuple[Freeze, ...]:
    return ()


def _month_end(zone: str) -> tuple[Freeze, ...]:
    return (
        Freeze(
            name="the month's closing",
            zone=zone,
            starts=_LONG_AGO.replace(day=28),
            rule="FREQ=MONTHLY;BYMONTHDAY=28",
            duration_seconds=4 * 24 * _HOUR,
        ),
    )


def _year_end(zone: str) -> tuple[Freeze, ...]:
    return (
        Freeze(
            name="the year's closing",
            zone=zone,
            starts=_LONG_AGO.replace(month=12, day=18),
            rule="FREQ=YEARLY",
            duration_seconds=18 * 24 * _HOUR,
        ),
    )
