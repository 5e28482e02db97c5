"""What the database holds of control: who leads, what is held, what was approved, what happened."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from distribution import tables  # noqa: F401 - those that these point at, and their naming
from distribution.columns import big, moment, number, text


class Lease(SQLModel, table=True):
    """Who alone may act, until when: one row for each kind of work."""

    work: str = Field(primary_key=True)
    holder: str
    fence: int = big()
    """Grows with every change of hands; what an earlier holder still writes is refused by it."""
    until: datetime = moment()


class BrakeRow(SQLModel, table=True):
    """A hold that somebody put on; it stays until somebody takes it off."""

    id: int | None = number()
    scope: str = Field(index=True)
    """``site``, ``client``, ``product`` or ``global``."""
    target: str = ""
    """The site's, client's or product's name; empty for a global one."""
    by: str
    at: datetime = moment()
    reason: str = text()
    off_by: str = ""
    off_at: datetime | None = moment(default=None, index=True)
    off_reason: str = text()


class ClientApproval(SQLModel, table=True):
    """A client's yes to one version, for those of its sites whose policy is to ask it."""

    product: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    client_id: str = Field(primary_key=True, foreign_key="client.id")
    by: str
    at: datetime = moment()
    reason: str = text()


class EventRow(SQLModel, table=True):
    """Something that happened, for whoever watches; written with what it tells of."""

    id: int | None = number()
    at: datetime = moment()
    kind: str
    site_id: str = ""
    product: str = ""
    version: str = ""
    detail: str = text()
    """Further fields as JSON."""


class WindowRow(SQLModel, table=True):
    """One opening of a site's maintenance windows, and what came of it."""

    site_id: str = Field(primary_key=True, foreign_key="site.id")
    starts_at: datetime = moment(primary_key=True)
    ends_at: datetime = moment(index=True)
    outcome: str = Field(default="", index=True)
    """Empty while it is still to come, or under way."""
    detail: str = text()
