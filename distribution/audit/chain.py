"""The chain of records: how one is hashed, and how a log that was tampered with gives itself away.

Needs no database. A record's hash covers everything in it, its number and the hash of the record
before: whoever changes one has to hash it and all that follow anew, and then the log contradicts
the next checkpoint that somebody else keeps.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from manifests.documents import to_json

BEGINNING = "0" * 64
"""What the first record follows."""

FIELDS = (
    *("seq", "at", "actor", "role", "action", "about"),
    *("reason", "request", "changes", "prev_hash"),
)
"""What is hashed of a record, in the order of its values."""

COLUMNS = (*FIELDS, "hash")

Record = Sequence[Any]
"""The values of ``COLUMNS``, as they were found; of what was tampered with they may be anything."""

_MOST_BAD = 100
"""So many bad records are compared with each other, to find those that changed places."""


class Kind(StrEnum):
    """What is wrong with a log."""

    EDITED = "edited"
    """Something in this record is not what was hashed."""
    MISSING = "missing"
    """These records are gone."""
    SWAPPED = "swapped"
    """These two records have changed places."""
    MISPLACED = "misplaced"
    """A record with a number that has no place there."""
    REHASHED = "rehashed"
    """The next record follows another one: this, and perhaps some before it, were written anew."""
    REBUILT = "rebuilt"
    """A checkpoint knows another record here: all from some record on were written anew."""
    TRUNCATED = "truncated"
    """A checkpoint knows these records, with which the log once went on."""
    CHECKPOINT = "checkpoint"
    """A checkpoint itself is gone, or is not signed by the log's key."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with these records.

    Attributes:
        first, last: those that it is about.
        early: a record before ``first`` with which it may begin; None if it begins there.
    """

    first: int
    last: int
    kind: Kind
    detail: str = ""
    early: int | None = None

    @property
    def since(self) -> int:
        """Where what was changed begins at the earliest: nothing vouches for what comes then."""
        return self.first if self.early is None else self.early


@dataclass(frozen=True)
class Verdict:
    """What a walk along the log has found.

    Attributes:
        records: how many there are.
        last: the number of the last one that stands in its place; 0 for none.
        hash: its hash, as it is written.
        checkpoints: how many of them the log agrees with.
        unwitnessed: records after the last checkpoint: a change of those with everything after
            them hashed anew shows only with the next one.
        findings: the first in the log comes first.
        disputed: for each finding that the log was rebuilt, the first and the last record at which
            a checkpoint says so, with none in between that agrees.
    """

    records: int
    last: int
    hash: str
    checkpoints: int
    unwitnessed: int
    findings: tuple[Finding, ...]
    disputed: tuple[tuple[int, int], ...] = ()


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings as they lie along the log."""
    return tuple(sorted(findings, key=lambda found: (found.first, found.last, found.kind)))


def values_of(record: Any) -> tuple[Any, ...]:
    """What is hashed of a record that has the fields as attributes."""
    return tuple(getattr(record, name) for name in FIELDS)


def digest(values: Record) -> str:
    """The hash of a record: sha256 of its JSON as RFC 8785 spells it (strings and one number)."""
    return hashlib.sha256(to_json(dict(zip(FIELDS, values, strict=True)))).hexdigest()


def _digest(values: Record) -> str:
    """The same of what may have been tampered with; empty if it cannot even be spelled."""
    try:
        return digest(values)
    except (TypeError, ValueError):
        return ""


def verify(records: Iterable[Record], checkpoints: Mapping[int, Iterable[str]]) -> Verdict:
    """Walk along a log.

    Args:
        records: in the order of their numbers.
        checkpoints: by number, the hashes that somebody who can be believed has seen there.
    """
    walk = _Walk({seq: frozenset(hashes) for seq, hashes in checkpoints.items()})
    for record in records:
        walk.take(record)
    return walk.verdict()


