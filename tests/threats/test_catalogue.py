"""The catalogue is complete, and the page says what it says. ``make threats`` runs its tests."""

from pathlib import Path

import pytest

from tests.threats.__main__ import as_page
from tests.threats.catalogue import OURS, THREATS, TUF, UPTANE
from tests.threats.threat import Threat

ROOT = Path(__file__).parents[2]

OF_TUF = (
    "arbitrary installation",
    "endless data",
    "extraneous dependencies",
    "fast forward",
    "indefinite freeze",
    "malicious mirrors",
    "mix and match",
    "rollback",
    "key compromise",
    "wrong software installation",
)
"""As the specification names them (1.0.30 and later): slow retrieval is Uptane's alone."""
OF_UPTANE = (
    "eavesdrop",
    "drop request",
    "slow retrieval",
    "freeze",
    "partial bundle installation",
    "rollback",
    "endless data",
    "mixed bundles",
    "mix and match",
    "arbitrary software",
)


def test_no_threat_is_forgotten() -> None:
    assert [threat.name for threat in TUF] == [f"TUF {name}" for name in OF_TUF]
    assert [threat.name for threat in UPTANE] == [f"Uptane {name}" for name in OF_UPTANE]
    assert [threat.name.split()[0] for threat in OURS] == [f"T{n}" for n in range(1, 15)]


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.name)
def test_a_threat_says_what_it_is_and_names_tests_that_exist(threat: Threat) -> None:
    for said in (threat.attack, threat.means, threat.promise, threat.missing):
        assert "|" not in said, "it stands in a table"
    assert threat.attack and threat.means and threat.promise
    for test in (threat.test, *threat.also):
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / "tests" / file).read_text()


def test_the_page_is_what_the_tests_say() -> None:
    page = (ROOT / "docs" / "threats.md").read_text()
    assert page == as_page({threat.name: "held" for threat in THREATS}), "make threats PAGE=1"
