"""What support has asked of sites, what they answered, and the keys that sites had before."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from distribution.database import tables  # noqa: F401 - those that these point at, and their naming
from distribution.database.columns import big, moment, text


class RemoteStepRow(SQLModel, table=True):
    """A step of the fixed list that somebody asked one site for."""

    id: str = Field(primary_key=True)
    site_id: str = Field(foreign_key="site.id", index=True)
    kind: str
    product: str = ""
    version: str = ""
    asked_by: str
    role: str
    asked_at: datetime = moment()
    expires_at: datetime = moment()
    reason: str = text()
    handed_at: datetime | None = moment(default=None)
    """When the site first got it with an answer."""
    outcome: str = Field(default="", index=True)
    """Empty while it is open; ``expired`` if the site did not answer in time."""
    sentence: str = text()
    answered_at: datetime | None = moment(default=None)
    sha256: str = ""
    """Of the result's body."""


class StepResultRow(SQLModel, table=True):
    """A result as the site signed it, diagnostics in it; kept for 30 days."""

    step_id: str = Field(primary_key=True, foreign_key="remotesteprow.id")
    site_id: str = Field(foreign_key="site.id", index=True)
    received_at: datetime = moment(index=True)
    has_diagnostics: bool = False
    size_bytes: int = big()
    envelope: bytes = Field(sa_type=LargeBinary)
    public_key: str
    """The site's key at the time, with which anybody can verify the envelope."""


class FormerKey(SQLModel, table=True):
    """A key that a site gave up: who still speaks with it is a copy."""

    site_id: str = Field(primary_key=True, foreign_key="site.id")
    public_key: str = Field(primary_key=True)
    next_key: str
    given_up_at: datetime = moment()
    """By the site's clock."""
    received_at: datetime = moment()
    envelope: bytes = Field(sa_type=LargeBinary)
    """The change as the old key signed it: with it the old key is enough to verify receipts."""
