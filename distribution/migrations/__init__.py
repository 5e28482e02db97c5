"""How the tables became what they are: one file for each change, run by Alembic, in the wheel.

A revision's name says two numbers: its own, and the oldest that a server's program may know to run
on it. ``0007_0004``: revision 7, and programs of revision 4 and later run on it. So servers are
upgraded one by one: first the tables (``hsp database upgrade`` of the newer program), then each
server. A revision that only adds (tables, indexes, columns that may be empty or have a default)
keeps the second number of the one before. One that takes away what no program since revision N
uses any more says N there, and comes in a later release than N did.
"""

HEAD = "0002_0001"
"""The revision that this program's tables are of."""

BASELINE = "0001"
"""The tables of release 0.1.0, which still made them without Alembic."""


def number_of(revision: str) -> str:
    """Which revision it is."""
    return revision.partition("_")[0]


def oldest_for(revision: str) -> str:
    """The oldest revision whose program runs on its tables."""
    number, _, oldest = revision.partition("_")
    return oldest or number


def runs_on(revision: str) -> bool:
    """Whether this program runs on tables of that revision, its own or a newer one."""
    return oldest_for(revision) <= number_of(HEAD) <= number_of(revision)
