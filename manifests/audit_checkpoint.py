"""How far the server's audit log had come, signed: what sites witness.

A checkpoint is a short word about the log's newest record at one moment. Sites keep the newest one
that they were told and tell it back, so a log that was changed afterwards meets somebody who
remembers. It says nothing about updates, and no decision looks at it.
"""

from typing import Annotated

from pydantic import Field

from manifests.documents import Document, UtcDatetime
from manifests.envelope import peek
from manifests.errors import ManifestError
from manifests.file_list import Sha256

CHECKPOINT_TYPE = "application/vnd.hsp.audit-checkpoint+json"
MAX_CHECKPOINT_BYTES = 2048
"""Of the envelope."""


class AuditCheckpoint(Document):
    """The record ``seq`` of the log had the hash ``hash`` at this time."""

    seq: Annotated[int, Field(ge=1, lt=2**63)]
    hash: Sha256
    at: UtcDatetime


def claimed(envelope: str) -> AuditCheckpoint | None:
    """What an envelope says, before anybody has verified it; None if it is none."""
    try:
        return AuditCheckpoint.from_bytes(peek(envelope.encode(), CHECKPOINT_TYPE))
    except (ManifestError, UnicodeEncodeError):
        return None


def newer(known: str, told: str) -> str:
    """Of two envelopes the one that a witness keeps: the first that was told of the newest record.

    So nobody can make a witness forget what it has seen, but by a log that is longer.
    """
    before, now = claimed(known), claimed(told)
    if now is None or (before is not None and now.seq <= before.seq):
        return known
    return told
