"""A site's sign of life: what it runs, what it decided and why, and what it should know from us.

The answer can slow an agent down or hold it still, pass on its client's yes where the site's own
policy waits for one, and ask for a step of support's fixed list; there is nothing in it that could
make it install anything.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from sqlmodel import Session

from distribution import (
    alarms,
    audit,
    events,
    fleet,
    freeze_records,
    holds,
    notices,
    openings,
    site_identity,
    site_keys,
)
from distribution.audit import witness
from distribution.database import Database
from distribution.desk import remote_steps
from distribution.drills import records
from distribution.events import EventKind
from distribution.reports import known_site
from distribution.sealed import freely, peeked
from distribution.settings import Settings
from distribution.tables import Site, SiteProduct
from manifests.check_in import CHECK_IN_TYPE, CheckIn, CheckInAnswer, ProductStatus
from manifests.documents import to_json

MAX_CHECK_IN_BYTES = 256 * 1024


class Newest(Protocol):
    """The newest metadata versions that the server knows of; 0 when it does not know."""

    @property
    def root_version(self) -> int:
        """Of the root."""
        ...

    @property
    def timestamp_version(self) -> int:
        """Of the timestamp."""
        ...


def accept(
    database: Database,
    data: bytes,
    settings: Settings,
    newest: Newest,
    now: datetime,
    *,
    next_by: datetime | None = None,
    admit: Callable[[str], None] = freely,
) -> CheckInAnswer:
    """Note a check-in and answer it. One that came on a stick names when the next one is due.

    Args:
        admit: asked with the site's name once its signature is right; it may refuse.

    Raises:
        TooMany: by ``admit``.
        Malformed: not an envelope with a check-in.
        ManifestError: a field of it is wrong.
        Unauthorised: no such site, or not signed by its key.
        Unavailable: the database does not answer.
    """
    said = peeked(data, CHECK_IN_TYPE, CheckIn)
    site = known_site(database, said.site_id)
    site_keys.opened(database, site, data, CHECK_IN_TYPE, said.at, now)
    admit(site.id)
    with database.writing() as session:
        site = session.get_one(Site, said.site_id)
        if not _is_stale(site, said):
            _hear(session, site, said, settings, now)
        site.last_seen, site.expected_by = max(site.last_seen, now), next_by
        session.add(site)
        _tell(session, site, said, now)
        witness.hear(session, site.id, said.audit_checkpoint, settings, now)
        checkpoint = witness.to_be_told(session)
        hold, approved = holds.hold_of(session, site), holds.approved(session, site.client_id)
        freezes = freeze_records.for_site(session, site.id, site.client_id, now)
        steps = remote_steps.to_hand_out(session, site.id, now) if next_by is None else ()
    return CheckInAnswer(
        poll_seconds=settings.poll_seconds,
        root_version=newest.root_version,
        timestamp_version=newest.timestamp_version,
        hold=hold,
        approved=approved,
        freezes=freezes,
        audit_checkpoint=checkpoint,
        steps=steps,
    )


def _tell(session: Session, site: Site, said: CheckIn, now: datetime) -> None:
    runs = {status.product: status.installed.version for status in said.products}
    events.tell(session, EventKind.CHECK_IN, now, site_id=site.id, runs=runs, problem=site.problem)


def _is_stale(site: Site, said: CheckIn) -> bool:
    """Older than what we have from the same run of the agent: overtaken on the way, or replayed."""
    known = fleet.check_in_of(site)
    return known is not None and known.boot_id == said.boot_id and said.at < known.at


def _hear(session: Session, site: Site, said: CheckIn, settings: Settings, now: datetime) -> None:
    online_since = now - timedelta(seconds=settings.silent_after_seconds)
    seen = said.root_version, said.timestamp_version
    notices.heard(session, site, *seen, online_since, now)
    _note(session, site, said, now)
    site_identity.note_boot(session, site, said, now)


def _note(session: Session, site: Site, said: CheckIn, now: datetime) -> None:
    code = alarms.code_of(said.problem) if said.problem else None
    if code is not None:
        records.poll_failed(session, code)
    if code is not None and code != site.problem:
        alarms.ring(session, site.id, code, code, said.detail or said.problem[:200], now)
    site.problem = code or ""
    known = fleet.check_in_of(site)
    freeze_records.note_policy(session, site.id, known.policy if known else None, said.policy, now)
    openings.note(session, site.id, known.policy if known else None, said.policy, now)
    site.check_in = said.to_bytes().decode()
    profile = fleet.profile_of(site).model_copy(update={"ring": said.ring})
    before, site.profile = site.profile, to_json(profile.model_dump(mode="json")).decode()
    if site.profile != before:
        deed = audit.Deed(f"site:{site.id}", "site.profile", f"site {site.id}", f"ring {said.ring}")
        audit.note(session, deed, now)
    for status in said.products:
        if status.product in profile.products:
            session.merge(_row(site.id, status))


def _row(site_id: str, status: ProductStatus) -> SiteProduct:
    return SiteProduct(
        site_id=site_id,
        product=status.product,
        version=status.installed.version,
        candidate=status.candidate,
        decision=status.decision,
        gate=status.gate,
        reason=status.reason,
        lifted_by=status.lifted_by,
        until=status.until,
    )
