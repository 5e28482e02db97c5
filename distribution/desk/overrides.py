"""What this operator says of failure codes instead of ``manifests.failures``, and how to say it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session

from distribution.audit import Deed, note
from distribution.database.sessions import Database
from distribution.desk import failure_table
from distribution.desk.tables import FailureOverride
from distribution.desk.ticket_work import checked_words
from distribution.errors import Conflict, Invalid, NotFound
from distribution.languages import Language
from distribution.people.roles import Permission, Person
from manifests.failures import FAILURES, FailureCode, Tier

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=30)
MOST_CHARACTERS = 500


@dataclass(frozen=True)
class FailureView:
    """What a code means here; ``changed``: by an operator."""

    code: FailureCode
    tier: Tier
    answer_within_seconds: int
    runbook: str
    sentences: dict[Language, str]
    changed: bool


@dataclass(frozen=True)
class Change:
    """What to say instead; what is left out stays as it is."""

    tier: Tier | None = None
    answer_within: timedelta | None = None
    runbook: str = ""
    sentences: Mapping[Language, str] = field(default_factory=dict)


def known_code(code: str) -> FailureCode:
    """A failure code by its name.

    Raises:
        NotFound: there is none.
    """
    try:
        return FailureCode(code)
    except ValueError as error:
        raise NotFound(
            f"there is no failure code {code[:60]!r}", hint="see 'hsp failure list'"
        ) from error


def listed(session: Session) -> list[FailureView]:
    """Every code with what holds for it."""
    return [view(session, code) for code in FailureCode]


def view(session: Session, code: FailureCode) -> FailureView:
    """What holds for a code."""
    entry = failure_table.entry(session, code)
    return FailureView(
        code=code,
        tier=entry.tier,
        answer_within_seconds=round(entry.answer_within.total_seconds()),
        runbook=entry.runbook,
        sentences={each: failure_table.sentence(session, code, each) for each in Language},
        changed=session.get(FailureOverride, code) is not None,
    )


def change(
    database: Database, by: Person, code: str, wanted: Change, reason: str, now: datetime
) -> FailureView:
    """Say something else of a code; tickets that are open keep their tier and their clock.

    Raises:
        NotAllowed: this person may not.
        NotFound: no such code.
        Conflict: it is security's, and stays that.
        Invalid: nothing to change, or nothing that can be said of a code; no reason.
        Unavailable: the database does not answer.
    """
    role = by.require(Permission.FAILURE_TABLE)
    words, known = checked_words(reason, "why it is changed"), known_code(code)
    _check(known, wanted)
    with database.writing() as session:
        row = session.get(FailureOverride, known) or FailureOverride(code=known)
        row.tier = wanted.tier.value if wanted.tier else row.tier
        if wanted.answer_within is not None:
            row.answer_seconds = round(wanted.answer_within.total_seconds())
        row.runbook = wanted.runbook.strip() or row.runbook
        said = json.loads(row.sentences) if row.sentences else {}
        said |= {language.value: text.strip() for language, text in wanted.sentences.items()}
        row.sentences = json.dumps(said, sort_keys=True, ensure_ascii=False) if said else ""
        session.add(row)
        note(session, Deed(by.name, "failure.set", f"failure {known}", words, role), now)
        return view(session, known)


def _check(code: FailureCode, wanted: Change) -> None:
    if wanted == Change():
        raise Invalid("nothing is to be changed", hint="give a tier, a clock, a page or a sentence")
    if wanted.tier not in (None, Tier.SECURITY) and FAILURES[code].tier is Tier.SECURITY:
        raise Conflict(
            f"{code} is security's, and stays that", hint="its clock and its words may change"
        )
    within = wanted.answer_within
    if within is not None and not SHORTEST <= within <= LONGEST:
        raise Invalid("a ticket is answered within a minute at least and 30 days at most")
    for text in (wanted.runbook, *wanted.sentences.values()):
        if len(text) > MOST_CHARACTERS:
            raise Invalid(f"a page and a sentence have {MOST_CHARACTERS} characters at most")
    if not all(text.strip() for text in wanted.sentences.values()):
        raise Invalid("a sentence has words", hint="'hsp failure reset' brings our own back")


def reset(database: Database, by: Person, code: str, reason: str, now: datetime) -> FailureView:
    """Back to what this product says of a code.

    Raises:
        NotAllowed: this person may not.
        NotFound: no such code.
        Conflict: nobody has changed it.
        Invalid: no reason.
        Unavailable: the database does not answer.
    """
    role = by.require(Permission.FAILURE_TABLE)
    words, known = checked_words(reason, "why it is taken back"), known_code(code)
    with database.writing() as session:
        row = session.get(FailureOverride, known)
        if row is None:
            raise Conflict(f"nobody has changed {known}")
        session.delete(row)
        note(session, Deed(by.name, "failure.reset", f"failure {known}", words, role), now)
        return view(session, known)
