"""Row ``audit_tampering``: an insider at the audit log's own tables, by SQL, past all of our code.

Every try changes a log of a few hundred records in one way: bytes of a record, records deleted,
swapped, hashed anew, the end cut off, or everything after a change rebuilt. It must be found, and
the first finding must be about the first record that was changed. To see one try again::

    python -m tests.torture.audit_tampering SEED NUMBER
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

from sqlmodel import Session, delete, select, text

from distribution import audit
from distribution.audit import chain, log
from distribution.audit.chain import FIELDS, Verdict
from distribution.audit.tables import AuditRow
from distribution.database.sessions import Database
from distribution.settings import Settings
from tests.torture.rows import Outcome, Scale
from tests.torture.shares import Share, Tally, in_shares

TRIES = {Scale.TEST: 400, Scale.TORTURE: 10_000}
RECORDS = 120
_EVERY = 25
"""A checkpoint each so many records, and one at the end."""
_TEXTS = tuple(name for name in (*FIELDS, "hash") if name != "seq")


@dataclass(frozen=True)
class Try:
    """One way to tamper: what it was, and the first record that is not what it was.

    ``exact``: nothing was hashed anew, so that record must be named, and no range of them.
    """

    what: str
    first: int
    exact: bool = True


def run(scale: Scale) -> Outcome:
    """Always the same tries, unless ``HSP_TORTURE_SEED`` says otherwise."""
    seed = int(os.environ.get("HSP_TORTURE_SEED", "1"))
    return in_shares(_share, seed, TRIES[scale])


def _share(seed: int, tries: int, share: Share) -> Outcome:
    tally = Tally()
    with a_log(RECORDS) as (database, checkpoints):
        for number in range(share.number, tries, share.of):
            found = attempt(database, checkpoints, Random(f"{seed}/{number}"))
            tally.count(f"{seed} {number}", broken(*found))
    return tally.outcome


@contextmanager
def a_log(records: int) -> Iterator[tuple[Database, dict[int, set[str]]]]:
    """A log of so many records, written by our own code, with its checkpoints."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Settings(home=Path(folder)))
        now, random = datetime(2026, 11, 25, 2, tzinfo=UTC), Random(1)
        with database.writing() as session:
            for number in range(records):
                deed = audit.Deed(
                    random.choice(("ani", "budi", "scheduler", "site:warung-1")),
                    random.choice(("rollout.pause", "brake.on", "site.invite")),
                    f"rollout app {random.randrange(9)}.0",
                    random.choice(("", "the till prints nothing", "\u65e5\u672c\u8a9e")),
                )
                audit.note(session, deed, now + timedelta(seconds=number))
        with database.reading() as session:
            rows = {row.seq: row.hash for row in session.exec(select(AuditRow))}
        seqs = [*range(_EVERY, records, _EVERY), records]
        yield database, {seq: {rows[seq]} for seq in seqs}
        database.close()


def attempt(
    database: Database, checkpoints: dict[int, set[str]], random: Random
) -> tuple[Try, Verdict]:
    """Tamper in one way, look, and take it back."""
    way = random.choices([way for way, _ in WAYS], [weight for _, weight in WAYS])[0]
    with Session(database.engine, expire_on_commit=False) as session:
        tried = way(session, random)
        session.flush()
        found = chain.verify(log.walk(session), checkpoints)
        session.rollback()
    return tried, found


def broken(tried: Try, found: Verdict) -> list[str]:
    """What is wrong with what was found."""
    if not found.findings:
        return [f"{tried.what}: not found"]
    one = found.findings[0]
    is_there = one.since <= tried.first <= one.last
    if tried.exact:
        is_there = one.first == tried.first
    return [] if is_there else [f"{tried.what}: found {one}, and {tried.first} was the first"]


# --- the ways


def _edit(session: Session, random: Random) -> Try:
    seq, name = random.randint(1, RECORDS), random.choice(_TEXTS)
    old = str(getattr(session.get_one(AuditRow, seq), name)).encode()
    new = _otherwise(old, random)
    statement = text(f"UPDATE auditrow SET {name} = CAST(:new AS TEXT) WHERE seq = :seq")  # noqa: S608
    session.connection().execute(statement, {"new": new, "seq": seq})
    return Try(f"{name} of {seq} is {new!r:.60}", seq)


