"""One kind of document that reaches an agent from outside."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from tests.torture.mutation import mutated

NOW = datetime.now(UTC).replace(microsecond=0)
Mutate = Callable[[Random, bytes, Sequence[bytes]], bytes]


@dataclass(frozen=True)
class Subject:
    """One kind of document: valid samples, how it is damaged, and its reader."""

    name: str
    samples: Sequence[bytes]
    read: Callable[[bytes], object]
    share: float
    """Of all inputs, in proportion to the other subjects' shares."""
    mutate: Mutate = mutated
