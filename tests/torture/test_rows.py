"""The torture table at the length that fits into ``make test``."""

import pytest

from tests.torture.__main__ import ROWS, TOO_LONG, row
from tests.torture.rows import Scale


@pytest.mark.journey
@pytest.mark.parametrize("name", [name for name in ROWS if name not in TOO_LONG])
def test_no_try_ends_in_a_way_it_must_not(name: str) -> None:
    outcome = row(name)(Scale.TEST)
    assert outcome.tried > 0
    assert outcome.wrong == 0, "\n".join(outcome.notes)
