"""Every attempt of a client's sites in a month, with its window and its proof."""

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import and_, or_
from sqlmodel import Session, col

from distribution.client_reports.model import InstallRecord, Outcome, Proof, Span, Tally
from distribution.client_reports.severities import Rolled
from distribution.control.control_tables import WindowRow
from distribution.database.tables import Attempt, Receipt, Site
from distribution.desk import failure_table
from distribution.languages import Language
from manifests.failures import FailureCode
from manifests.install_report import Phase


class _Row(NamedTuple):
    """What the query finds of one attempt."""

    site_id: str
    product: str
    version: str
    from_version: str | None
    release: str
    phase: str
    code: str | None
    started_at: datetime
    ended_at: datetime | None
    window_starts_at: datetime | None
    window_ends_at: datetime | None
    window_outcome: str | None
    sequence: int | None
    sha256: str | None
    envelope: bytes | None
    number: int


def of_client(
    session: Session,
    client_id: str,
    span: tuple[datetime, datetime],
    releases: Mapping[str, Rolled],
    language: Language,
) -> tuple[InstallRecord, ...]:
    """Those that ended in ``span``, or were begun in it and under way at its end; oldest first."""
    sentences = _Sentences(session, language)
    rows = _rows(session, client_id, span)
    return tuple(_record(row, span[1], releases, sentences) for row in rows)


def _rows(session: Session, client_id: str, span: tuple[datetime, datetime]) -> Iterable[_Row]:
    starts, ends = span
    ended = and_(col(Attempt.ended_at) >= starts, col(Attempt.ended_at) < ends)
    begun = and_(col(Attempt.started_at) >= starts, col(Attempt.started_at) < ends)
    opening = and_(
        col(WindowRow.site_id) == col(Attempt.site_id),
        col(WindowRow.starts_at) <= col(Attempt.started_at),
        col(WindowRow.ends_at) > col(Attempt.started_at),
    )
    final = and_(
        col(Receipt.site_id) == col(Attempt.site_id), col(Receipt.place) == col(Attempt.place)
    )
    wanted = (
        sqlalchemy.select(*_COLUMNS)
        .select_from(Site)
        .join(Attempt, col(Attempt.site_id) == col(Site.id))
        .outerjoin(WindowRow, opening)
        .outerjoin(Receipt, final)
        .where(col(Site.client_id) == client_id, or_(ended, begun))
        .order_by(col(Attempt.started_at), col(Attempt.id), col(WindowRow.starts_at))
    )
    seen = None
    for found in session.connection().execute(wanted):
        row = _Row(*found)
        if row.number != seen:  # of two windows that overlap, the first
            yield row
        seen = row.number


_COLUMNS: tuple[Any, ...] = (
    *(Attempt.site_id, Attempt.product, Attempt.version, Attempt.from_version, Attempt.release),
    *(Attempt.phase, Attempt.code, Attempt.started_at, Attempt.ended_at),
    *(WindowRow.starts_at, WindowRow.ends_at, WindowRow.outcome),
    *(Receipt.sequence, Receipt.sha256, Receipt.envelope, Attempt.id),
)
"""What the fields of a row are read from, in their order."""


class _Sentences:
    """The customer's sentence of each code, looked up once."""

    def __init__(self, session: Session, language: Language) -> None:
        self._session, self._language = session, language
        self._known: dict[FailureCode, str] = {}

    def of(self, code: FailureCode | None) -> str:
        """Empty where nothing failed."""
        if code is None:
            return ""
        if code not in self._known:
            self._known[code] = failure_table.sentence(self._session, code, self._language)
        return self._known[code]


def _record(
    row: _Row, month_ends: datetime, releases: Mapping[str, Rolled], sentences: _Sentences
) -> InstallRecord:
    is_over = row.ended_at is not None and row.ended_at < month_ends
    code = FailureCode(row.code) if row.code and is_over else None
    release = releases.get(row.release)
    return InstallRecord(
        site_id=row.site_id,
        product=row.product,
        version=row.version,
        from_version=row.from_version,
        severity=release.severity if release else None,
        outcome=_outcome(row) if is_over else Outcome.UNDER_WAY,
        code=code,
        sentence=sentences.of(code),
        started_at=row.started_at,
        ended_at=row.ended_at if is_over else None,
        window=_window(row),
        proof=_proof(row) if is_over else None,
    )


def _outcome(row: _Row) -> Outcome:
    return Outcome.INSTALLED if row.phase == Phase.CONFIRMED else Outcome.FAILED


def _window(row: _Row) -> Span | None:
    if row.window_starts_at is None or row.window_ends_at is None:
        return None
    return Span(row.window_starts_at, row.window_ends_at, row.window_outcome or "")


def _proof(row: _Row) -> Proof | None:
    if row.sequence is None or row.sha256 is None or row.envelope is None:
        return None
    return Proof(row.sequence, row.sha256, _signed_at(row.envelope))


def _signed_at(envelope: bytes) -> datetime:
    """The moment in a report that was verified when it was taken: so this only looks it up."""
    body = base64.b64decode(json.loads(envelope)["payload"])
    return datetime.fromisoformat(json.loads(body)["at"])


def tally(records: Iterable[InstallRecord]) -> Tally:
    """How many ended how."""
    found = [record.outcome for record in records]
    return Tally(*(found.count(outcome) for outcome in Outcome))
