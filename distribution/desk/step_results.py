"""What came of a step, in the site's words and with its signature: stored before it is received.

Each result is taken once; the same one again is an answer that got lost. One that comes after its
step has expired is taken all the same.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session

from distribution.database.sessions import Database
from distribution.database.tables import Site
from distribution.desk.remote_steps import tell
from distribution.desk.remote_tables import RemoteStepRow, StepResultRow
from distribution.errors import Conflict
from distribution.sites import site_keys
from distribution.sites.reports import known_site
from distribution.sites.sealed import freely, peeked
from manifests.remote_steps import STEP_RESULT_TYPE, StepReceipt, StepResult


def accept(
    database: Database, data: bytes, now: datetime, *, admit: Callable[[str], None] = freely
) -> StepReceipt:
    """Store what came of a step; when this returns, it survives a power cut.

    Args:
        admit: asked with the site's name once its signature is right; it may refuse.

    Raises:
        Malformed: not an envelope with a result.
        ManifestError: a field of it is wrong.
        Unauthorised: no such site, or not signed by its key.
        TooMany: by ``admit``.
        Conflict: this site was not asked for it, or has answered something else before.
        Unavailable: the database does not answer; nothing was stored.
    """
    result = peeked(data, STEP_RESULT_TYPE, StepResult)
    site = known_site(database, result.site_id)
    body = site_keys.opened(database, site, data, STEP_RESULT_TYPE, result.at, now)
    admit(site.id)
    sha256 = hashlib.sha256(body).hexdigest()
    with database.writing() as session:
        row = session.get(RemoteStepRow, result.step_id)
        if row is None or (row.site_id, row.kind) != (site.id, result.kind):
            raise Conflict("nobody has asked this site for that step")
        if row.sha256 not in ("", sha256):
            raise Conflict("this step was answered before, and otherwise")
        is_new = not row.sha256
        if is_new:
            _store(session, row, result, sha256, now)
            session.add(_result(site, result, data, now))
    return StepReceipt(step_id=result.step_id, sha256=sha256, duplicate=not is_new)


def _store(
    session: Session, row: RemoteStepRow, result: StepResult, sha256: str, now: datetime
) -> None:
    row.outcome, row.sentence = result.outcome, result.sentence
    row.answered_at, row.sha256 = now, sha256
    session.add(row)
    tell(session, row, result.outcome, now)


def _result(site: Site, result: StepResult, data: bytes, now: datetime) -> StepResultRow:
    return StepResultRow(
        step_id=result.step_id,
        site_id=site.id,
        received_at=now,
        has_diagnostics=result.diagnostics is not None,
        size_bytes=len(data),
        envelope=data,
        public_key=site.public_key,
    )
