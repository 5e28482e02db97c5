"""Holding a log against its checkpoints: the database's with the bucket's, or an exported file's.

An exported file has one JSON object a line: first the records, then the checkpoints as they were
signed. Whoever has the public key can examine it anywhere, without a server.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from securesystemslib.signer import Key
from sqlmodel import Session

from distribution.audit import checkpoints, keys, log
from distribution.audit.chain import (
    COLUMNS,
    Finding,
    Kind,
    Record,
    Verdict,
    in_order,
    verify,
)
from distribution.backup import gaps
from distribution.database.sessions import Database
from distribution.errors import Invalid
from distribution.repository.bucket import open_audit_store
from distribution.settings import Settings
from signing.store import Store

_ENVELOPE = "checkpoint"


@dataclass(frozen=True)
class Examined:
    """What an examination has found; ``findings`` come in the order of the records."""

    log: Verdict
    findings: tuple[Finding, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def database(settings: Settings) -> Examined:
    """Examine the server's log, with the checkpoints that lie in its bucket.

    Raises:
        Unavailable: the store or the database does not answer.
    """
    opened, known = Database.open(settings), keys.known(settings)
    store = open_audit_store(settings)
    with opened.reading() as session:
        records = log.walk(session)
        with log.as_it_is(session):
            noted = {row.seq: row.envelope for row in checkpoints.noted(session)}
        seen, strange = _seen(store, known)
        gone = list(_gone(noted, seen, known))
        found = _examined(records, seen, [*strange, *gone])
        ends = dict(found.log.disputed)
        explained = (_explained(session, each, ends) for each in found.findings)
        return replace(found, findings=tuple(explained))


def _explained(session: Session, found: Finding, ends: Mapping[int, int]) -> Finding:
    """What a restore has put on record is said beside what it explains as a whole."""
    if found.kind not in (Kind.REBUILT, Kind.TRUNCATED):
        return found
    last = ends.get(found.first, found.last) if found.kind is Kind.REBUILT else found.last
    said = gaps.explanation(session, found.first, last)
    return replace(found, detail=found.detail + said)


def file(path: Path, key_files: Sequence[Key]) -> Examined:
    """Examine what ``export`` wrote.

    Raises:
        Invalid: it cannot be read, or is no such file.
    """
    seen: dict[int, set[str]] = {}
    strange: list[Finding] = []
    sealed = [text for text in _lines(path, envelopes=True) if isinstance(text, str)]
    for text in sealed:
        _sort_in(text.encode(), "a checkpoint in the file", key_files, seen, strange)
    records = (row for row in _lines(path, envelopes=False) if not isinstance(row, str))
    return _examined(records, seen, strange)


def export(settings: Settings) -> Iterator[str]:
    """The lines of an exported file.

    Raises:
        Unavailable: the store or the database does not answer.
    """
    store, known = open_audit_store(settings), keys.known(settings)
    with Database.open(settings).reading() as session:
        for record in log.walk(session):
            yield json.dumps(dict(zip(COLUMNS, record, strict=True)), ensure_ascii=False)
    for each in checkpoints.stored(store, known):
        yield json.dumps({_ENVELOPE: each.envelope})


def _examined(
    records: Iterable[Record], seen: dict[int, set[str]], strange: Iterable[Finding]
) -> Examined:
    found = verify(records, seen)
    return Examined(found, in_order([*found.findings, *strange]))


def _seen(store: Store, known: Sequence[Key]) -> tuple[dict[int, set[str]], list[Finding]]:
    seen: dict[int, set[str]] = {}
    strange: list[Finding] = []
    for each in checkpoints.stored(store, known):
        _sort_in(each.envelope.encode(), each.key, known, seen, strange)
    return seen, strange


def _sort_in(
    sealed: bytes,
    where: str,
    known: Sequence[Key],
    seen: dict[int, set[str]],
    strange: list[Finding],
) -> None:
    checkpoint = checkpoints.opened(sealed, known)
    if checkpoint is not None:
        seen.setdefault(checkpoint.seq, set()).add(checkpoint.hash)
    else:
        strange.append(Finding(0, 0, Kind.CHECKPOINT, f"{where} is not signed by the log's key"))


def _gone(
    noted: dict[int, str], seen: dict[int, set[str]], known: Sequence[Key]
) -> Iterator[Finding]:
    """Checkpoints that the database has and the bucket has not; they count like the others."""
    for seq, sealed in noted.items():
        checkpoint = checkpoints.opened(sealed.encode("utf-8", "replace"), known)
        if checkpoint is None or checkpoint.seq != seq:
            detail = f"the database's checkpoint {seq} is not signed by the log's key"
            yield Finding(seq, seq, Kind.CHECKPOINT, detail)
        elif checkpoint.hash not in seen.get(seq, ()):
            seen.setdefault(seq, set()).add(checkpoint.hash)
            yield Finding(seq, seq, Kind.CHECKPOINT, f"checkpoint {seq} is gone from the bucket")


def _lines(path: Path, *, envelopes: bool) -> Iterator[Record | str]:
    """The checkpoints of a file, or its records."""
    number = 0
    try:
        with path.open("rb") as opened:
            for line in opened:
                number += 1
                if line.startswith(b'{"checkpoint"') == envelopes:
                    yield _parsed(json.loads(line), envelopes=envelopes)
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Invalid(f"line {number} of {path} is no record and no checkpoint") from error


def _parsed(plain: Any, *, envelopes: bool) -> Record | str:
    if envelopes:
        return str(plain[_ENVELOPE])
    return tuple(plain[name] for name in COLUMNS)
