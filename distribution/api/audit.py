"""The audit log for auditors."""

from typing import Annotated

from fastapi import APIRouter, Query

from distribution.api import examples
from distribution.api.access import ServerDep, allowed
from distribution.api.answers import errors
from distribution.audit import log
from distribution.audit.log import AuditRecord, Filter
from distribution.people.roles import Permission

router = APIRouter(tags=["audit"])

RECORD: examples.Example = {
    "seq": 41,
    "at": "2026-11-25T02:00:00.000000Z",
    "actor": "wati",
    "role": "l1",
    "action": "rollout.pause",
    "about": "rollout kasir 2.1.0",
    "reason": "the till at Warung Sari prints nothing",
    "request": "",
    "changes": '[{"columns":{"state":["running","paused"]},"key":"3","table":"rolloutrow"}]',
    "prev_hash": "9f2c" * 16,
    "hash": "03ba" * 16,
}

Limit = Annotated[int, Query(ge=1, le=log.MOST_OF_A_PAGE)]
After = Annotated[int, Query(ge=0, lt=2**63)]


@router.get(
    "/v1/audit",
    summary="Read the audit log",
    responses={**examples.answer([RECORD], "Oldest first."), **errors(401, 403, 503)},
    dependencies=[allowed(Permission.AUDIT_READ)],
)
def list_records(
    server: ServerDep,
    *,
    after: After = 0,
    limit: Limit = 100,
    actor: str = "",
    action: str = "",
    about: str = "",
) -> list[AuditRecord]:
    """The records after number `after`; for the next page, name the last one of this.

    Each is as it was hashed, so that whoever reads all of them can verify the chain.
    """
    with server.database.reading() as session:
        return log.page(session, after, limit, Filter(actor, action, about))
