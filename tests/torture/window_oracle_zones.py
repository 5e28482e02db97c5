"""Windows of every IANA zone against an oracle that looks at every minute of ten years (R16).

The oracle knows no rule of the product: it has, for each minute, what the local clock shows, and a
window is open from the first minute of a day at which the clock has reached the window's start, for
so many minutes. It is quick because it looks at all minutes of a zone at once.
"""

import calendar
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise, takewhile
from random import Random
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

from manifests.window import MaintenanceWindow, current_or_next
from tests.torture.rows import Outcome, Scale
from tests.torture.shares import Share, Tally, in_shares

ZONES = sorted(available_timezones() - {"Factory", "localtime", "posixrules"})
ODD_ZONES = (
    "Africa/Casablanca", "America/New_York", "Antarctica/Troll", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Chatham",
)  # fmt: skip

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR = 2026
MARGIN_DAYS = 9
"""Before the span and after it, for occurrences that reach across its edges."""

MINUTES = (1, 59, 60, 61, 180, 240, 1440, 1500, 3 * 1440)

Days = Callable[[date], bool]
RULES: dict[str, Days] = {
    "FREQ=DAILY": lambda _: True,
    "FREQ=WEEKLY;BYDAY=SU": lambda day: day.weekday() == 6,
    "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR": lambda day: day.weekday() < 5,
    "FREQ=MONTHLY;BYMONTHDAY=-1": lambda day: (
        day.day == calendar.monthrange(day.year, day.month)[1]
    ),
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29": lambda day: (day.month, day.day) == (2, 29),
}


@dataclass(frozen=True)
class Size:
    """How much of it is done."""

    years: int
    windows: int
    edges: int


SIZES = {Scale.TEST: Size(1, 4, 6), Scale.TORTURE: Size(10, 8, 40)}


def run(scale: Scale) -> Outcome:
    """``tried`` are minutes of windows, ``wrong`` those in which product and oracle differ."""
    zones = ZONES if scale is Scale.TORTURE else [*ODD_ZONES, *ZONES[::50]]
    return in_shares(compare_zones, zones, SIZES[scale])


def compare_zones(zones: list[str], size: Size, share: Share) -> Outcome:
    """This share's zones."""
    tally = Tally()
    for index, zone in enumerate(zones):
        if share.takes(index):
            _compare_zone(zone, size, tally)
    return tally.outcome


