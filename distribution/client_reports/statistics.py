"""The two figures that a time to patch is told in. Pure."""

import math
from collections.abc import Sequence


def median(values: Sequence[float]) -> float | None:
    """The middle of the sorted values; of an even number, the mean of the two in the middle.

    None of no values.
    """
    if not values:
        return None
    found, half = sorted(values), len(values) // 2
    return found[half] if len(found) % 2 else (found[half - 1] + found[half]) / 2


def p95(values: Sequence[float]) -> float | None:
    """The smallest of the values that at least 95 of 100 of them do not exceed (nearest rank).

    It is always one that was measured, and of fewer than 20 values it is the largest. None of no
    values.
    """
    if not values:
        return None
    return sorted(values)[math.ceil(len(values) * 95 / 100) - 1]