@dataclass
class _Walk:
    checkpoints: Mapping[int, frozenset[str]]
    records: int = 0
    last: int = 0
    hash: str = BEGINNING
    agreed: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    bad: list[Record] = field(default_factory=list)
    disputed: list[tuple[int, int]] = field(default_factory=list)
    rebuilt: bool = False
    """Whether the last checkpoint contradicts; the last of ``disputed`` goes on then."""
    links: frozenset[str] | None = frozenset({BEGINNING})
    """What the next record may follow; None after a gap, when nobody knows."""
    in_doubt: bool = False
    """Whether the record before is one that was found."""

    @property
    def _since(self) -> int:
        """The first record that no checkpoint vouches for."""
        return self.agreed[-1] + 1 if self.agreed else 1

    def take(self, record: Record) -> None:
        self.records += 1
        seq, stored = record[0], record[-1]
        if not isinstance(seq, int) or seq <= self.last:
            number = seq if isinstance(seq, int) else self.last + 1
            self._find(number, number, Kind.MISPLACED, f"a record numbered {seq!r:.40}")
            return
        if seq > self.last + 1:
            self._find(self.last + 1, seq - 1, Kind.MISSING)
            self.links = None
        computed = _digest(record[:-1])
        is_bad = computed != stored
        if is_bad:
            self._find(seq, seq, Kind.EDITED, "it is not what was hashed")
            self.bad.append(record)
        elif self.links is not None and record[-2] not in self.links and not self.in_doubt:
            place = max(self.last, 1)
            detail = f"record {seq} follows another one"
            self._find(place, place, Kind.REHASHED, detail, self._since)
        self.last, self.hash, self.in_doubt = seq, str(stored), is_bad
        self.links = frozenset({computed, stored}) if is_bad else frozenset({stored})
        if seq in self.checkpoints:
            self._compare(seq, stored, is_bad=is_bad)

    def _compare(self, seq: int, stored: Any, *, is_bad: bool) -> None:
        if self.checkpoints[seq] == {stored}:
            self.agreed.append(seq)
            self.rebuilt = False
        elif self.rebuilt:  # it follows from the same
            self.disputed[-1] = self.disputed[-1][0], seq
        elif not is_bad:
            self.rebuilt = True
            self.disputed.append((seq, seq))
            detail = f"a checkpoint knows another record {seq}"
            self._find(seq, seq, Kind.REBUILT, detail, self._since)

    def _find(
        self, first: int, last: int, kind: Kind, detail: str = "", early: int | None = None
    ) -> None:
        self.findings.append(Finding(first, last, kind, detail, early))

    def verdict(self) -> Verdict:
        end = max(self.checkpoints, default=0)
        if end > self.last:
            detail = f"a checkpoint knows record {end}"
            self._find(self.last + 1, end, Kind.TRUNCATED, detail, min(self._since, self.last + 1))
        return Verdict(
            self.records,
            self.last,
            self.hash,
            len(self.agreed),
            max(0, self.last - max(self.checkpoints, default=0)),
            in_order(_with_swaps(self.findings, self.bad[:_MOST_BAD])),
            tuple(self.disputed),
        )


def _with_swaps(findings: Iterable[Finding], bad: Sequence[Record]) -> Iterator[Finding]:
    """Say of edited records that they have changed places, where it is that."""
    partner: dict[int, int] = {}
    for at, one in enumerate(bad):
        for other in bad[at + 1 :]:
            if one[0] not in partner and other[0] not in partner and _are_swapped(one, other):
                partner |= {one[0]: other[0], other[0]: one[0]}
    for found in findings:
        if found.kind is Kind.EDITED and found.first in partner:
            detail = f"it has changed places with record {partner[found.first]}"
            yield replace(found, kind=Kind.SWAPPED, detail=detail)
        else:
            yield found


def _are_swapped(one: Record, other: Record) -> bool:
    """Whether each is right under the other's number, or with the other's content."""
    if _is_whole((other[0], *one[1:])) and _is_whole((one[0], *other[1:])):
        return True
    swapped = ((one[0], *other[1:-2], *one[-2:]), (other[0], *one[1:-2], *other[-2:]))
    return all(map(_is_whole, swapped))


def _is_whole(record: Record) -> bool:
    return bool(_digest(record[:-1]) == record[-1])
