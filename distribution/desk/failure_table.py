"""What each failure code means here: the tier, the clock, the page, and the customer's sentence.

``manifests.failures`` is the table as it comes; an operator's own words win over it, one row for
each code that they changed, and each change is audited.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, col, select

from distribution.desk.tables import FailureOverride
from distribution.languages import Language, translate
from manifests.failures import FAILURES, FailureCode, Tier


@dataclass(frozen=True)
class Entry:
    """Who looks after a failure first, how soon, and by which page."""

    tier: Tier
    answer_within: timedelta
    runbook: str


def entry(session: Session, code: FailureCode) -> Entry:
    """What holds for a code."""
    return _entry(code, session.get(FailureOverride, code))


def entries(session: Session, codes: Collection[FailureCode]) -> dict[FailureCode, Entry]:
    """What holds for each of some codes."""
    wanted = select(FailureOverride).where(col(FailureOverride.code).in_(codes))
    own = {each.code: each for each in session.exec(wanted)}
    return {code: _entry(code, own.get(code)) for code in codes}


def _entry(code: FailureCode, own: FailureOverride | None) -> Entry:
    failure = FAILURES[code]
    if own is None:
        return Entry(failure.tier, failure.answer_within, failure.runbook(code))
    return Entry(
        tier=Tier(own.tier) if own.tier else failure.tier,
        answer_within=(
            failure.answer_within
            if own.answer_seconds is None
            else timedelta(seconds=own.answer_seconds)
        ),
        runbook=own.runbook or failure.runbook(code),
    )


def sentence(session: Session, code: FailureCode, language: Language = Language.ENGLISH) -> str:
    """What may be said to a customer, in their language."""
    own = session.get(FailureOverride, code)
    said: dict[str, str] = json.loads(own.sentences) if own and own.sentences else {}
    return said.get(language) or translate(FAILURES[code].sentence, language)