class Clock:
    """What the local clock of a zone shows in each minute of the span, in minutes since 1970."""

    def __init__(self, zone: str, years: int) -> None:
        first = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
        end = datetime(FIRST_YEAR + years, 1, 1, tzinfo=UTC)
        self.begin = first - MARGIN_DAYS * DAY
        self.count = (end + MARGIN_DAYS * DAY - self.begin) // MINUTE
        self.inside = slice(MARGIN_DAYS * 1440, self.count - MARGIN_DAYS * 1440)
        self._tz = ZoneInfo(zone)
        self.changes: list[int] = []
        """The minutes in which the zone's offset changes."""
        offsets = self._offsets()
        start = (self.begin - EPOCH) // MINUTE
        self.shown = np.arange(start, start + self.count, dtype=np.int64) + offsets
        self.reached = np.maximum.accumulate(self.shown)
        """The latest that the clock has shown so far: what was reached stays reached."""

    def _offsets(self) -> NDArray[np.int64]:
        """Looked up at every hour, and at every minute of an hour that ends with another one."""
        hours = [(n, self._offset(n)) for n in (*range(0, self.count, 60), self.count - 1)]
        found = np.empty(self.count, np.int64)
        for (begin, first), (end, last) in pairwise(hours):
            found[begin : end + 1] = first
            if first != last:
                found[begin : end + 1] = [self._offset(n) for n in range(begin, end + 1)]
                self.changes.append(begin + int(np.argmax(found[begin : end + 1] != first)))
        return found

    def _offset(self, minute: int) -> int:
        offset = self.moment(minute).astimezone(self._tz).utcoffset()
        assert offset is not None
        assert not offset % MINUTE, "no zone has had seconds since 1972"
        return offset // MINUTE

    def moment(self, minute: int) -> datetime:
        """A minute of the span as a moment."""
        return self.begin + MINUTE * minute

    def open(self, at: time, minutes: int, on: Days) -> NDArray[np.bool_]:
        """For each minute, whether a window that begins ``at`` on these days is open."""
        days = range(int(self.shown[0]) // 1440 + 1, int(self.shown[-1]) // 1440)
        dues = [
            day * 1440 + at.hour * 60 + at.minute
            for day in days
            if on(date(1970, 1, 1) + timedelta(days=day))
        ]
        starts = np.searchsorted(self.reached, np.array(dues, np.int64))
        return _covered(starts, starts + minutes, self.count)


def _covered(starts: NDArray[np.int64], ends: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Which minutes are in any of these spans."""
    steps = np.zeros(count + 1, np.int64)
    np.add.at(steps, np.clip(starts, 0, count), 1)
    np.add.at(steps, np.clip(ends, 0, count), -1)
    return np.cumsum(steps[:-1]) > 0


def _compare_zone(zone: str, size: Size, tally: Tally) -> None:
    random, clock = Random(zone), Clock(zone, size.years)
    for at, minutes, rule in _windows(clock, size, random):
        expected = clock.open(at, minutes, RULES[rule])
        starts = datetime.combine(date(FIRST_YEAR - 2, 1, 1), at)
        window = MaintenanceWindow(
            zone=zone, starts=starts, rule=rule, duration_seconds=minutes * 60
        )
        differ = np.flatnonzero((_opened(window, clock) != expected)[clock.inside])
        tally.tried += expected[clock.inside].size
        tally.wrong += differ.size
        if differ.size:
            moment = clock.moment(int(differ[0]) + clock.inside.start)
            tally.note(f"{zone} {at} {rule} {minutes} min: {differ.size} differ, first {moment}")
        _compare_edges(window, clock, expected, size, random, tally)


def _windows(clock: Clock, size: Size, random: Random) -> Iterator[tuple[time, int, str]]:
    """Some around the hours in which the zone's clock is changed, and some at any time."""
    odd = [int(clock.shown[change]) % 1440 for change in clock.changes]
    for number in range(size.windows):
        if odd and number % 4 != 3:
            minute = (random.choice(odd) + random.choice((-90, -61, -60, -30, -1, 0, 30))) % 1440
        else:
            minute = random.randrange(1440)
        rule = "FREQ=DAILY" if number % 2 == 0 else random.choice(list(RULES))
        yield time(minute // 60, minute % 60), random.choice(MINUTES), rule


def _opened(window: MaintenanceWindow, clock: Clock) -> NDArray[np.bool_]:
    """The same by the product's own openings."""
    end = clock.moment(clock.count)
    spans = [
        ((o.start - clock.begin) / MINUTE, (o.end - clock.begin) / MINUTE)
        for o in takewhile(lambda o: o.start < end, window.openings(clock.begin))
    ]
    assert all(start == int(start) for start, _ in spans), "an opening between two minutes"
    found = np.array(spans, np.float64).reshape(-1, 2).astype(np.int64)
    return _covered(found[:, 0], found[:, 1], clock.count)


def _compare_edges(
    window: MaintenanceWindow,
    clock: Clock,
    expected: NDArray[np.bool_],
    size: Size,
    random: Random,
    tally: Tally,
) -> None:
    """Just before and just after it opens or shuts, may something start?"""
    edges = np.flatnonzero(expected[1:] != expected[:-1]) + 1
    edges = edges[(edges > clock.inside.start) & (edges < clock.inside.stop)]
    for edge in random.sample(edges.tolist(), min(size.edges, edges.size)):
        for minute in (edge - 1, edge):
            moment = clock.moment(minute)
            found = current_or_next([window], [], timedelta(), moment)
            may_start = found is not None and found.start <= moment
            wrong = may_start != bool(expected[minute])
            tally.count(f"{window.zone} {window.starts.time()} {window.rule}",
                        [f"may start at {moment}: {may_start}"] if wrong else [])  # fmt: skip
