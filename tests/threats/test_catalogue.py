"""The catalogue is complete, and the page says what it says. ``make threats`` runs its tests."""

from pathlib import Path

import pytest

from tests.threats.catalogue import OURS, THREATS, TUF, UPTANE, Threat

ROOT = Path(__file__).parents[2]


def test_no_threat_is_forgotten() -> None:
    assert (len(TUF), len(UPTANE)) == (10, 10)
    assert [threat.name for threat in OURS] == [f"T{number}" for number in range(1, 15)]


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.name)
def test_a_threat_is_on_the_page_and_names_tests_that_exist(threat: Threat) -> None:
    page = (ROOT / "docs" / "threats.md").read_text()
    said = (threat.name, threat.attack, threat.means, threat.promise)
    assert f"| {' | '.join(said)} | held | {threat.missing or '-'} |" in page
    assert threat.tests
    for test in threat.tests:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / "tests" / file).read_text()
