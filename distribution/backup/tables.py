"""What the database holds of restores: that there was one, and which sites are to be asked."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from distribution.database import tables  # noqa: F401 - those that these point at, and their naming
from distribution.database.columns import big, moment, number


class RestoreRow(SQLModel, table=True):
    """A backup that was taken up in the place of a database that was lost."""

    id: int | None = number()
    at: datetime = moment()
    by: str
    backup_at: datetime = moment()
    """The moment that the backup shows; what came after it was lost here."""
    audit_seq: int = big()
    """The last record of the audit log that the backup has."""
    audit_lost: int = big()
    """The last record that a signed checkpoint in the store knows of; those in between are lost."""


class AskAgain(SQLModel, table=True):
    """A site that must send again what it has written since the backup; gone when it has."""

    site_id: str = Field(primary_key=True, foreign_key="site.id")
    place: int = big()
    """Up to here nothing is missing, or the site no longer has it."""
    tries: int = 0
    """So often it was asked in vain."""
