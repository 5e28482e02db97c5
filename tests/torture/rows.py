"""What a row of the torture table is, and how many tries it makes."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Scale(Enum):
    """How long a row may take: as a part of ``make test``, or of ``make torture``."""

    TEST = "test"
    TORTURE = "torture"


@dataclass(frozen=True)
class Outcome:
    """What a row found. ``wrong`` counts tries that ended in a way they must not."""

    tried: int
    wrong: int
    notes: tuple[str, ...] = ()
    """The first few wrong ones, each so that it can be tried again."""


Row = Callable[[Scale], Outcome]
