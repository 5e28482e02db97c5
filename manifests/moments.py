"""Which moments a document may name."""

from datetime import datetime

YEARS = range(1970, 9000)
"""Of every moment in a document: far enough from the calendar's ends to reckon with safely."""


def in_range(moment: datetime) -> datetime:
    """Return ``moment`` if nobody who adds a few years to it falls off the calendar.

    Raises:
        ValueError: its year is not in ``YEARS``.
    """
    if moment.year not in YEARS:
        raise ValueError(f"the year {moment.year} is not between {YEARS[0]} and {YEARS[-1]}")
    return moment
