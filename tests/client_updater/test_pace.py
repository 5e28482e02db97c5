"""When the next poll comes: never a herd, never a hammer."""

from random import Random
from statistics import mean

import pytest

from client_updater.pace import Outlook, next_delay


def _delays(outlook: Outlook, count: int = 2000) -> list[float]:
    dice = Random(7)
    return [next_delay(outlook, dice) for _ in range(count)]


def test_from_poll_to_poll_it_is_less_than_the_server_wishes_and_spread() -> None:
    delays = _delays(Outlook(poll_seconds=300))
    assert 180 <= min(delays) < 190
    assert 260 < max(delays) <= 270
    assert mean(delays) == pytest.approx(225, rel=0.02)


def test_the_time_that_a_poll_took_is_part_of_the_interval() -> None:
    assert mean(_delays(Outlook(poll_seconds=300, took=60))) == pytest.approx(165, rel=0.02)
    assert set(_delays(Outlook(poll_seconds=300, took=3000))) == {30}


def test_failures_back_off_up_to_an_hour() -> None:
    means = [mean(_delays(Outlook(poll_seconds=60, failures=n))) for n in (1, 2, 3, 10, 10_000)]
    assert means[0] < means[1] < means[2] < means[3]
    assert means[3] == pytest.approx(means[4], rel=0.02)
    assert max(_delays(Outlook(poll_seconds=60, failures=10_000))) <= 3600


@pytest.mark.parametrize("failures", [0, 3])
def test_retry_after_is_obeyed_up_to_a_day_and_spread(failures: int) -> None:
    delays = _delays(Outlook(poll_seconds=60, failures=failures, retry_after=7200))
    assert min(delays) >= 7200
    assert max(delays) <= 7920
    assert max(_delays(Outlook(poll_seconds=60, retry_after=10**9))) <= 1.1 * 86_400


def test_before_a_window_opens_the_interval_is_a_third_of_the_time_left() -> None:
    delays = _delays(Outlook(poll_seconds=3600, opens_in=600))
    assert mean(delays) == pytest.approx(200, rel=0.02)
    assert mean(_delays(Outlook(poll_seconds=60, opens_in=10_000))) == pytest.approx(45, rel=0.02)


def test_at_its_opening_the_sites_come_one_after_the_other() -> None:
    delays = _delays(Outlook(poll_seconds=300, opens_in=5))
    assert min(delays) > 5
    assert max(delays) <= 15
    first_second = sum(6 <= delay < 7 for delay in delays)
    assert first_second < len(delays) / 5
