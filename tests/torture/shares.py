"""A row's tries, dealt out to as many processes as there are processors."""

import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.torture.rows import Outcome

MOST_NOTES = 8


@dataclass(frozen=True)
class Share:
    """One process's part of the tries: every ``of``-th, from ``number`` on."""

    number: int
    of: int

    def takes(self, index: int) -> bool:
        """Whether this try is its own."""
        return index % self.of == self.number

    def takes_part(self, index: int, count: int) -> bool:
        """The same for tries that are dealt out in one piece each, of ``count`` in all."""
        return index * self.of // count == self.number


@dataclass
class Tally:
    """Counts tries and keeps the first wrong ones."""

    tried: int = 0
    wrong: int = 0
    notes: list[str] = field(default_factory=list)

    def count(self, what: str, broken: list[str]) -> None:
        """One more try, wrong if any promise was broken."""
        self.tried += 1
        if broken:
            self.wrong += 1
            self.note(f"{what}: {'; '.join(broken)}")

    def note(self, words: str) -> None:
        """Keep a word for the reader of the table, as long as there are few."""
        if len(self.notes) < MOST_NOTES:
            self.notes.append(words)

    @property
    def outcome(self) -> Outcome:
        """As a row of the table."""
        return Outcome(self.tried, self.wrong, tuple(self.notes))


def in_shares(work: Callable[..., Outcome], *arguments: object) -> Outcome:
    """Run ``work(*arguments, share)`` in new processes, one per processor; the sum of it.

    They are started afresh and not forked, so that each has no threads but its own.
    """
    count = os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        shares = [pool.submit(work, *arguments, Share(each, count)) for each in range(count)]
        return total(share.result() for share in shares)


def total(outcomes: Iterable[Outcome]) -> Outcome:
    """Several outcomes as one."""
    parts = list(outcomes)
    notes = [note for part in parts for note in part.notes]
    return Outcome(
        sum(part.tried for part in parts),
        sum(part.wrong for part in parts),
        tuple(notes[:MOST_NOTES]),
    )
