"""The median and the 95th percentile, held to their definitions."""

import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distribution.client_reports.statistics import median, p95

seconds = st.floats(min_value=0, max_value=1e9)


@settings(deadline=None)
@given(st.lists(seconds, min_size=1, max_size=300))
def test_the_median_is_the_middle(values: list[float]) -> None:
    assert median(values) == statistics.median(values)


@settings(deadline=None)
@given(st.lists(seconds, min_size=1, max_size=300))
def test_p95_is_the_smallest_measured_value_that_95_of_100_do_not_exceed(
    values: list[float],
) -> None:
    found = p95(values)
    assert found in values

    def enough(bound: float) -> bool:
        return sum(value <= bound for value in values) * 100 >= 95 * len(values)

    assert enough(found)
    assert not any(enough(value) for value in values if value < found)


@settings(deadline=None)
@given(st.lists(seconds, min_size=1, max_size=19))
def test_of_a_few_values_p95_is_the_largest(values: list[float]) -> None:
    assert p95(values) == max(values)


@settings(deadline=None)
@given(st.lists(seconds, min_size=1, max_size=50), st.randoms())
def test_the_order_of_the_values_does_not_matter(values: list[float], random: object) -> None:
    shuffled = sorted(values, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert (median(shuffled), p95(shuffled)) == (median(values), p95(values))


@pytest.mark.parametrize(("count", "at"), [(20, 19), (21, 20), (100, 95), (1000, 950)])
def test_p95_of_one_to_n(count: int, at: int) -> None:
    assert p95(list(range(1, count + 1))) == at


def test_of_nothing_there_is_no_figure() -> None:
    assert (median([]), p95([])) == (None, None)
