"""What the database holds of the audit log."""

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from distribution.database import tables  # noqa: F401 - their naming
from distribution.database.columns import BigInt, text


class AuditRow(SQLModel, table=True):
    """One record. Every column is kept as it was hashed, so that no reading changes it."""

    __table_args__ = (Index("ix_auditrow_action_seq", "action", "seq"),)

    seq: int = Field(primary_key=True, sa_type=BigInt, sa_column_kwargs={"autoincrement": False})
    """From 1, without gaps."""
    at: str
    """ISO 8601 in UTC, with microseconds."""
    actor: str
    role: str = ""
    action: str
    about: str = text()
    reason: str = text()
    request: str = ""
    changes: str = text()
    """A JSON list, an object for each changed row, see ``records.changes_of``."""
    prev_hash: str
    hash: str


class CheckpointRow(SQLModel, table=True):
    """A checkpoint that was signed and is in the bucket."""

    seq: int = Field(primary_key=True, sa_type=BigInt, sa_column_kwargs={"autoincrement": False})
    hash: str
    at: str
    envelope: str = text()
    """As it lies in the bucket."""


class PublishedRole(SQLModel, table=True):
    """The version of a role of people that the log last told of: what was published when."""

    role: str = Field(primary_key=True)
    version: int = Field(sa_type=BigInt)
    sha256: str
    """Of the metadata file."""
