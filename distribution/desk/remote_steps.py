"""Steps of a fixed list that L2 and L3 ask one site for, handed out with answers to its check-ins.

A site does as much of it as its own administrator allows, each step once, and answers with its
signature. What a step can be is in ``manifests.remote_steps``; there is nothing else to ask for.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from distribution import audit, events
from distribution.control import fleet
from distribution.control.explanation import known_site
from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.database.tables import Site
from distribution.desk.remote_tables import RemoteStepRow, StepResultRow
from distribution.errors import Conflict, Invalid, NotFound
from distribution.events import EventKind
from manifests.envelope import peek
from manifests.remote_steps import (
    MOST_STEPS,
    STEP_LIFE,
    STEP_RESULT_TYPE,
    DriftReport,
    RemoteStep,
    StepKind,
    StepResult,
)
from manifests.target_paths import canonical_version

EXPIRED = "expired"
ASKED = "asked"


@dataclass(frozen=True)
class Wanted:
    """What to ask a site for."""

    kind: StepKind
    product: str = ""
    version: str = ""

    def __str__(self) -> str:
        return " ".join(word for word in (self.kind, self.product, self.version) if word)


@dataclass(frozen=True)
class StepRecord:
    """A step, as staff see it."""

    step_id: str
    kind: str
    product: str
    version: str
    asked_by: str
    role: str
    asked_at: datetime
    expires_at: datetime
    reason: str
    handed_at: datetime | None
    outcome: str
    """Empty while it is open; ``done``, ``refused``, ``failed``; ``expired`` without an answer."""
    sentence: str
    answered_at: datetime | None


@dataclass(frozen=True)
class StepDetails:
    """A step with what the site found, as long as its answer is kept."""

    step: StepRecord
    drift: tuple[DriftReport, ...]
    has_diagnostics: bool


def ask(database: Database, site_id: str, wanted: Wanted, word: Word, now: datetime) -> StepRecord:
    """Ask a site for a step; it hears of it with the answer to its next check-in.

    Raises:
        NotFound: there is no such site.
        Conflict: it is revoked, has no line, is asked for the same already, or for too much.
        Invalid: no reason; or a product or version is missing, unknown, or not for this kind.
        Unavailable: the database does not answer.
    """
    said = word.checked()
    with database.writing() as session:
        site = known_site(session, site_id)
        if site.revoked_at is not None:
            raise Conflict(f"the site {site_id} is revoked: it does not hear us any more")
        if site.expected_by is not None:
            raise Conflict(
                f"{site_id} gets its updates on a stick: it does not hear us",
                hint="ask its administrator for 'hsp-updater diagnostics', on the telephone",
            )
        wanted = _checked(site, wanted)
        _check_room(session, site_id, wanted, now)
        row = RemoteStepRow(
            id=secrets.token_hex(16),
            site_id=site_id,
            kind=wanted.kind,
            product=wanted.product,
            version=wanted.version,
            asked_by=said.by,
            role=said.role,
            asked_at=now,
            expires_at=now + STEP_LIFE,
            reason=said.reason,
        )
        session.add(row)
        deed = audit.Deed(
            said.actor, "site.ask", f"site {site_id}: {wanted}", said.reason, said.role
        )
        audit.note(session, deed, now)
        tell(session, row, ASKED, now)
        return _record(row)


def _checked(site: Site, wanted: Wanted) -> Wanted:
    kind, product = wanted.kind, wanted.product
    known = fleet.profile_of(site).products
    if kind in (StepKind.RESTART, StepKind.RETRY) and not product:
        raise Invalid(f"a {kind} needs a product", hint=f"{site.id} has {', '.join(known)}")
    if kind is StepKind.COLLECT and product:
        raise Invalid("diagnostics are of the whole site: name no product")
    if product and product not in known:
        raise Invalid(f"{site.id} has no product {product!r}", hint=f"it has {', '.join(known)}")
    if kind is not StepKind.RETRY and wanted.version:
        raise Invalid(f"a {kind} is about what is installed: name no version")
    if kind is not StepKind.RETRY:
        return wanted
    try:
        return Wanted(kind, product, canonical_version(wanted.version))
    except ValueError as error:
        raise Invalid(f"a retry needs a version: {error}") from error


def _check_room(session: Session, site_id: str, wanted: Wanted, now: datetime) -> None:
    waiting = session.exec(_open(site_id, now)).all()
    if any((row.kind, row.product, row.version) == _key(wanted) for row in waiting):
        raise Conflict(
            f"{site_id} is asked for this already: {wanted}",
            hint=f"see 'hsp site steps {site_id}'; it answers at its next check-in",
        )
    if len(waiting) >= MOST_STEPS:
        raise Conflict(
            f"{MOST_STEPS} steps wait for {site_id} already", hint="wait until it has answered"
        )


def _key(wanted: Wanted) -> tuple[str, str, str]:
    return wanted.kind, wanted.product, wanted.version


def _open(site_id: str, now: datetime) -> SelectOfScalar[RemoteStepRow]:
    wanted = select(RemoteStepRow).where(
        RemoteStepRow.site_id == site_id,
        RemoteStepRow.outcome == "",
        col(RemoteStepRow.expires_at) > now,
    )
    return wanted.order_by(col(RemoteStepRow.asked_at))


def to_hand_out(session: Session, site_id: str, now: datetime) -> tuple[RemoteStep, ...]:
    """What a site is asked for, until it has answered."""
    rows = session.exec(_open(site_id, now).limit(MOST_STEPS)).all()
    for row in rows:
        if row.handed_at is None:
            row.handed_at = now
            session.add(row)
    return tuple(
        RemoteStep(
            step_id=row.id,
            kind=row.kind,
            product=row.product or None,
            version=row.version or None,
            asked_by=row.role,
            asked_at=row.asked_at,
            expires_at=row.expires_at,
        )
        for row in rows
    )


def tell(session: Session, row: RemoteStepRow, outcome: str, now: datetime) -> None:
    """Let whoever watches know."""
    events.tell(
        session,
        EventKind.STEP,
        now,
        site_id=row.site_id,
        product=row.product,
        version=row.version,
        step_id=row.id,
        step=row.kind,
        outcome=outcome,
        sentence=row.sentence,
    )


def listed(session: Session, site_id: str, limit: int = 100) -> list[StepRecord]:
    """What a site was asked for, the newest first.

    Raises:
        NotFound: there is no such site.
    """
    known_site(session, site_id)
    wanted = select(RemoteStepRow).where(RemoteStepRow.site_id == site_id)
    newest = wanted.order_by(col(RemoteStepRow.asked_at).desc(), col(RemoteStepRow.id))
    return [_record(row) for row in session.exec(newest.limit(limit))]


def details(session: Session, site_id: str, step_id: str) -> StepDetails:
    """One step, with what the site found.

    Raises:
        NotFound: this site was not asked for it.
    """
    row = session.get(RemoteStepRow, step_id)
    if row is None or row.site_id != site_id:
        raise NotFound(
            f"{site_id} has no step {step_id[:40]!r}", hint=f"see 'hsp site steps {site_id}'"
        )
    kept = session.get(StepResultRow, step_id)
    result = result_in(kept) if kept is not None else None
    return StepDetails(
        step=_record(row),
        drift=result.drift if result is not None else (),
        has_diagnostics=kept is not None and kept.has_diagnostics,
    )


def result_in(kept: StepResultRow) -> StepResult:
    """What a site signed."""
    return StepResult.from_bytes(peek(kept.envelope, STEP_RESULT_TYPE))


def expire(database: Database, now: datetime) -> None:
    """Close what no site answered in time; an answer that comes later is taken all the same.

    Raises:
        Unavailable: the database does not answer.
    """
    late = select(RemoteStepRow).where(
        RemoteStepRow.outcome == "", col(RemoteStepRow.expires_at) <= now
    )
    with database.reading() as session:
        if session.exec(late.limit(1)).first() is None:
            return
    with database.writing() as session:
        for row in session.exec(late).all():
            row.outcome, row.sentence = EXPIRED, "the site did not answer in time"
            session.add(row)
            tell(session, row, EXPIRED, now)


def _record(row: RemoteStepRow) -> StepRecord:
    return StepRecord(
        step_id=row.id,
        **{
            name: getattr(row, name)
            for name in StepRecord.__dataclass_fields__
            if name != "step_id"
        },
    )
