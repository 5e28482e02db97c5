"""When a site lets itself be changed: windows across DST, year ends, freezes (THREATS R16, R17)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from manifests.window import HORIZON, Blackout, MaintenanceWindow, Opening, current_or_next

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FIVE_MINUTES = timedelta(minutes=5)
SATURDAY_NIGHTS = {
    "zone": "Asia/Jakarta",
    "starts": "2027-01-02T22:00:00",
    "rule": "FREQ=WEEKLY;BYDAY=SA",
    "duration_seconds": 4 * 3600,
}
"""22:00 in Jakarta is 15:00 UTC, the whole year."""


def a_window(**changes: Any) -> MaintenanceWindow:
    """Saturday nights in Jakarta, but for ``changes``."""
    return MaintenanceWindow.model_validate({**SATURDAY_NIGHTS, **changes})


def nightly(zone: str, starts: str, hours: float = 4) -> MaintenanceWindow:
    """A window of every night."""
    return a_window(zone=zone, starts=starts, rule="FREQ=DAILY", duration_seconds=hours * 3600)


def utc(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def blackout(start: datetime, end: datetime) -> Blackout:
    """A freeze."""
    return Blackout(starts_at=start, ends_at=end)


def spans(window: MaintenanceWindow, after: datetime, count: int = 3) -> list[str]:
    """The next openings in UTC, to be read."""
    return [
        f"{opening.start:%Y-%m-%dT%H:%M} {opening.end - opening.start}"
        for opening in islice(window.openings(after), count)
    ]


# DST: THREATS R16's vectors, as far as a window's duration is elapsed time.


@dataclass(frozen=True)
class Night:
    """A window that opens on one night in a zone that does something odd then."""

    sentence: str
    zone: str
    starts: str
    hours: float
    opens_utc: str


NIGHTS = [
    Night("Berlin springs forward inside it",
        "Europe/Berlin", "2027-03-28T01:00", 3, "2027-03-28T00:00"),
    Night("Berlin falls back inside it",
        "Europe/Berlin", "2027-10-31T01:00", 3, "2027-10-30T23:00"),
    Night("Berlin's doubled hour: the first",
        "Europe/Berlin", "2027-10-31T02:30", 1, "2027-10-31T00:30"),
    Night("New York, 02:15 does not exist",
        "America/New_York", "2027-03-14T02:15", 0.5, "2027-03-14T07:00"),
    Night("New York, 01:15 is there twice",
        "America/New_York", "2027-11-07T01:15", 0.5, "2027-11-07T05:15"),
    Night("Lord Howe moves by half an hour",
        "Australia/Lord_Howe", "2027-04-04T01:00", 2, "2027-04-03T14:00"),
    Night("Lord Howe's doubled half hour",
        "Australia/Lord_Howe", "2027-04-04T01:45", 1, "2027-04-03T14:45"),
    Night("Chatham, before its gap at 02:45",
        "Pacific/Chatham", "2027-09-26T02:00", 2, "2027-09-25T13:15"),
    Night("Chatham, inside its gap",
        "Pacific/Chatham", "2027-09-26T03:00", 1, "2027-09-25T14:00"),
    Night("Casablanca falls back for Ramadan",
        "Africa/Casablanca", "2027-02-07T01:00", 3, "2027-02-07T00:00"),
    Night("Troll leaps two hours",
        "Antarctica/Troll", "2027-03-28T01:30", 1, "2027-03-28T01:00"),
    Night("Kathmandu, over midnight",
        "Asia/Kathmandu", "2027-05-01T23:00", 3, "2027-05-01T17:15"),
    Night("Kolkata, on a leap day",
        "Asia/Kolkata", "2028-02-29T23:00", 2, "2028-02-29T17:30"),
    Night("Apia, the day that was left out",
        "Pacific/Apia", "2011-12-30T12:00", 1, "2011-12-30T10:00"),
    Night("Jakarta, over a year's end",
        "Asia/Jakarta", "2026-12-31T23:30", 2, "2026-12-31T16:30"),
]  # fmt: skip


@pytest.mark.parametrize("night", NIGHTS, ids=lambda night: night.sentence)
def test_an_odd_night(night: Night) -> None:
    window = a_window(
        zone=night.zone, starts=night.starts, rule="", duration_seconds=int(night.hours * 3600)
    )
    [opening] = window.openings(utc(night.opens_utc) - 10 * DAY)
    assert opening.start == utc(night.opens_utc)
    assert opening.end - opening.start == timedelta(hours=night.hours), "elapsed, not wall-clock"


@pytest.mark.parametrize("night", NIGHTS, ids=lambda night: night.sentence)
def test_each_odd_night_has_one_opening_only(night: Night) -> None:
    window = nightly(night.zone, night.starts, 1)
    openings = list(islice(window.openings(utc(night.opens_utc) - HOUR / 2), 4))
    assert openings[0].start == utc(night.opens_utc)
    for one, next_one in pairwise(openings):
        assert 12 * HOUR <= next_one.start - one.start <= 26 * HOUR


def test_a_clock_in_the_second_of_two_equal_hours_does_not_reopen_the_window() -> None:
    window = nightly("America/New_York", "2027-11-01T01:15", 0.5)
    second_0130 = utc("2027-11-07T06:30")
    opening = current_or_next([window], [], timedelta(), second_0130)
    assert opening is not None
    assert opening.start == utc("2027-11-08T06:15")


def test_saturday_nights_keep_their_local_hour_when_the_offset_changes() -> None:
    window = a_window(zone="Europe/Berlin")
    assert spans(window, utc("2027-03-25T00:00"), 2) == [
        "2027-03-27T21:00 4:00:00",
        "2027-04-03T20:00 4:00:00",
    ]


def test_three_zones_on_one_dst_night_open_each_at_its_own_hour() -> None:
    opens = {
        zone: spans(nightly(zone, "2027-01-01T22:00"), utc("2027-03-28T12:00"), 1)[0][:16]
        for zone in ("Europe/Berlin", "Europe/London", "Asia/Jakarta")
    }
    assert opens == {
        "Europe/Berlin": "2027-03-28T20:00",
        "Europe/London": "2027-03-28T21:00",
        "Asia/Jakarta": "2027-03-28T15:00",
    }


# Rules of the calendar.


def test_a_leap_day_window_comes_every_four_years() -> None:
    window = a_window(
        zone="UTC", starts="2028-02-29T01:00", rule="FREQ=YEARLY", duration_seconds=60
    )
    assert spans(window, utc("2028-02-28T00:00"), 2) == [
        "2028-02-29T01:00 0:01:00",
        "2032-02-29T01:00 0:01:00",
    ]


def test_the_last_working_day_of_the_month() -> None:
    rule = "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"
    window = a_window(zone="UTC", starts="2027-01-01T20:00", rule=rule)
    found = [span[:10] for span in spans(window, utc("2027-01-01T00:00"))]
    assert found == ["2027-01-29", "2027-02-26", "2027-03-31"]


def test_every_second_week_counts_from_the_first_start() -> None:
    window = a_window(
        zone="UTC", starts="2027-01-06T20:00", rule="FREQ=WEEKLY;INTERVAL=2;BYDAY=WE,SA"
    )
    found = [span[:10] for span in spans(window, utc("2031-01-01T00:00"), 4)]
    every = [span[:10] for span in spans(window, utc("2027-01-01T00:00"), 430)]
    assert found == [day for day in every if day >= "2031"][:4], "however late one asks"
    assert every[:3] == ["2027-01-06", "2027-01-09", "2027-01-20"]


def test_a_window_of_three_nights_is_over_after_three() -> None:
    window = a_window(zone="UTC", rule="FREQ=DAILY;COUNT=3")
    assert len(list(window.openings(utc("2027-01-01T00:00")))) == 3
    assert current_or_next([window], [], timedelta(), utc("2027-01-05T02:00")) is None
    assert current_or_next([window], [], timedelta(), utc("2029-01-05T02:00")) is None


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=WEEKLY", ["2031-03-01", "2031-03-08"]),
        ("FREQ=DAILY;INTERVAL=3", ["2031-03-03", "2031-03-06"]),
        ("FREQ=MONTHLY", ["2031-03-02", "2031-04-02"]),
        ("FREQ=YEARLY", ["2032-01-02", "2033-01-02"]),
    ],
)
def test_years_later_a_rule_still_counts_from_the_first_start(rule: str, days: list[str]) -> None:
    window = a_window(zone="UTC", starts="2027-01-02T22:00", rule=rule)
    assert [span[:10] for span in spans(window, utc("2031-03-01T12:00"), 2)] == days


def test_a_window_without_a_rule_opens_once() -> None:
    window = a_window(rule="")
    assert len(list(window.openings(utc("2020-01-01T00:00")))) == 1


def test_a_window_from_long_ago_costs_no_more_than_a_new_one() -> None:
    # 56 years of nights are not walked through on every poll: 100 answers take a blink.
    window = nightly("Asia/Jakarta", "1970-01-01T22:00")
    for day in range(100):
        now = utc("2027-01-01T00:00") + day * DAY
        assert next(window.openings(now)).start == now + 15 * HOUR


# What fits into a window.


def found(
    windows: list[MaintenanceWindow],
    now: str,
    *,
    needed: timedelta = FIVE_MINUTES,
    blackouts: list[Blackout] | None = None,
) -> Opening | None:
    """The opening that something of ``needed`` would use."""
    return current_or_next(windows, blackouts or [], needed, utc(now))


@pytest.mark.parametrize(
    ("now", "starts"),
    [
        ("2027-01-09T14:59", "2027-01-09T15:00"),
        ("2027-01-09T15:00", "2027-01-09T15:00"),
        ("2027-01-09T17:30", "2027-01-09T17:30"),
        ("2027-01-09T18:55", "2027-01-09T18:55"),
        ("2027-01-09T18:55:01", "2027-01-16T15:00"),
        ("2027-01-09T19:00", "2027-01-16T15:00"),
    ],
)
def test_an_install_starts_as_soon_as_it_fits(now: str, starts: str) -> None:
    opening = found([a_window()], now)
    assert opening is not None
    assert opening.start == utc(starts)


@pytest.mark.parametrize(
    ("now", "open_now"),
    [("2027-01-09T17:59", True), ("2027-01-09T18:00", True), ("2027-01-09T18:00:01", False)],
)
def test_nothing_starts_after_the_cutoff(now: str, open_now: bool) -> None:
    opening = found([a_window(cutoff_seconds=3600)], now)
    assert opening is not None
    assert (opening.start == utc(now)) == open_now


def test_what_needs_longer_than_the_window_never_fits() -> None:
    assert found([a_window()], "2027-01-09T12:00", needed=4 * HOUR) is not None
    assert found([a_window()], "2027-01-09T12:00", needed=4 * HOUR + timedelta(seconds=1)) is None


def test_two_windows_that_touch_are_one() -> None:
    evening = nightly("UTC", "2027-01-01T22:00", 2)
    night = nightly("UTC", "2027-01-02T00:00", 2)
    opening = found([night, evening], "2027-01-05T12:00", needed=3 * HOUR)
    assert opening is not None
    assert (opening.start, opening.end) == (utc("2027-01-05T22:00"), utc("2027-01-06T02:00"))
    assert found([evening], "2027-01-05T12:00", needed=3 * HOUR) is None


def test_overlapping_windows_with_a_freeze_inside_are_their_union_minus_the_freeze() -> None:
    windows = [nightly("UTC", "2027-01-01T20:00", 4), nightly("UTC", "2027-01-01T22:00", 4)]
    freeze = blackout(utc("2027-01-05T21:00"), utc("2027-01-05T23:00"))
    opening = found(windows, "2027-01-05T12:00", needed=2 * HOUR, blackouts=[freeze])
    assert opening is not None
    assert (opening.start, opening.end) == (utc("2027-01-05T23:00"), utc("2027-01-06T02:00"))


def test_a_cutoff_holds_only_while_no_other_window_is_open() -> None:
    first = a_window(zone="UTC", starts="2027-01-01T20:00", rule="", cutoff_seconds=3600 * 3)
    second = a_window(zone="UTC", starts="2027-01-01T22:00", rule="")
    opening = found([first, second], "2027-01-01T21:30")
    assert opening is not None
    assert opening.start == utc("2027-01-01T22:00")


# Blackouts win.


def test_a_freeze_in_the_middle_of_a_window_leaves_its_ends() -> None:
    freeze = blackout(utc("2027-01-09T16:00"), utc("2027-01-09T17:00"))
    before = found([a_window()], "2027-01-09T12:00", blackouts=[freeze])
    during = found([a_window()], "2027-01-09T16:30", blackouts=[freeze])
    too_long_for_the_first_part = found(
        [a_window()], "2027-01-09T12:00", needed=2 * HOUR, blackouts=[freeze]
    )
    assert before is not None
    assert during is not None
    assert too_long_for_the_first_part is not None
    assert (before.start, before.end) == (utc("2027-01-09T15:00"), utc("2027-01-09T16:00"))
    assert during.start == utc("2027-01-09T17:00")
    assert too_long_for_the_first_part.start == utc("2027-01-09T17:00")


def test_a_long_freeze_covers_many_nights() -> None:
    freeze = blackout(utc("2027-01-01T00:00"), utc("2027-11-30T16:00"))
    window = nightly("Asia/Jakarta", "2027-01-01T22:00")
    opening = found([window], "2027-01-05T12:00", blackouts=[freeze])
    assert opening is not None
    assert opening.start == utc("2027-11-30T16:00")


def test_two_hundred_short_freezes_cover_two_hundred_nights() -> None:
    window = nightly("UTC", "2027-01-01T22:00")
    freezes = [
        blackout(utc("2027-01-01T21:00") + n * DAY, utc("2027-01-02T03:00") + n * DAY)
        for n in range(200)
    ]
    opening = found([window], "2027-01-01T12:00", blackouts=freezes)
    assert opening is not None
    assert opening.start == utc("2027-01-01T22:00") + 200 * DAY


def test_after_a_freeze_a_long_job_waits_for_a_window_that_is_long_enough() -> None:
    # Overlapping occurrences: those that began in the freeze have too little left.
    window = nightly("UTC", "2027-01-01T00:00", 23)
    freeze = blackout(utc("2027-01-05T00:00"), utc("2027-01-05T20:00"))
    opening = found([window], "2027-01-05T01:00", needed=10 * HOUR, blackouts=[freeze])
    assert opening is not None
    assert opening.start == utc("2027-01-06T00:00")


def test_overlapping_and_unsorted_freezes_are_their_union() -> None:
    freezes = [
        blackout(utc("2027-01-09T17:00"), utc("2027-01-09T18:00")),
        blackout(utc("2027-01-09T14:00"), utc("2027-01-09T16:00")),
        blackout(utc("2027-01-09T15:30"), utc("2027-01-09T17:00")),
    ]
    opening = found([a_window()], "2027-01-09T12:00", blackouts=freezes)
    assert opening is not None
    assert opening.start == utc("2027-01-09T18:00")


def test_without_windows_all_time_is_open_but_the_freezes() -> None:
    now = utc("2027-01-05T12:00")
    opening = current_or_next([], [], HOUR, now)
    assert opening is not None
    assert (opening.start, opening.end) == (now, now + HORIZON)
    freeze = blackout(now + HOUR / 2, now + 3 * HOUR)
    later = current_or_next([], [freeze], HOUR, now)
    assert later is not None
    assert later.start == now + 3 * HOUR


def test_a_freeze_of_more_than_thirteen_months_is_a_never() -> None:
    now = utc("2027-01-05T12:00")
    assert current_or_next([], [blackout(now - DAY, now + 400 * DAY)], HOUR, now) is None


def test_a_window_that_opens_in_fourteen_months_is_a_never() -> None:
    window = a_window(starts="2028-03-04T22:00", rule="")
    assert found([window], "2027-01-05T12:00") is None
    assert found([window], "2027-03-05T12:00") is not None
    assert not window.opens_within(HORIZON, utc("2027-01-05T12:00"))
    assert window.opens_within(HORIZON, utc("2027-03-05T12:00"))


# Bad input (THREATS section 4, 39).


@pytest.mark.parametrize(
    "zone",
    ["EST5EDT,", "Mars/X", "+03:00", "UTC+3", "", "America", "../../etc/passwd", "/etc/localtime",
     "zone.tab", "tzdata.zi", "a\0b", "x" * 5_000, "Asia/Jakarta\n", "localtime", "Factory",
     "right/Asia/Jakarta", "posix/Asia/Jakarta", "posixrules"],
)  # fmt: skip
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError, match="is not an IANA time zone such as"):
        a_window(zone=zone)


@pytest.mark.parametrize(
    "starts",
    ["2027-01-01T25:00", "2026-12-31T23:59:60", "2027-02-29T01:00", "2027-W54", "tomorrow",
     "2027-01-01T22:00Z", "2027-01-01T22:00+07:00", "1798761600", 1798761600,
     "0001-01-01T00:00", "9999-12-31T23:00"],
)  # fmt: skip
def test_what_is_no_local_time_is_refused(starts: str | int) -> None:
    with pytest.raises(ValidationError):
        a_window(starts=starts)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"duration_seconds": 0}, "greater than or equal to 1"),
        ({"duration_seconds": -3600}, "greater than or equal to 1"),
        ({"duration_seconds": 7 * 24 * 3600 + 1}, "less than or equal to 604800"),
        ({"cutoff_seconds": 4 * 3600}, "leaves no time"),
        ({"cutoff_seconds": -1}, "greater than or equal to 0"),
    ],
)
def test_durations_that_make_no_window_are_refused(changes: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        a_window(**changes)


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("FREQ=FORTNIGHTLY", "not a rule such as"),
        ("every saturday", "not a rule such as"),
        ("BYDAY=SA", "not a rule such as"),
        ("FREQ=DAILY;FREQ=DAILY", "each part once"),
        ("FREQ=WEEKLY;BYDAY=XX", "not an RRULE"),
        ("FREQ=WEEKLY;WKST=Q", "not an RRULE"),
        ("FREQ=YEARLY;BYYEARDAY=a", "not an RRULE"),
        ("FREQ=MONTHLY;BYDAY=0MO", "not an RRULE"),
        ("FREQ=MONTHLY;BYDAY=MO(1", "not an RRULE"),
        ("FREQ=DAILY;", "has no ''"),
        ("FREQ=DAILY;UNTIL=20270101T000000Z", "end it with a blackout"),
        ("FREQ=DAILY;BYHOUR=1", "has no 'BYHOUR'"),
        ("FREQ=DAILY;BYEASTER=1", "has no 'BYEASTER'"),
        ("FREQ=DAILY\nRDATE:20270101T000000", "not a rule such as"),
        ("RDATE:20270101T000000", "not a rule such as"),
        ("EXRULE:FREQ=DAILY", "not a rule such as"),
        ("DTSTART;TZID=Asia/Jakarta:20270101T000000", "not a rule such as"),
        ("FREQ=DAILY;COUNT=0", "from 1 to 99999"),
        ("FREQ=DAILY;INTERVAL=-1", "from 1 to 99999"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never occurs"),
        ("FREQ=MONTHLY;BYDAY=6MO", "never occurs"),
        ("FREQ=YEARLY;BYWEEKNO=54", "never occurs"),
        ("FREQ=YEARLY;BYYEARDAY=367", "never occurs"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=FR", "never occurs"),
        ("FREQ=MONTHLY;BYDAY=+9999999999999999999MO", "at most five digits"),
    ],
)
def test_rules_that_make_no_window_are_refused(rule: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        a_window(rule=rule)


@pytest.mark.parametrize(
    "rule",
    ["FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=MINUTELY", "FREQ=HOURLY",
     "FREQ=DAILY;INTERVAL=0", "FREQ=YEARLY;INTERVAL=0;BYMONTH=2;BYMONTHDAY=30",
     "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;BYMONTH=13", "FREQ=DAILY;BYWEEKNO=54",
     "FREQ=DAILY;BYSETPOS=9"],
)  # fmt: skip
def test_a_hostile_site_cannot_keep_the_server_busy_with_a_rule(rule: str) -> None:
    # Measured: dateutil walks through these for ever, or for seconds, until the year 9999.
    with pytest.raises(ValidationError):
        a_window(rule=rule)


def test_a_rule_that_next_occurs_at_the_end_of_the_calendar_is_over() -> None:
    window = a_window(
        zone="America/New_York", starts="2026-12-31T23:00", rule="FREQ=YEARLY;INTERVAL=7973"
    )
    assert found([window], "2027-06-01T00:00") is None


def test_a_blackout_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValidationError, match="ends after it starts"):
        blackout(utc("2027-01-02T00:00"), utc("2027-01-01T00:00"))
