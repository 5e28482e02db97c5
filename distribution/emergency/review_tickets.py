"""Open reviews are L3's tickets from the first hour; overdue ones are security's as well."""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session

from distribution.database.sessions import Database
from distribution.desk import own_problems
from distribution.emergency import reviews
from distribution.emergency.reviews import Review
from manifests.failures import FailureCode


def look(database: Database, now: datetime) -> None:
    """Open the tickets of what is to be reviewed, and close those of what was.

    Raises:
        Unavailable: the database does not answer.
    """
    with database.reading() as session:
        wanted = _wanted(reviews.listed(session), now)
        if all(own_problems.details(session, code) == wanted[code] for code in wanted):
            return
    with database.writing() as session:
        for code, each in _wanted(reviews.listed(session), now).items():
            _bring(session, code, each, now)


def _wanted(found: list[Review], now: datetime) -> Mapping[FailureCode, Mapping[str, str]]:
    """What should be told, by the release that it is about."""
    return {
        FailureCode.BREAKGLASS_REVIEW: {review.release: _words(review) for review in found},
        FailureCode.REVIEW_OVERDUE: {
            review.release: f"OVERDUE: {_words(review)}"
            for review in found
            if review.is_overdue(now)
        },
    }


def _words(review: Review) -> str:
    return (
        f"{review.who} signed the break-glass release {review.what} alone: somebody else reviews "
        f"it by {review.due_at:%a %Y-%m-%d %H:%M} UTC (hsp review close {review.number})"
    )


def _bring(session: Session, code: FailureCode, wanted: Mapping[str, str], now: datetime) -> None:
    known = own_problems.details(session, code)
    for release, words in wanted.items():
        if known.get(release) != words:
            own_problems.began(session, code, release, words, now)
    for release in known.keys() - wanted.keys():
        own_problems.ended(session, code, release, now)
