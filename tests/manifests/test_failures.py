"""No failure without a tier, a clock, a sentence and a runbook; no runbook without a failure."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from manifests.failures import FAILURES, FailureCode, Tier

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = [
    "What it means",
    "Say to the customer",
    "L1 asks",
    "L2 does",
    "Hand it to",
    "It closes when",
]


def test_every_code_has_an_entry() -> None:
    assert set(FAILURES) == set(FailureCode)


def test_every_code_has_a_runbook_and_every_runbook_a_code() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == {code.value for code in FailureCode}


@pytest.mark.parametrize("code", list(FailureCode))
def test_an_entry_says_who_how_soon_and_what_the_customer_hears(code: FailureCode) -> None:
    failure = FAILURES[code]
    assert isinstance(failure.tier, Tier)
    assert timedelta(minutes=15) <= failure.answer_within <= timedelta(days=1)
    assert failure.sentence.endswith((".", "?"))
    assert failure.runbook(code) == f"docs/runbooks/{code.value}.md"


@pytest.mark.parametrize("code", list(FailureCode))
def test_a_customer_hears_no_jargon(code: FailureCode) -> None:
    jargon = r"metadata|TUF|root|rollback|hash|signature|slot|artifact|manifest|[A-Z]{3,}|_"
    assert not re.search(jargon, FAILURES[code].sentence)


@pytest.mark.parametrize("code", list(FailureCode))
def test_a_runbook_helps_at_three_in_the_morning(code: FailureCode) -> None:
    failure = FAILURES[code]
    page = (ROOT / failure.runbook(code)).read_text()
    assert page.startswith(f"# `{code.value}`: ")
    assert failure.sentence in page, "the sentence that may be said is on the page"
    assert f"First: **{failure.tier.value}**" in page
    assert f"within {_in_words(failure.answer_within)}" in page
    assert re.findall(r"^## (.+?)(?: L[123]| security| nobody)?$", page, re.MULTILINE) == SECTIONS
    assert len(page.split()) < 450, "short enough to read while the telephone rings"


def _in_words(clock: timedelta) -> str:
    minutes = int(clock.total_seconds()) // 60
    return f"{minutes // 60} h" if minutes >= 60 else f"{minutes} min"