def _otherwise(old: bytes, random: Random) -> bytes:
    """A bit flipped, a byte more or less, something else: whatever it is, it is not the same."""
    place = random.randrange(len(old) + 1)
    ways: list[bytes] = [
        old[:place] + bytes([random.randrange(1, 256)]) + old[place:],
        old[:place] + old[place + 1 :],
        b"somebody else",
        b"",
    ]
    if place < len(old):
        flipped = bytes([old[place] ^ 1 << random.randrange(8) or 1])
        ways += [old[:place] + flipped + old[place + 1 :]] * 4
    return random.choice([way for way in ways if way != old and b"\0" not in way] or [b"x"])


def _renumber(session: Session, random: Random) -> Try:
    seq = random.randint(1, RECORDS)
    new = random.choice((-seq, 0, RECORDS + random.randint(1, 10**6)))
    statement = text("UPDATE auditrow SET seq = :new WHERE seq = :seq")
    session.connection().execute(statement, {"new": new, "seq": seq})
    return Try(f"{seq} is numbered {new}", min(seq, new))


def _delete(session: Session, random: Random) -> Try:
    first = random.choice((1, RECORDS, random.randint(1, RECORDS)))
    last = min(first + random.choice((0, 0, 1, 10)), RECORDS)
    gone = AuditRow.seq.between(first, last)  # type: ignore[attr-defined] # a column
    session.exec(delete(AuditRow).where(gone))
    return Try(f"{first} to {last} deleted", first)


def _cut_off(session: Session, random: Random) -> Try:
    first = random.randint(1, RECORDS)
    session.exec(delete(AuditRow).where(AuditRow.seq >= first))  # type: ignore[arg-type]
    return Try(f"cut off from {first}", first)


def _swap(session: Session, random: Random) -> Try:
    """Two records change places: whole, with their hashes, or only in what they say."""
    one, other = sorted(random.sample(range(1, RECORDS + 1), 2))
    names = random.choice(((*_TEXTS,), tuple(n for n in _TEXTS if n not in ("hash", "prev_hash"))))
    rows = session.get_one(AuditRow, one), session.get_one(AuditRow, other)
    values = [{name: getattr(row, name) for name in names} for row in rows]
    for row, instead in zip(rows, reversed(values), strict=True):
        for name, value in instead.items():
            setattr(row, name, value)
        session.add(row)
    return Try(f"{one} and {other} have changed places", one)


def _hash_anew(session: Session, random: Random) -> Try:
    """A record is changed, and so many after it are made to fit."""
    first = random.randint(1, RECORDS)
    return _rewrite(session, random, first, min(first + random.choice((0, 0, 1, 5)), RECORDS))


def _rebuild(session: Session, random: Random) -> Try:
    return _rewrite(session, random, random.randint(1, RECORDS), RECORDS)


def _rewrite(session: Session, random: Random, first: int, last: int) -> Try:
    row = session.get_one(AuditRow, first)
    row.actor, link = f"{row.actor}{random.randrange(9)}", row.prev_hash
    for seq in range(first, last + 1):
        row = session.get_one(AuditRow, seq)
        row.prev_hash = link
        row.hash = link = chain.digest(chain.values_of(row))
        session.add(row)
    return Try(f"{first} is changed, and hashed anew up to {last}", first, exact=False)


def _leave_out(session: Session, random: Random) -> Try:
    """A record is taken out; those after it move up and are hashed anew."""
    first = random.randint(1, RECORDS)
    rows = [session.get_one(AuditRow, seq) for seq in range(first, RECORDS + 1)]
    link = rows[0].prev_hash
    for row, after in pairwise(rows):
        for name in FIELDS[1:-1]:
            setattr(row, name, getattr(after, name))
        row.prev_hash = link
        row.hash = link = chain.digest(chain.values_of(row))
        session.add(row)
    session.delete(rows[-1])
    return Try(f"{first} is left out, and all after it are rebuilt", first, exact=False)


Way = Callable[[Session, Random], Try]

WAYS: tuple[tuple[Way, int], ...] = (
    (_edit, 8),
    (_delete, 4),
    (_swap, 4),
    (_cut_off, 1),
    (_renumber, 1),
    (_hash_anew, 2),
    (_rebuild, 2),
    (_leave_out, 1),
)
"""Each with how often it comes."""


def main(seed: str, number: str) -> None:
    """Show one try."""
    with a_log(RECORDS) as (database, checkpoints):
        tried, found = attempt(database, checkpoints, Random(f"{seed}/{number}"))
    print(tried, found, broken(tried, found) or "right", sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
