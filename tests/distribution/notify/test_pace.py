"""How often, when not, and when again: by example, and by what must always hold."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.notify import pace
from distribution.notify.quiet import end_of_quiet

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@given(
    st.lists(st.integers(0, 200), max_size=60),
    st.booleans(),
)
def test_no_window_ever_has_more_messages_than_it_may(gaps: list[int], urgent: bool) -> None:
    told: list[datetime] = []
    now = NOON
    for gap in gaps:
        now += timedelta(seconds=gap)
        at = max(pace.next_at(told, now, at_once=urgent), now)
        told.append(at)
        now = at
    for at in told:
        assert sum(at <= other < at + pace.WINDOW for other in told) <= pace.AT_MOST


def test_a_storm_of_an_hour_is_four_messages() -> None:
    told: list[datetime] = []
    for second in range(0, 3600, 10):
        now = NOON + timedelta(seconds=second)
        if pace.next_at(told, now, at_once=False) <= now:
            told.append(now)
    assert [(at - NOON) / MINUTE for at in told] == [0, 5, 15, 35]


def test_a_failed_message_is_tried_again_later_each_time_and_as_the_receiver_asks() -> None:
    longest = [max(pace.try_again_after(tries) for _ in range(50)) for tries in (1, 3, 6, 100)]
    assert longest[0] <= timedelta(seconds=10) < longest[1] <= timedelta(minutes=5) < longest[2]
    assert longest[3] <= timedelta(hours=6)
    assert len({pace.try_again_after(5) for _ in range(10)}) > 1, "not all at the same moment"
    assert pace.try_again_after(1, asked_for=600) >= timedelta(minutes=10)


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-11-25T14:59:59+00:00", None),
        ("2026-11-25T15:00:00+00:00", "2026-11-25T23:00:00+00:00"),
        ("2026-11-25T18:00:00+00:00", "2026-11-25T23:00:00+00:00"),
        ("2026-11-25T22:59:59+00:00", "2026-11-25T23:00:59+00:00"),
        ("2026-11-25T23:00:00+00:00", None),
    ],
)
def test_quiet_hours_in_jakarta_go_over_midnight(at: str, end: str | None) -> None:
    found = end_of_quiet(datetime.fromisoformat(at), "Asia/Jakarta", "22:00", "06:00")
    assert found == (datetime.fromisoformat(end) if end else None)


@given(st.integers(0, 366 * 24 * 60))
def test_quiet_hours_end_soon_also_when_the_clock_is_changed(minute: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + minute * MINUTE
    end = end_of_quiet(now, "Europe/Berlin", "01:30", "02:30")
    assert end is None or MINUTE <= end - now <= timedelta(hours=2)


def test_without_quiet_hours_nobody_waits() -> None:
    assert end_of_quiet(NOON, "UTC", "", "") is None
